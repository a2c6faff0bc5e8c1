"""Seed files as YAML: collections, rows, and the lines they stand in. Knows no schema."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Final

import yaml

from directus_sync.errors import InvalidSeed

# Names the fields that tell rows apart where the schema declares no key; no collection has a dollar in its name.
KEYS: Final = "$keys"

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
# Both libyaml and what reads the nodes go by recursion.
_DEPTH: Final = 50

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
        raise InvalidSeed(f"the file can't be read: {error.strerror}", where=str(path), next="name another") from error
    return parse(content, path)


def parse(content: bytes, path: Path) -> SeedFile:
    """Read what a file holds. path: for messages.

    Raises InvalidSeed with file and line.
    """
    root = _compose(content, path)
    if root is None:
        return SeedFile(path, (), {})
    rows: list[RawRow] = []
    keys: dict[str, tuple[tuple[str, ...], str]] = {}
    for name, line, node in _pairs(root, path, "the file is no mapping of collections to rows"):
        if name == KEYS:
            keys = dict(_keys(node, path))
            continue
        if not isinstance(node, yaml.SequenceNode):
            raise InvalidSeed(f"what stands below {name} is no list of rows", where=f"{path}:{line}", next=FORM)
        for entry in node.value:
            pairs = _pairs(entry, path, f"a row of {name} is no mapping of fields to values")
            rows.append(RawRow(name, _at(entry, path), {key: value for key, _, value in pairs}))
    return SeedFile(path, tuple(rows), keys)


def line_of(node: yaml.Node, where: str) -> str:
    """Return `file:line` of a node. where: of the row it belongs to."""
    return f"{where.rpartition(':')[0]}:{node.start_mark.line + 1}"


def text(node: yaml.ScalarNode) -> str | None:
    """Return a scalar as it is written, None for null: PostgreSQL reads it, and YAML's `no` stays a text."""
    return None if node.tag == f"{_TAG}null" else str(node.value)


def plain(node: yaml.Node) -> object:
    """Return a node as JSON has it. Of scalars only what JSON knows is more than text: `yes` and dates are texts."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    return _scalar(str(node.value), node.tag.removeprefix(_TAG))


def _scalar(value: str, kind: str) -> object:
    if kind == "null":
        return None
    if kind == "bool" and value in {"true", "false"}:
        return value == "true"
    with contextlib.suppress(ValueError):  # one of YAML's own forms, such as 12:30 or 0x1F
        if kind == "int":
            return int(value)
        if kind == "float" and isfinite(float(value)):
            return float(value)
    return value


def _keys(node: yaml.Node, path: Path) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    for name, line, fields in _pairs(node, path, f"{KEYS} is no mapping of collections to lists of fields"):
        listed = fields.value if isinstance(fields, yaml.SequenceNode) else []
        if not listed or not all(isinstance(item, yaml.ScalarNode) for item in listed):
            raise InvalidSeed(f"{KEYS} of {name} is no list of fields", where=f"{path}:{line}", next=FORM)
        yield name, (tuple(str(item.value) for item in listed), f"{path}:{line}")


def _pairs(node: yaml.Node, path: Path, otherwise: str) -> Iterator[tuple[str, int, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise InvalidSeed(otherwise, where=_at(node, path), next=FORM)
    yield from ((key.value, key.start_mark.line + 1, value) for key, value in node.value)


def _compose(content: bytes, path: Path) -> yaml.Node | None:
    try:
        _require_shallow(yaml.parse(content, Loader=_LOADER), path)
        root: yaml.Node | None = yaml.compose(content, Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidSeed(
            f"the file is not YAML: {getattr(error, 'problem', None) or getattr(error, 'reason', None) or error}",
            where=f"{path}:{mark.line + 1}" if mark else str(path),
            next="mend that line",
        ) from error
    if root is not None:
        _require_sound(root, path, 0)
    return root


def _require_shallow(events: Iterable[yaml.Event], path: Path) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH:
            raise _too_deep(path, event)


def _require_sound(node: yaml.Node, path: Path, depth: int) -> None:
    """Refuse what an alias nests in itself, keys that are no text, and keys that are there twice."""
    if depth > _DEPTH:
        raise _too_deep(path, node)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _require_sound(item, path, depth + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen or key.value == "<<":
                name = str(key.value) if isinstance(key, yaml.ScalarNode) else "a key that is no text"
                what = f"{name} is there twice" if name in seen else f"{name} can't be a key"
                raise InvalidSeed(what, where=_at(key, path), next="mend that line")
            seen.add(key.value)
            _require_sound(value, path, depth + 1)


def _too_deep(path: Path, place: yaml.Node | yaml.Event) -> InvalidSeed:
    return InvalidSeed("the file is nested deeper than rows are", where=_at(place, path), next="mend that line")


def _at(place: yaml.Node | yaml.Event, path: Path) -> str:
    return f"{path}:{place.start_mark.line + 1}" if place.start_mark else str(path)
