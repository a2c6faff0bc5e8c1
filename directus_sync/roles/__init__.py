"""Reads the roles of the database and their rights from snapshots/roles.yaml. Uses no database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from directus_sync.errors import InvalidRoles
from directus_sync.yaml_files import tree
from directus_sync.yaml_files.tree import FileKind, Node

RIGHTS: Final = ("select", "insert", "update", "delete")
SETTINGS: Final = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
_DURATION: Final = re.compile(r"([0-9]{1,10})(ms|s|min|h)")
_MILLISECONDS: Final = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
# PostgreSQL truncates longer names and reserves some. It stores a duration as a 32-bit number of milliseconds.
_NAME: Final = re.compile(r"(?!pg_|(?:public|none)$)[a-z_][a-z0-9_]{0,62}")
_PLAIN: Final = "is not a plain name: at most 63 lower-case letters, digits and underscores, not pg_..., public or none"
_LONGEST: Final = 2**31 - 1
_FILE_KIND: Final = FileKind(InvalidRoles, "write it as in docs/roles.md")


@dataclass(frozen=True)
class DatabaseRole:
    """A role. settings: for its sessions; rights: by pattern of table names, in the order of the file."""

    name: str
    settings: Mapping[str, str]
    rights: Mapping[str, tuple[str, ...]]

    def on(self, table: str) -> frozenset[str]:
        """Return the rights on a table of schema public. The last pattern that matches decides."""
        fitting = [rights for pattern, rights in self.rights.items() if fnmatchcase(table, pattern)]
        return frozenset(fitting[-1]) if fitting else frozenset()


def read(path: Path) -> tuple[DatabaseRole, ...]:
    """Read the roles. A missing file means no roles.

    Raises InvalidRoles with file and line.
    """
    if not path.is_file():
        return ()
    root = tree.read(path, _FILE_KIND)
    return tuple(_role(name, node) for name, node in root.pairs()) if root is not None else ()


def _role(name: str, node: Node) -> DatabaseRole:
    if _NAME.fullmatch(name) is None:
        raise node.fault(_PLAIN)
    parts = node.record((), ("settings", "rights"))
    return DatabaseRole(name, dict(_settings(parts.get("settings"))), dict(_rights(parts.get("rights"))))


def _settings(node: Node | None) -> Iterator[tuple[str, str]]:
    for name, child in node.record((), SETTINGS).items() if node is not None else ():
        if not _is_duration(child.text()):
            raise child.fault("must be a duration of at most 24 days, such as 30s or 2min")
        yield name, child.text()


def _is_duration(text: str) -> bool:
    found = _DURATION.fullmatch(text)
    return found is not None and int(found[1]) * _MILLISECONDS[found[2]] <= _LONGEST


def _rights(node: Node | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    for pattern, child in node.pairs() if node is not None else ():
        yield pattern, tuple(each.one_of(RIGHTS) for each in child.items())
