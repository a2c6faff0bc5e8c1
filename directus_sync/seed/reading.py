"""Reads seed files, YAML and CSV: their collections and rows, with line numbers. Knows no schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

import yaml

from directus_sync.errors import InvalidSeed
from directus_sync.seed import csv_rows
from directus_sync.yaml_files import plain_yaml
from directus_sync.yaml_files.scalars import TAG

# Names the fields that identify a row if the schema declares no key. No collection has a dollar in its name.
KEYS: Final = "$keys"
# Parts of a group: fields that its rows share; a list of rows or the name of a CSV file; ranges that must not overlap.
EACH: Final = "$each"
ROWS: Final = "$rows"
DISJOINT: Final = "$disjoint"
_RANGE: Final = re.compile(r"(\w+) (<=?) (\w+)")

# YAML has forms of numbers that JSON lacks, such as 0x1F and 1_000. They stay text in JSON.
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")

FORM: Final = "write it as a mapping of collections to lists of rows; docs/seeds.md shows how"


Fields = Mapping[str, tuple[yaml.Node, str]]


@dataclass(frozen=True, eq=False)
class RawRow:
    """One row as it is written in a file. where: `file:line`; fields: the value of each field and its `file:line`."""

    collection: str
    where: str
    fields: Fields = field(repr=False)


@dataclass(frozen=True)
class Range:
    """Two fields of a row that hold the begin and the end of a range. included: the range contains its end."""

    begin: str
    end: str
    included: bool


@dataclass(frozen=True, eq=False)
class SeedFile:
    """One file. keys, disjoint: the entries of `$keys` and `$disjoint` by collection, each with its `file:line`."""

    path: Path
    rows: tuple[RawRow, ...]
    keys: Mapping[str, tuple[tuple[str, ...], str]]
    disjoint: Mapping[str, tuple[tuple[Range, ...], str]] = field(default_factory=dict)


def read(path: Path) -> SeedFile:
    """Read one file. Raises InvalidSeed with file and line."""
    return parse(plain_yaml.content(path, InvalidSeed, "correct its name"), path)


def parse(content: bytes, path: Path) -> SeedFile:
    """Read the content of a file. Raises InvalidSeed with file and line.

    path: for messages, and to find its CSV files.
    """
    root = plain_yaml.file_tree(content, str(path), InvalidSeed, "correct that line")
    if root is None:
        return SeedFile(path, (), {})
    rows: list[RawRow] = []
    keys: dict[str, tuple[tuple[str, ...], str]] = {}
    disjoint: dict[str, tuple[tuple[Range, ...], str]] = {}
    for name, line, node in _pairs(root, path, "the file must be a mapping of collections to rows"):
        if name == KEYS:
            keys = dict(_keys(node, path))
            continue
        if isinstance(node, yaml.MappingNode):
            group = _group(name, node, path, line)
            rows += _of_group(name, group, path)
            if DISJOINT in group:
                disjoint[name] = _ranges(name, group[DISJOINT], path), _at(group[DISJOINT], path)
        elif isinstance(node, yaml.SequenceNode):
            rows += _listed(name, node, path)
        else:
            raise InvalidSeed(f"{name} must be a list of rows", where=f"{path}:{line}", next=FORM)
    return SeedFile(path, tuple(rows), keys, disjoint)


def texts(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the texts of files, seed files and others, to search for names.

    Includes the CSV files of seed files: the name of their collection and their first line. A file that can't be read
    counts as empty here; reading its rows raises the error.
    """
    found: dict[Path, str] = {}
    for path in paths:
        found[path] = _text(path)
        for name, table in _tables(path, found[path].encode()) if path.suffix == ".yaml" else ():
            found[table] = f"{name}\n{_text(table).partition(chr(10))[0]}"
    return found


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_bytes().decode(errors="replace")
    return ""


def _tables(path: Path, content: bytes) -> Iterator[tuple[str, Path]]:
    """Yield each collection that has its rows in a CSV file, and that file."""
    with suppress(plain_yaml.Unreadable):
        root = plain_yaml.tree(content)
        groups = root.value if isinstance(root, yaml.MappingNode) else []
        for name, group in groups:
            parts = group.value if isinstance(group, yaml.MappingNode) else []
            for key, value in parts:
                if key.value == ROWS and isinstance(value, yaml.ScalarNode):
                    yield str(name.value), path.parent / str(value.value)


def line_of(node: yaml.Node, where: str) -> str:
    """Return `file:line` of a node. where: the `file:line` of its row."""
    return f"{where.rpartition(':')[0]}:{node.start_mark.line + 1}"


def text(node: yaml.ScalarNode) -> str | None:
    """Return a scalar as it is written, None for null. PostgreSQL interprets it, so YAML's `no` stays text."""
    return None if node.tag == f"{TAG}null" else str(node.value)


def plain(node: yaml.Node) -> object:
    """Return a node as JSON data, with exact numbers. `yes` and dates become text, because JSON has neither."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    return _scalar(str(node.value), node.tag.removeprefix(TAG))


def _listed(name: str, node: yaml.SequenceNode, path: Path) -> Iterator[RawRow]:
    for entry in node.value:
        fields = _fields(entry, path, f"a row of {name} must be a mapping of fields to values")
        yield RawRow(name, _at(entry, path), fields)


def _fields(node: yaml.Node, path: Path, otherwise: str) -> Fields:
    return {key: (value, _at(value, path)) for key, _, value in _pairs(node, path, otherwise)}


def _group(name: str, node: yaml.MappingNode, path: Path, line: int) -> Mapping[str, yaml.Node]:
    group = {key: value for key, _, value in _pairs(node, path, "")}
    unknown = group.keys() - {EACH, ROWS, DISJOINT}
    if unknown or ROWS not in group:
        why = f"can't have {min(unknown)}" if unknown else f"must have {ROWS}"
        what = f"{name} must be a list of rows or a group, and a group {why}"
        raise InvalidSeed(what, where=f"{path}:{line}", next=FORM)
    return group


def _of_group(name: str, group: Mapping[str, yaml.Node], path: Path) -> Iterator[RawRow]:
    shared = _fields(group[EACH], path, f"{EACH} must be a mapping of fields") if EACH in group else {}
    node = group[ROWS]
    listed = _listed(name, node, path) if isinstance(node, yaml.SequenceNode) else _of_csv(name, node, path)
    for row in listed:
        if twice := sorted(row.fields.keys() & shared.keys()):
            raise InvalidSeed(f"{twice[0]} is also in {EACH}", where=row.where, next="remove it from one of them")
        yield RawRow(name, row.where, {**shared, **row.fields})


def _of_csv(name: str, node: yaml.Node, path: Path) -> Iterator[RawRow]:
    if not isinstance(node, yaml.ScalarNode):
        raise InvalidSeed(f"{ROWS} must be a list of rows or the name of a CSV file", where=_at(node, path), next=FORM)
    for where, fields in csv_rows.read(path.parent / str(node.value), _at(node, path)):
        yield RawRow(name, where, {key: (cell, where) for key, cell in fields.items()})


def _ranges(name: str, node: yaml.Node, path: Path) -> tuple[Range, ...]:
    items = node.value if isinstance(node, yaml.SequenceNode) else []
    found = [_RANGE.fullmatch(str(item.value)) for item in items]
    if not found or None in found:
        raise InvalidSeed(
            f"{DISJOINT} of {name} must be a list of ranges",
            where=_at(node, path),
            next='write each as "begin < end", or as "begin <= end" if the range contains its end',
        )
    return tuple(Range(match[1], match[3], match[2] == "<=") for match in found if match)


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
