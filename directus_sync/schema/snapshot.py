"""A Directus schema snapshot: its bytes, its hash and its entries. Never asks a server."""

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
from directus_sync.yaml_files import plain_yaml, scalars

_Sections = Mapping[str, Mapping[tuple[str, ...], Mapping[str, Any]]]
_RESTORE: Final = "restore the file from git, or write it again: directus-sync pull --overwrite"
_CORRECT: Final = "Directus itself has this in its tables: correct it there, then run again"
# A file's name, content and type.
Upload = tuple[str, bytes, str]


@dataclass(frozen=True)
class Snapshot:
    """One exported schema. content: the exact bytes from Directus; everything else is read from them."""

    content: bytes = field(repr=False)
    source: str
    directus: str
    sections: _Sections = field(repr=False)

    def section(self, name: str) -> Mapping[tuple[str, ...], Mapping[str, Any]]:
        """Return the entries of `collections`, `fields`, `systemFields` or `relations` by name.

        A name is (collection,) or (collection, field).
        """
        return self.sections[name]

    def schema(self, section: str, key: tuple[str, ...]) -> Mapping[str, Any]:
        """Return an entry's `schema`: its table, column or foreign key. Empty if it has none, or there is no entry."""
        return (self.section(section).get(key) or {}).get("schema") or {}

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of the collections, fields and relations, such as `events` and `events.notes`."""
        return frozenset(".".join(key) for name in ("collections", "fields", "relations") for key in self.section(name))

    @cached_property
    def names(self) -> Mapping[str, Sequence[str]]:
        """The ids of collections and fields, by the names of their tables and indexes in PostgreSQL."""
        return default_names.of_tables(self.section("collections"), self.section("fields"))

    @cached_property
    def upload(self) -> Upload:
        """The snapshot as JSON, which Directus parses 20 times as fast as YAML."""
        try:
            content = json.dumps(_document(self.directus, self.sections), allow_nan=False).encode()
        except ValueError:
            # A default value can be infinity, which JSON cannot express.
            return "snapshot.yaml", self.content, "text/yaml"
        return "snapshot.json", content, "application/json"

    def with_entries(self, other: Snapshot, keys: Iterable[tuple[str, tuple[str, ...]]]) -> Snapshot:
        """Return a copy with the entries of `other` at these keys. An entry that `other` lacks is removed.

        keys: (section, name) each. Fields and relations of a collection that is then missing are removed, too.
        """
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
        content = scalars.dump(_document(self.directus, sections))
        return dataclasses.replace(self, content=content, sections=sections)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def _document(directus: str, sections: _Sections) -> dict[str, object]:
    entries = {name: list(section.values()) for name, section in sections.items()}
    return {"version": FORMAT_VERSION, "directus": directus, "vendor": VENDOR, **entries}


def content_of(path: Path) -> bytes:
    """Return the bytes of a snapshot file. Raises WrongSettings if it cannot be read."""
    return plain_yaml.content(
        path, WrongSettings, "write it with `directus-sync pull`, or name another with --snapshot"
    )


def read(path: Path, forbidden: Iterable[str] = ()) -> Snapshot:
    """Read a snapshot file. forbidden: tables that Alembic owns; a snapshot must not name them.

    Raises WrongSettings if the file cannot be read, and InvalidSnapshot as `parse` does.
    """
    return parse(content_of(path), str(path), forbidden)


def parse(content: bytes, source: str, forbidden: Iterable[str] = (), *, from_directus: bool = False) -> Snapshot:
    """Parse a snapshot and check it. One without collections is refused, because pushing it would delete everything.

    source: the file or URL of the bytes, for messages.
    from_directus: the bytes come from Directus. They may have no collections, as in a new Directus, and any field type;
    a fault must be corrected in Directus's tables. Never push such a snapshot.

    Raises InvalidSnapshot with file, line and what to do.
    """
    return _checked(_load(content, source), content, source, forbidden, from_directus=from_directus)


def exported(document: object, source: str, forbidden: Iterable[str] = ()) -> Snapshot:
    """Check and read a JSON export of Directus. Ten times as fast as `parse`.

    Use the result only to compare with. Its `content` is empty, so it must never be pushed.

    Raises InvalidSnapshot.
    """
    return _checked(document, b"", source, forbidden, from_directus=True)


def empty(like: Snapshot) -> Snapshot:
    """Return a snapshot with the version and the `systemFields` of `like`, and nothing else."""
    sections = {section: like.section(section) if section == "systemFields" else {} for section in ENTRY_KEYS}
    return Snapshot(b"", "an empty Directus", like.directus, sections)


def require_version(snapshot: Snapshot, version: str) -> None:
    """Raise InvalidSnapshot unless exactly this version of Directus exported the snapshot.

    Directus itself refuses a snapshot of any other version, even of another patch.
    """
    if snapshot.directus != version:
        raise InvalidSnapshot(
            f"the snapshot is from Directus {snapshot.directus}, but this Directus is {version}",
            where=_line_of(snapshot.content, snapshot.source, ("directus",)),
            next=f"run Directus {snapshot.directus},\n"
            f"or upgrade the snapshot: deploy it with {snapshot.directus}, start {version} on that database,"
            " then directus-sync pull",
        )


def require_properties(snapshot: Snapshot, known: Properties, live: Snapshot) -> None:
    """Raise InvalidSnapshot if a `meta` has a property that Directus cannot store unchanged.

    The apply would fail, or Directus would never equal the file. Values that `live` already has are accepted.
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
    document: object, content: bytes, source: str, forbidden: Iterable[str], *, from_directus: bool
) -> Snapshot:
    checked = snapshot_checks.check(document, frozenset(forbidden), from_directus=from_directus)
    if isinstance(checked, Fault):
        usual = _CORRECT if from_directus else _RESTORE
        if from_directus and checked.correction:
            usual = f"{_CORRECT}, by SQL:\n{checked.correction}"
        where = _line_of(content, source, checked.path)
        raise InvalidSnapshot(checked.what, where=where, next=checked.step or usual)
    sections = {
        section: {tuple(entry[key] for key in NAMING_KEYS[section]): entry for entry in checked[section]}
        for section in ENTRY_KEYS
    }
    # Directus exports no `schema` for a folder, and refuses null.
    sections["collections"] = {
        key: entry if entry.get("schema") is not None else {name: entry[name] for name in ("collection", "meta")}
        for key, entry in sections["collections"].items()
    }
    return Snapshot(content, source, checked["directus"], sections)


def _load(content: bytes, source: str) -> object:
    try:
        return plain_yaml.load(content)
    # PyYAML without LibYAML raises the other two for an escape that is not a character.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        what = f"the file is not YAML: {getattr(error, 'problem', None) or error}"
        raise InvalidSnapshot(what, where=where, next=_RESTORE) from error


def _line_of(content: bytes, source: str, path: tuple[str | int, ...]) -> str:
    """Return `source:line` of a key or an entry. Slow, so it is called for errors only."""
    node: yaml.Node | None = None
    with suppress(plain_yaml.Unreadable):  # UTF-16, which only `load` can read
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
