"""A Directus schema snapshot: parsing, checking and hashing the file. Never edits its bytes, and knows no server."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, cast

from directus_sync.errors import InvalidSnapshot, WrongSettings, shown
from directus_sync.process import children

FORMAT_VERSION: Final = 1
VENDOR: Final = "postgres"

_ROOT_KEYS: Final = ("version", "directus", "vendor", "collections", "fields", "systemFields", "relations")
_ENTRY_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "collections": frozenset({"collection", "meta", "schema"}),
    "fields": frozenset({"collection", "field", "type", "meta", "schema"}),
    "systemFields": frozenset({"collection", "field", "schema"}),
    "relations": frozenset({"collection", "field", "related_collection", "meta", "schema"}),
}
# Folders, aliases and relations without a foreign key have no `schema`. Where Directus misses one, the guard refuses.
_OPTIONAL_KEYS: Final = frozenset({"schema"})
_NAMING_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "collections": ("collection",),
    "fields": ("collection", "field"),
    "systemFields": ("collection", "field"),
    "relations": ("collection", "field"),
}
# Where an entry says its name again. Directus ignores another one there, and never finds the entry equal.
_REPEATED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "collections": {"meta": ("collection",), "schema": ("name",)},
    "fields": {"meta": ("collection", "field"), "schema": ("table", "name")},
    "relations": {"meta": ("many_collection", "many_field"), "schema": ("table", "column")},
}
# In `meta`, what would fail an apply with PostgreSQL's words. In `schema`, what it would take for another number than
# the guard does: of 10.0 and of '10' Directus makes a column of 10 characters, too, and cuts what is longer.
_TYPES: Final[Mapping[str, Mapping[str, type]]] = {
    "meta": {
        "sort": int,
        **dict.fromkeys(("archive_app_filter", "hidden", "readonly", "required", "searchable", "singleton"), bool),
    },
    "schema": dict.fromkeys(("max_length", "numeric_precision", "numeric_scale"), int),
}
_TYPE_NAMES: Final[Mapping[type, str]] = {int: "a whole number", bool: "true or false"}

_SHOWN: Final = 60

_RESTORE: Final = "restore the file from git, or write it anew: directus-sync pull --overwrite"


# A file's name, content and type.
Upload = tuple[str, bytes, str]


@dataclass(frozen=True)
class Snapshot:
    """One exported schema. `content` is byte for byte what Directus gave; the rest is read from it."""

    content: bytes = field(repr=False)
    source: str
    directus: str
    sections: Mapping[str, Mapping[tuple[str, ...], Mapping[str, Any]]] = field(repr=False)

    def section(self, name: str) -> Mapping[tuple[str, ...], Mapping[str, Any]]:
        """Return the entries of `collections`, `fields`, `systemFields` or `relations` by their name.

        A name is (collection,) or (collection, field).
        """
        return self.sections[name]

    def equals(self, exported: object) -> bool:
        """Tell whether Directus's schema says just the same, whatever the bytes of this one.

        exported: what an answer holds, unchecked. Values are compared with their types: to Python, True is 1.
        """
        try:
            document = cast("Mapping[str, Any]", exported)
            sections = _sections(document)
            # Nothing keeps Directus's own rows from saying the same thing twice.
            twice = any(len(section) != len(document[name]) for name, section in sections.items())
            return not twice and _text(sections) == self.text
        except (KeyError, TypeError):
            return False

    @cached_property
    def upload(self) -> Upload:
        """What it says, to send: Directus reads JSON in a twentieth of the time, and just what was checked here."""
        entries = {name: list(section.values()) for name, section in self.sections.items()}
        document = {"version": FORMAT_VERSION, "directus": self.directus, "vendor": VENDOR, **entries}
        try:
            return "snapshot.json", json.dumps(document, allow_nan=False).encode(), "application/json"
        except ValueError:
            # JSON has no infinity, which a default can be.
            return "snapshot.yaml", self.content, "text/yaml"

    @cached_property
    def text(self) -> str:
        """What it says, whatever its order, with the types of the values."""
        return _text(self.sections)

    @cached_property
    def sha256(self) -> str:
        """The hash of the bytes, in hexadecimal."""
        return _sha256(self.content)


class Reading:
    """The bytes of a snapshot, parsed and checked when first asked for, or before; any thread may ask."""

    def __init__(self, content: bytes, parsed: Callable[[], Snapshot]) -> None:
        self.content = content
        self._parsed = parsed
        self._begun: Callable[[], Snapshot] | None = None
        self._lock = threading.Lock()
        self._result: Snapshot | None = None

    @cached_property
    def sha256(self) -> str:
        """The hash of the bytes, in hexadecimal."""
        return _sha256(self.content)

    def begin(self) -> None:
        """Have a child process do so meanwhile, unless it was done; to be called once, while no other thread runs."""

        def made() -> Snapshot:
            snapshot = self._parsed()
            snapshot.upload  # noqa: B018 - kept with it
            return snapshot

        if self._result is None:
            self._begun = children.fork(made)

    def result(self) -> Snapshot:
        """Return the snapshot. Raises InvalidSnapshot as `parse` does."""
        with self._lock:
            if self._result is None:
                make, self._begun = self._begun or self._parsed, None
                self._result = make()
            return self._result


def read(path: Path, forbidden: Iterable[str] = ()) -> Reading:
    """Read a snapshot file, without a look at what it says.

    forbidden: tables that Alembic owns, which no snapshot may name.

    Raises WrongSettings when there is no such file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WrongSettings(
            f"the snapshot can't be read: {error.strerror}",
            where=str(path),
            next="write it with `directus-sync pull`, or name another with --snapshot",
        ) from error
    return Reading(content, partial(parse, content, str(path), forbidden))


