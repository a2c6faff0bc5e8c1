"""Seed files as YAML: collections, rows, and the lines they stand in. Knows no schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

import yaml

from directus_sync import plain_yaml
from directus_sync.errors import InvalidSeed
from directus_sync.plain_yaml import TAG

# Names the fields that tell rows apart where the schema declares no key; no collection has a dollar in its name.
KEYS: Final = "$keys"

# YAML has more numbers than JSON, such as 0x1F and 1_000. In JSON these stay texts.
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")

FORM: Final = "write it as a mapping of collections to lists of rows; docs/seeds.md shows how"


@dataclass(frozen=True, eq=False)
class RawRow:
    """One row as it stands in a file. where: `file:line`."""

    collection: str
    where: str
    fields: Mapping[str, yaml.Node] = field(repr=False)


@dataclass(frozen=True, eq=False)
class SeedFile:
    """One file. keys: by collection, the fields of `$keys` and where they stand."""

    path: Path
    rows: tuple[RawRow, ...]
    keys: Mapping[str, tuple[tuple[str, ...], str]]


def read(path: Path) -> SeedFile:
    """Read one file.

    Raises InvalidSeed with file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        what = f"the file can't be read: {error.strerror}"
        raise InvalidSeed(what, where=str(path), next="correct its name") from error
    return parse(content, path)


def parse(content: bytes, path: Path) -> SeedFile:
    """Read what a file holds. path: for messages.

    Raises InvalidSeed with file and line.
    """
    try:
        root = plain_yaml.tree(content)
    except plain_yaml.Unreadable as error:
        raise InvalidSeed(
            f"the file can't be used: {error.reason}", where=error.where(str(path)), next="correct that line"
        ) from error
    if root is None:
        return SeedFile(path, (), {})
    rows: list[RawRow] = []
    keys: dict[str, tuple[tuple[str, ...], str]] = {}
    for name, line, node in _pairs(root, path, "the file must be a mapping of collections to rows"):
        if name == KEYS:
            keys = dict(_keys(node, path))
            continue
        if not isinstance(node, yaml.SequenceNode):
            raise InvalidSeed(f"what stands below {name} must be a list of rows", where=f"{path}:{line}", next=FORM)
        for entry in node.value:
            pairs = _pairs(entry, path, f"a row of {name} must be a mapping of fields to values")
            rows.append(RawRow(name, _at(entry, path), {key: value for key, _, value in pairs}))
    return SeedFile(path, tuple(rows), keys)


def line_of(node: yaml.Node, where: str) -> str:
    """Return `file:line` of a node. where: of the row it belongs to."""
    return f"{where.rpartition(':')[0]}:{node.start_mark.line + 1}"


def text(node: yaml.ScalarNode) -> str | None:
    """Return a scalar as it is written, None for null: PostgreSQL reads it, and YAML's `no` stays a text."""
    return None if node.tag == f"{TAG}null" else str(node.value)


def plain(node: yaml.Node) -> object:
    """Return a node as JSON has it, numbers as written. `yes` and dates are texts, because JSON has neither."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    return _scalar(str(node.value), node.tag.removeprefix(TAG))


def _scalar(value: str, kind: str) -> object:
    if kind == "null":
        return None
    if kind == "bool" and value in {"true", "false"}:
        return value == "true"
    if kind in {"int", "float"} and _NUMBER.fullmatch(value):
        return Decimal(value)
    return value


def _keys(node: yaml.Node, path: Path) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    for name, line, fields in _pairs(node, path, f"{KEYS} must be a mapping of collections to lists of fields"):
        listed = fields.value if isinstance(fields, yaml.SequenceNode) else []
        if not listed or not all(isinstance(item, yaml.ScalarNode) for item in listed):
            raise InvalidSeed(f"{KEYS} of {name} must be a list of fields", where=f"{path}:{line}", next=FORM)
        yield name, (tuple(str(item.value) for item in listed), f"{path}:{line}")


def _pairs(node: yaml.Node, path: Path, otherwise: str) -> Iterator[tuple[str, int, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise InvalidSeed(otherwise, where=_at(node, path), next=FORM)
    yield from ((key.value, key.start_mark.line + 1, value) for key, value in node.value)


def _at(node: yaml.Node, path: Path) -> str:
    return f"{path}:{node.start_mark.line + 1}"
