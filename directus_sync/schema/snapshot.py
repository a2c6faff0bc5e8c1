"""A Directus schema snapshot: its bytes, its hash and its entries. Never edits the bytes, and knows no server."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from directus_sync.errors import InvalidSnapshot, WrongSettings
from directus_sync.schema import default_names, snapshot_checks
from directus_sync.schema.properties import Properties
from directus_sync.schema.snapshot_checks import ENTRY_KEYS, FORMAT_VERSION, NAMING_KEYS, VENDOR, Fault
from directus_sync.yaml_files import plain_yaml

_Sections = Mapping[str, Mapping[tuple[str, ...], Mapping[str, Any]]]
_RESTORE: Final = "restore the file from git, or write it again: directus-sync pull --overwrite"
_CORRECT: Final = "this is what Directus itself has in its tables: correct it there, then run again"
# A file's name, content and type.
Upload = tuple[str, bytes, str]


@dataclass(frozen=True)
class Snapshot:
    """One exported schema. `content` is byte for byte what Directus gave; the rest is read from it."""

    content: bytes = field(repr=False)
    source: str
    directus: str
    sections: _Sections = field(repr=False)

    def section(self, name: str) -> Mapping[tuple[str, ...], Mapping[str, Any]]:
        """Return the entries of `collections`, `fields`, `systemFields` or `relations` by their name.

        A name is (collection,) or (collection, field).
        """
        return self.sections[name]

    def schema(self, section: str, key: tuple[str, ...]) -> Mapping[str, Any]:
        """Return the table, column or foreign key of an entry; empty where there is none, or no entry."""
        return (self.section(section).get(key) or {}).get("schema") or {}

    @cached_property
    def ids(self) -> frozenset[str]:
        """Its collections, fields and relations as a person writes them: `events`, `events.notes`."""
        return frozenset(".".join(key) for name in ("collections", "fields", "relations") for key in self.section(name))

    @cached_property
    def names(self) -> Mapping[str, Sequence[str]]:
        """The items by the names of the tables and indexes that they have."""
        return default_names.of_tables(self.section("collections"), self.section("fields"))

    @cached_property
    def upload(self) -> Upload:
        """The snapshot as JSON, which Directus parses in a twentieth of the time that YAML takes."""
        try:
            content = json.dumps(_document(self.directus, self.sections), allow_nan=False).encode()
        except ValueError:
            # JSON has no infinity, which a default value can be.
            return "snapshot.yaml", self.content, "text/yaml"
        return "snapshot.json", content, "application/json"

    def with_entries(self, other: Snapshot, keys: Iterable[tuple[str, tuple[str, ...]]]) -> Snapshot:
        """Return this snapshot with the other one's entries, or lack of them. keys: (section, name) each."""
        sections = {name: dict(section) for name, section in self.sections.items()}
        for section, key in keys:
            entry = other.section(section).get(key)
            if entry is None:
                sections[section].pop(key, None)
            else:
                sections[section][key] = entry
        owners = {key[0] for key in sections["collections"]}
        for section in ("fields", "relations"):
            for lost in [k for k in sections[section] if k[0] not in owners and not k[0].startswith("directus_")]:
                del sections[section][lost]
        content = plain_yaml.dump(_document(self.directus, sections))
        return dataclasses.replace(self, content=content, sections=sections)

    @cached_property
    def sha256(self) -> str:
        """The hash of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def _document(directus: str, sections: _Sections) -> dict[str, object]:
    entries = {name: list(section.values()) for name, section in sections.items()}
    return {"version": FORMAT_VERSION, "directus": directus, "vendor": VENDOR, **entries}


def content_of(path: Path) -> bytes:
    """Return the bytes of a snapshot file. Raises WrongSettings when it cannot be read."""
    return plain_yaml.content(
        path, WrongSettings, "write it with `directus-sync pull`, or name another with --snapshot"
    )


def read(path: Path, forbidden: Iterable[str] = ()) -> Snapshot:
    """Read a snapshot file. forbidden: tables that Alembic owns, which no snapshot may name.

    Raises WrongSettings when it cannot be read, and InvalidSnapshot as `parse` does.
    """
    return parse(content_of(path), str(path), forbidden)


def parse(content: bytes, source: str, forbidden: Iterable[str] = (), *, may_be_empty: bool = False) -> Snapshot:
    """Check that the bytes are a snapshot that can be pushed without deleting everything, and read them.

    source: the file or URL they come from, for messages.
    may_be_empty: accept a snapshot without collections, which a new Directus exports; it must never be pushed.

    Raises InvalidSnapshot with file, line and what to do.
    """
    return _checked(_load(content, source), content, source, forbidden, may_be_empty=may_be_empty)


def exported(document: object, source: str, forbidden: Iterable[str] = ()) -> Snapshot:
    """Check and read what Directus exports as JSON, ten times as fast as `parse`: to compare with, never to be pushed.

    Its `content` is empty, because these are not the bytes of a file.

    Raises InvalidSnapshot.
    """
    return _checked(document, b"", source, forbidden, may_be_empty=True)


def empty(like: Snapshot) -> Snapshot:
    """Return the snapshot of a Directus of the same version that has only Directus's own fields."""
    sections = {section: like.section(section) if section == "systemFields" else {} for section in ENTRY_KEYS}
    return Snapshot(b"", "an empty Directus", like.directus, sections)