def parse(content: bytes, source: str, forbidden: Iterable[str] = (), *, may_be_empty: bool = False) -> Snapshot:
    """Check that the bytes are a snapshot that can be pushed without deleting everything, and read them.

    source: the file or URL they come from, for messages.
    may_be_empty: let pass a snapshot with no collections, as a new Directus exports it; never to be pushed.

    Raises InvalidSnapshot with file, line and what to do.
    """
    return _checked(_load(content, source), content, source, forbidden, may_be_empty=may_be_empty)


def exported(document: object, source: str, forbidden: Iterable[str] = ()) -> Snapshot:
    """Check and read what Directus exports as JSON, even with no collections: to compare with, never to be pushed.

    Ten times as fast as `parse`. Its `content` is empty, since these are not the bytes of a file.

    Raises InvalidSnapshot.
    """
    return _checked(document, b"", source, forbidden, may_be_empty=True)


def empty(like: Snapshot) -> Snapshot:
    """Return the snapshot of a Directus of the same version with nothing in it but what is its own."""
    sections = {section: like.section(section) if section == "systemFields" else {} for section in _ENTRY_KEYS}
    return Snapshot(b"", "an empty Directus", like.directus, sections)


def require_version(snapshot: Snapshot, version: str) -> None:
    """Fail unless the snapshot was exported by this very version of Directus, patch included; Directus insists.

    Raises InvalidSnapshot.
    """
    if snapshot.directus != version:
        raise InvalidSnapshot(
            f"the snapshot is of Directus {snapshot.directus}, and this Directus is {version}",
            where=_line(snapshot.content, snapshot.source, ("directus",)),
            next=f"run Directus {snapshot.directus},\n"
            f"or upgrade the snapshot: deploy it with {snapshot.directus}, start {version} on that database,"
            " and directus-sync pull",
        )


