"""snapshots/roles.yaml: the roles of the database, and their rights. Reads the file; knows no database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from directus_sync import tree
from directus_sync.errors import InvalidRoles
from directus_sync.tree import Form, Node

RIGHTS: Final = ("select", "insert", "update", "delete")
SETTINGS: Final = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
_DURATION: Final = re.compile(r"[0-9]+(ms|s|min|h)")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_FORM: Final = Form(InvalidRoles, "write it as in docs/roles.md")


@dataclass(frozen=True)
class DatabaseRole:
    """A role. settings: of its sessions; rights: by pattern of table names, in the order of the file."""

    name: str
    settings: Mapping[str, str]
    rights: Mapping[str, tuple[str, ...]]

    def on(self, table: str) -> frozenset[str]:
        """Return the rights on a table of schema public: those of the last pattern that fits."""
        fitting = [rights for pattern, rights in self.rights.items() if fnmatchcase(table, pattern)]
        return frozenset(fitting[-1]) if fitting else frozenset()


def read(path: Path) -> tuple[DatabaseRole, ...]:
    """Read the roles. A missing file has none.

    Raises InvalidRoles with file and line.
    """
    if not path.is_file():
        return ()
    root = tree.read(path, _FORM)
    return tuple(_role(name, node) for name, node in root.pairs()) if root is not None else ()


def _role(name: str, node: Node) -> DatabaseRole:
    if _NAME.fullmatch(name) is None:
        raise node.fault("is not a plain name: lower-case letters, digits and underscores")
    parts = node.record((), ("settings", "rights"))
    return DatabaseRole(name, dict(_settings(parts.get("settings"))), dict(_rights(parts.get("rights"))))


def _settings(node: Node | None) -> Iterator[tuple[str, str]]:
    for name, child in node.record((), SETTINGS).items() if node is not None else ():
        if _DURATION.fullmatch(child.text()) is None:
            raise child.fault("must be a duration, such as 30s or 2min")
        yield name, child.text()


def _rights(node: Node | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    for pattern, child in node.pairs() if node is not None else ():
        yield pattern, tuple(each.one_of(RIGHTS) for each in child.items())