def require_version(snapshot: Snapshot, version: str) -> None:
    """Fail unless the snapshot was exported by exactly this version of Directus, patch included: Directus insists.

    Raises InvalidSnapshot.
    """
    if snapshot.directus != version:
        raise InvalidSnapshot(
            f"the snapshot is of Directus {snapshot.directus}, and this Directus is {version}",
            where=_line_of(snapshot.content, snapshot.source, ("directus",)),
            next=f"run Directus {snapshot.directus},\n"
            f"or upgrade the snapshot: deploy it with {snapshot.directus}, start {version} on that database,"
            " and directus-sync pull",
        )


def require_properties(snapshot: Snapshot, known: Properties, live: Snapshot) -> None:
    """Fail unless Directus can keep each property of each `meta`: its apply would fail, or never come out equal.

    live: what is there already, which is kept.

    Raises InvalidSnapshot.
    """
    for section, properties in known.items():
        for index, (key, entry) in enumerate(snapshot.section(section).items()):
            there = (live.section(section).get(key) or {}).get("meta") or {}
            for name, value in (entry.get("meta") or {}).items():
                if name in there and type(there[name]) is type(value) and there[name] == value:
                    continue
                fault = f"is not a property that Directus {snapshot.directus} has"
                if name in properties:
                    fault = properties[name].fault(value)
                if fault:
                    where = _line_of(snapshot.content, snapshot.source, (section, index, "meta", name))
                    what = f"`meta.{name}` of {'.'.join(key)} {fault}"
                    raise InvalidSnapshot(what, where=where, next=_RESTORE)


def _checked(
    document: object, content: bytes, source: str, forbidden: Iterable[str], *, may_be_empty: bool
) -> Snapshot:
    checked = snapshot_checks.check(document, frozenset(forbidden), live=may_be_empty)
    if isinstance(checked, Fault):
        usual = _CORRECT if may_be_empty else _RESTORE
        if may_be_empty and checked.correction:
            usual = f"{_CORRECT}, by SQL:\n{checked.correction}"
        where = _line_of(content, source, checked.path)
        raise InvalidSnapshot(checked.what, where=where, next=checked.step or usual)
    sections = {
        section: {tuple(entry[key] for key in NAMING_KEYS[section]): entry for entry in checked[section]}
        for section in ENTRY_KEYS
    }
    # Of a folder Directus leaves `schema` out, and refuses null there.
    sections["collections"] = {
        key: entry if entry.get("schema") is not None else {name: entry[name] for name in ("collection", "meta")}
        for key, entry in sections["collections"].items()
    }
    return Snapshot(content, source, checked["directus"], sections)


def _load(content: bytes, source: str) -> object:
    try:
        return plain_yaml.load(content)
    # PyYAML without LibYAML accepts an escape that is no character: the other two errors.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        what = f"the file is not YAML: {getattr(error, 'problem', None) or error}"
        raise InvalidSnapshot(what, where=where, next=_RESTORE) from error


def _line_of(content: bytes, source: str, path: tuple[str | int, ...]) -> str:
    """Return `source:line` of a key or an entry. Slow, so it is called for errors only."""
    node: yaml.Node | None = None
    with suppress(plain_yaml.Unreadable):  # UTF-16, which `load` reads
        node = plain_yaml.tree(content)
    mark = node.start_mark if node is not None else None
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            mark = node.start_mark
    return f"{source}:{mark.line + 1}" if mark is not None else source