def _checked(
    document: object, content: bytes, source: str, forbidden: Iterable[str], *, may_be_empty: bool
) -> Snapshot:
    problems = _Problems(content, source)
    if not isinstance(document, dict):
        kind = "empty" if document is None else f"a {type(document).__name__}, not a mapping"
        raise problems.error(f"the file is {kind}, which is no Directus snapshot", ())
    _check_root(document, problems)
    for section in _ENTRY_KEYS:
        _check_section(section, document[section], problems)
    if not document["collections"] and not may_be_empty:
        raise problems.error("`collections` is empty, and pushing that deletes every collection", ("collections",))
    _check_owners(document, frozenset(forbidden), problems)
    _check_parts(document, problems)
    _check_aliases(document["fields"], problems)
    return Snapshot(
        content=content,
        source=source,
        directus=document["directus"],
        sections=_sections(document),
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sections(document: Mapping[str, Any]) -> Mapping[str, Mapping[tuple[str, ...], Mapping[str, Any]]]:
    return {
        section: {tuple(entry[key] for key in _NAMING_KEYS[section]): entry for entry in document[section]}
        for section in _ENTRY_KEYS
    }


def _text(sections: Mapping[str, Mapping[tuple[str, ...], Mapping[str, Any]]]) -> str:
    sorted_ = {name: [section[key] for key in sorted(section)] for name, section in sections.items()}
    return json.dumps(sorted_, sort_keys=True)


def _load(content: bytes, source: str) -> object:
    import yaml  # noqa: PLC0415 - slow to load, mostly in a child process or where there is something to wait for

    from directus_sync import plain_yaml  # noqa: PLC0415 - as yaml

    try:
        return plain_yaml.load(content)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise InvalidSnapshot(
            f"the file is not YAML: {getattr(error, 'problem', None) or error}", where=f"{source}{line}", next=_RESTORE
        ) from error
    except (ValueError, OverflowError) as error:
        # PyYAML without LibYAML lets an escape pass that is no character.
        raise InvalidSnapshot(f"the file is not YAML: {error}", where=source, next=_RESTORE) from error


class _Problems:
    """Makes errors that name the line; the document is read again for it only when there is one."""

    def __init__(self, content: bytes, source: str) -> None:
        self._content = content
        self._source = source

    def error(self, what: str, path: tuple[str | int, ...], step: str = _RESTORE) -> InvalidSnapshot:
        return InvalidSnapshot(what, where=_line(self._content, self._source, path), next=step)


def _check_root(document: Mapping[Any, Any], problems: _Problems) -> None:
    for key in document:
        if key not in _ROOT_KEYS:
            raise problems.error(f"unknown key {shown(key)}; a snapshot has {', '.join(_ROOT_KEYS)}", (key,))
    for key in _ROOT_KEYS:
        if key not in document:
            why = "; pushing it would drop three indexes of Directus's own" if key == "systemFields" else ""
            raise problems.error(f"the key {key!r} is missing{why}", ())
    if document["version"] != FORMAT_VERSION or isinstance(document["version"], bool):
        raise problems.error(
            f"snapshot format {shown(document['version'])} is not known; Directus 11 writes {FORMAT_VERSION}",
            ("version",),
        )
    if document["vendor"] != VENDOR:
        raise problems.error(
            f"the snapshot is of a {shown(document['vendor'])} database, and this project runs on {VENDOR}",
            ("vendor",),
        )
    if not isinstance(document["directus"], str):
        raise problems.error("`directus` must be a version, such as 11.17.4", ("directus",))


def _check_section(section: str, entries: object, problems: _Problems) -> None:
    if not isinstance(entries, list):
        raise problems.error(f"`{section}` must be a list, not {type(entries).__name__}", (section,))
    seen: set[tuple[str, ...]] = set()
    for index, entry in enumerate(entries):
        path = (section, index)
        if not isinstance(entry, dict):
            raise problems.error(f"an entry of `{section}` must be a mapping, not {type(entry).__name__}", path)
        for key in entry:
            if key not in _ENTRY_KEYS[section]:
                raise problems.error(f"unknown key {shown(key)} in an entry of `{section}`", (*path, key))
        for key in sorted(_ENTRY_KEYS[section] - _OPTIONAL_KEYS):
            if key not in entry:
                raise problems.error(f"an entry of `{section}` has no `{key}`", path)
        name = tuple(entry[key] for key in _NAMING_KEYS[section])
        if not all(isinstance(part, str) and part for part in name):
            raise problems.error(f"an entry of `{section}` has no name", path)
        if name in seen:
            raise problems.error(f"`{section}` has {'.'.join(name)[:_SHOWN]} twice", path)
        if not isinstance(entry.get("related_collection"), str | None):
            raise problems.error("`related_collection` must be a name or null", (*path, "related_collection"))
        seen.add(name)


def _check_owners(document: Mapping[str, Any], forbidden: frozenset[str], problems: _Problems) -> None:
    names = {entry["collection"] for entry in document["collections"]}
    for section in ("collections", "fields", "relations"):
        for index, entry in enumerate(document[section]):
            owner = entry["collection"]
            path = (section, index, "collection")
            if owner in forbidden or entry.get("related_collection") in forbidden:
                table = owner if owner in forbidden else entry["related_collection"]
                raise problems.error(
                    f"the snapshot names {table}, a table that Alembic owns",
                    path,
                    f"remove the collection {table} from Directus (not its table) and pull again;\n"
                    f"keep {table} in DB_EXCLUDE_TABLES",
                )
            if owner not in names and not owner.startswith("directus_"):
                raise problems.error(f"`{section}` has an entry of {owner}, which is not in `collections`", path)
    others = {(entry["collection"], entry["field"]) for entry in document["fields"]}
    for index, entry in enumerate(document["systemFields"]):
        name = (entry["collection"], entry["field"])
        if name in others or not name[0].startswith("directus_"):
            # For its index Directus would alter the column.
            raise problems.error(
                f"`systemFields` has {'.'.join(name)}, which is no field of Directus's own", ("systemFields", index)
            )


def _check_parts(document: Mapping[str, Any], problems: _Problems) -> None:
    """Check what `meta` and `schema` of the entries must say; either may be empty."""
    for section, parts in _REPEATED.items():
        for index, entry in enumerate(document[section]):
            names = [entry[key] for key in _NAMING_KEYS[section]]
            title = ".".join(names)[:_SHOWN]
            for part, keys in parts.items():
                path = (section, index, part)
                if not isinstance(values := entry.get(part) or {}, dict):
                    raise problems.error(f"`{part}` of {title} must be a mapping", path)
                for key, name in zip(keys, names, strict=True):
                    if values and values.get(key) != name:
                        raise problems.error(f"`{part}.{key}` of {title} must be {name}", (*path, key))
                _check_types(part, values, title, path, problems)


def _check_types(
    part: str, values: Mapping[str, Any], title: str, path: tuple[str | int, ...], problems: _Problems
) -> None:
    for key, kind in _TYPES[part].items():
        value = values.get(key)
        if value is not None and type(value) is not kind:
            wanted = _TYPE_NAMES[kind]
            raise problems.error(f"`{part}.{key}` of {title} must be {wanted}, not {shown(value)}", (*path, key))


def _check_aliases(fields: Iterable[Mapping[str, Any]], problems: _Problems) -> None:
    for index, entry in enumerate(fields):
        if entry.get("type") == "alias" and entry.get("schema"):
            # Directus would drop the column, and never find the field equal.
            name = f"{entry['collection']}.{entry['field']}"
            raise problems.error(f"{name} is an alias, and has a column; an alias has none", ("fields", index, "type"))


def _line(content: bytes, source: str, path: tuple[str | int, ...]) -> str:
    """Return `source:line` of a key or entry. Composing the nodes is slow, so this is for errors only."""
    import yaml  # noqa: PLC0415 - as above

    from directus_sync import plain_yaml  # noqa: PLC0415 - as above

    node = plain_yaml.compose(content)
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
