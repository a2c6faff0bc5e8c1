"""Seed files as YAML and CSV: collections, rows, and the lines they stand in. Knows no schema."""

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
from directus_sync.yaml_files.plain_yaml import TAG

# Names the fields that tell rows apart where the schema declares no key; no collection has a dollar in its name.
KEYS: Final = "$keys"
# Of a group: what its rows share; the rows, listed or as the name of a CSV file; ranges that do not overlap.
EACH: Final = "$each"
ROWS: Final = "$rows"
DISJOINT: Final = "$disjoint"
_RANGE: Final = re.compile(r"(\w+) (<=?) (\w+)")

# YAML has more numbers than JSON, such as 0x1F and 1_000. In JSON these stay texts.
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")

FORM: Final = "write it as a mapping of collections to lists of rows; docs/seeds.md shows how"


Fields = Mapping[str, tuple[yaml.Node, str]]


@dataclass(frozen=True, eq=False)
class RawRow:
    """One row as it stands in a file. where: `file:line`; fields: what each has, and where that stands."""

    collection: str
    where: str
    fields: Fields = field(repr=False)


@dataclass(frozen=True)
class Range:
    """Two fields of a row that are the begin and the end of something. included: the end belongs to it."""

    begin: str
    end: str
    included: bool


@dataclass(frozen=True, eq=False)
class SeedFile:
    """One file. keys: by collection, the fields of `$keys` and where they stand; disjoint: likewise of `$disjoint`."""

    path: Path
    rows: tuple[RawRow, ...]
    keys: Mapping[str, tuple[tuple[str, ...], str]]
    disjoint: Mapping[str, tuple[tuple[Range, ...], str]] = field(default_factory=dict)


def read(path: Path) -> SeedFile:
    """Read one file. Raises InvalidSeed with file and line."""
    return parse(plain_yaml.content(path, InvalidSeed, "correct its name"), path)


def parse(content: bytes, path: Path) -> SeedFile:
    """Read what a file holds. path: for messages. Raises InvalidSeed with file and line."""
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
            raise InvalidSeed(f"what stands below {name} must be a list of rows", where=f"{path}:{line}", next=FORM)
    return SeedFile(path, tuple(rows), keys, disjoint)


def texts(paths: Iterable[Path]) -> dict[Path, str]:
    """Return what files say to who looks for names there: seed files and others.

    A seed file's CSV files are among them: their fields, and the collection that these are of. What can't be read names
    nothing: it is refused where rows are made of it.
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
    """Yield the collections whose rows stand in CSV files, and these."""
    with suppress(plain_yaml.Unreadable):
        root = plain_yaml.tree(content)
        groups = root.value if isinstance(root, yaml.MappingNode) else []
        for name, group in groups:
            parts = group.value if isinstance(group, yaml.MappingNode) else []
            for key, value in parts:
                if key.value == ROWS and isinstance(value, yaml.ScalarNode):
                    yield str(name.value), path.parent / str(value.value)


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
        why = f"can't have {min(unknown)}" if unknown else f"has no {ROWS}"
        what = f"what stands below {name} must be a list of rows, or a group, which {why}"
        raise InvalidSeed(what, where=f"{path}:{line}", next=FORM)
    return group


def _of_group(name: str, group: Mapping[str, yaml.Node], path: Path) -> Iterator[RawRow]:
    shared = _fields(group[EACH], path, f"{EACH} must be a mapping of fields") if EACH in group else {}
    node = group[ROWS]
    listed = _listed(name, node, path) if isinstance(node, yaml.SequenceNode) else _of_csv(name, node, path)
    for row in listed:
        if twice := sorted(row.fields.keys() & shared.keys()):
            raise InvalidSeed(f"{twice[0]} stands in {EACH}, too", where=row.where, next="take it out of one of them")
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
            next='write each as "begin < end", or as "begin <= end" where the end belongs to it',
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
