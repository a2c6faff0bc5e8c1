"""snapshots/roles.yaml: the roles of the database, and their rights. Reads the file; knows no database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import yaml

from directus_sync import plain_yaml
from directus_sync.errors import InvalidRoles

RIGHTS: Final = ("select", "insert", "update", "delete")
SETTINGS: Final = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
_DURATION: Final = re.compile(r"([0-9]{1,10})(ms|s|min|h)")
_MILLISECONDS: Final = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
# PostgreSQL cuts longer names, keeps some to itself, and has an integer for a duration.
_NAME: Final = re.compile(r"(?!pg_|(?:public|none)$)[a-z_][a-z0-9_]{0,62}")
_LONGEST: Final = 2**31 - 1
_NEXT: Final = "write it as in docs/roles.md"


@dataclass(frozen=True)
class Role:
    """A role. settings: of its sessions; rights: by pattern of table names, in the order of the file."""

    name: str
    settings: Mapping[str, str]
    rights: Mapping[str, tuple[str, ...]]

    def on(self, table: str) -> frozenset[str]:
        """Return the rights on a table of schema public: those of the last pattern that fits."""
        fitting = [rights for pattern, rights in self.rights.items() if fnmatchcase(table, pattern)]
        return frozenset(fitting[-1]) if fitting else frozenset()


def read(path: Path) -> tuple[Role, ...]:
    """Read the roles. A missing file has none.

    Raises InvalidRoles with file and line.
    """
    if not path.is_file():
        return ()
    root = plain_yaml.read_tree(path, InvalidRoles, _NEXT)
    return tuple(_role(name, node, path) for name, node in _pairs(root, path))


def _role(name: yaml.Node, node: yaml.Node, path: Path) -> Role:
    parts = {_text(key, path): value for key, value in _pairs(node, path)}
    if _NAME.fullmatch(_text(name, path)) is None or not parts.keys() <= {"settings", "rights"}:
        raise _invalid("a role has a plain name, `settings` and `rights`, and nothing else", name, path)
    settings = {_one_of(key, SETTINGS, path): _text(value, path) for key, value in _pairs(parts.get("settings"), path)}
    if not all(map(_is_duration, settings.values())):
        raise _invalid("a setting must be a duration of at most 24 days, such as 30s or 2min", parts["settings"], path)
    rights = {_text(key, path): _rights(value, path) for key, value in _pairs(parts.get("rights"), path)}
    return Role(name.value, settings, rights)


def _is_duration(text: str) -> bool:
    found = _DURATION.fullmatch(text)
    return found is not None and int(found[1]) * _MILLISECONDS[found[2]] <= _LONGEST


def _rights(node: yaml.Node, path: Path) -> tuple[str, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise _invalid("the rights on a table must be a list", node, path)
    return tuple(_one_of(each, RIGHTS, path) for each in node.value)


def _pairs(node: yaml.Node | None, path: Path) -> list[tuple[yaml.Node, yaml.Node]]:
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        raise _invalid("this must be a mapping", node, path)
    return list(node.value)


def _one_of(node: yaml.Node, known: tuple[str, ...], path: Path) -> str:
    if _text(node, path) not in known:
        raise _invalid(f"{node.value!r} is none of {', '.join(known)}", node, path)
    return str(node.value)


def _text(node: yaml.Node, path: Path) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _invalid("this must be one word", node, path)
    return str(node.value)


def _invalid(what: str, node: yaml.Node, path: Path) -> InvalidRoles:
    return InvalidRoles(what, where=f"{path}:{node.start_mark.line + 1}", next=_NEXT)
