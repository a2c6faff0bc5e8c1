"""Checks the keys, names, owners and types of a snapshot before it is used. Each fault names its key or entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from directus_sync.schema import exports
from directus_sync.text.quoting import literal
from directus_sync.text.wording import cut, shown

FORMAT_VERSION: Final = 1
VENDOR: Final = "postgres"

ENTRY_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "collections": frozenset({"collection", "meta", "schema"}),
    "fields": frozenset({"collection", "field", "type", "meta", "schema"}),
    "systemFields": frozenset({"collection", "field", "schema"}),
    "relations": frozenset({"collection", "field", "related_collection", "meta", "schema"}),
}
ROOT_KEYS: Final = ("version", "directus", "vendor", *ENTRY_KEYS)
NAMING_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    section: tuple(key for key in ("collection", "field") if key in keys) for section, keys in ENTRY_KEYS.items()
}
# Properties that repeat an entry's name. Directus ignores another name there, so the entry would never become equal.
_REPEATED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "collections": {"meta": ("collection",), "schema": ("name",)},
    "fields": {"meta": ("collection", "field"), "schema": ("table", "name")},
    "relations": {"meta": ("many_collection", "many_field"), "schema": ("table", "column")},
}
# With a wrong type in `meta`, PostgreSQL would refuse the apply. In `schema`, Directus reads 10.0 and '10' as 10 and
# cuts longer values, but the guard would calculate with another number.
_META_TYPES: Final[Mapping[str, type]] = {
    "sort": int,
    **dict.fromkeys(("archive_app_filter", "hidden", "readonly", "required", "searchable", "singleton"), bool),
}
_FLAGS: Final = ("is_nullable", "is_unique", "is_indexed", "is_primary_key", "is_generated", "has_auto_increment")
_REFERENCE: Final = ("foreign_key_table", "foreign_key_column")
# The properties of `schema` that Directus compares (11.17.4, api/src/utils/sanitize-schema.ts).
SCHEMA_TYPES: Final[Mapping[str, Mapping[str, type]]] = {
    "collections": {"name": str},
    "fields": {
        **dict.fromkeys(("name", "table", "data_type"), str),
        "default_value": object,
        **dict.fromkeys(("max_length", "numeric_precision", "numeric_scale"), int),
        **dict.fromkeys(_FLAGS, bool),
        **dict.fromkeys(("generation_expression", *_REFERENCE), str),
    },
    "systemFields": {"is_indexed": bool},
    "relations": dict.fromkeys(("table", "column", "constraint_name", "on_update", "on_delete", *_REFERENCE), str),
}
# Directus never exports null for these.
_NEVER_NULL: Final = frozenset({*_FLAGS, "data_type", "constraint_name", "on_update", "on_delete"})
_TYPE_NAMES: Final[Mapping[type, str]] = {int: "an integer", bool: "true or false", str: "a text"}

_FIELD_TYPES: Final = (*exports.KINDS, *exports.ALIASES, "binary", "unknown")
# JavaScript's integers are exact below this.
_EXACT: Final = 2**53
_VERSION: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-|$)")


@dataclass(frozen=True)
class Fault:
    """One fault. path: of the key or entry; step: what to do; correction: SQL that corrects Directus's own rows."""

    what: str
    path: tuple[str | int, ...]
    step: str = ""
    correction: str = ""


_Faults = Iterator[Fault]


def check(document: object, forbidden: frozenset[str], *, from_directus: bool) -> Mapping[str, Any] | Fault:
    """Return the document if it is a valid snapshot, else its first fault.

    forbidden: tables that Alembic owns. from_directus: the document comes from Directus, so it can be without
    collections, and can have any field type.
    """
    if isinstance(document, dict):
        return next(_faults(document, forbidden, from_directus=from_directus), document)
    kind = "empty" if document is None else f"a {type(document).__name__}, not a mapping"
    return Fault(f"the file is {kind}, so it is not a Directus snapshot", ())


def _faults(document: Mapping[Any, Any], forbidden: frozenset[str], *, from_directus: bool) -> _Faults:
    """Yield the faults. Use only the first: each check relies on the checks before it."""
    yield from _root_faults(document)
    for section in ENTRY_KEYS:
        yield from _section_faults(section, document[section])
    if not document["collections"] and not from_directus:
        yield Fault("`collections` is empty, and pushing that deletes every collection", ("collections",))
    yield from _owner_faults(document, forbidden)
    yield from _system_field_faults(document)
    yield from _group_faults(document["collections"])
    yield from _part_faults(document)
    yield from _field_type_faults(document["fields"], from_directus=from_directus)


def _root_faults(document: Mapping[Any, Any]) -> _Faults:
    for key in document:
        if key not in ROOT_KEYS:
            yield Fault(f"unknown key {shown(key)}; a snapshot has {', '.join(ROOT_KEYS)}", (key,))
    for key in ROOT_KEYS:
        if key not in document:
            yield Fault(f"the key {key!r} is missing", ())
    version, vendor, directus = (document[key] for key in ("version", "vendor", "directus"))
    if version != FORMAT_VERSION or isinstance(version, bool):
        yield Fault(f"snapshot format {shown(version)} is not known; Directus 11 writes {FORMAT_VERSION}", ("version",))
    if vendor != VENDOR:
        what = f"the snapshot is from a {shown(vendor)} database, but this project runs on {VENDOR}"
        yield Fault(what, ("vendor",))
    if not isinstance(directus, str) or not _VERSION.match(directus):
        yield Fault("`directus` must be a version, such as 11.17.4", ("directus",))


def _section_faults(section: str, entries: object) -> _Faults:
    if not isinstance(entries, list):
        yield Fault(f"`{section}` must be a list, not {type(entries).__name__}", (section,))
        return
    seen: set[tuple[str, ...]] = set()
    for index, entry in enumerate(entries):
        path = (section, index)
        if not isinstance(entry, dict):
            yield Fault(f"an entry of `{section}` must be a mapping, not {type(entry).__name__}", path)
        for key in entry:
            if key not in ENTRY_KEYS[section]:
                yield Fault(f"unknown key {shown(key)} in an entry of `{section}`", (*path, key))
        # Folders, aliases and relations without a foreign key have no `schema`. The guard refuses it if one is needed.
        for key in sorted(ENTRY_KEYS[section] - entry.keys() - {"schema"}):
            yield Fault(f"an entry of `{section}` has no `{key}`", path)
        name = tuple(entry[key] for key in NAMING_KEYS[section])
        if not all(isinstance(part, str) and part for part in name):
            yield Fault(f"an entry of `{section}` has no name", path)
        if name in seen:
            text = f"`{section}` has {cut('.'.join(name))} twice"
            yield Fault(text, path, correction=_deletion_of_the_later(section, name))
        if not isinstance(entry.get("related_collection"), str | None):
            yield Fault("`related_collection` must be a name or null", (*path, "related_collection"))
        seen.add(name)


def _owner_faults(document: Mapping[str, Any], forbidden: frozenset[str]) -> _Faults:
    names = {entry["collection"] for entry in document["collections"]}
    for section in ("collections", "fields", "relations"):
        for index, entry in enumerate(document[section]):
            owner = entry["collection"]
            path = (section, index, "collection")
            for table in (owner, entry.get("related_collection")):
                if table in forbidden:
                    step = (
                        f"remove the collection {table} from Directus (not its table) and pull again;\n"
                        f"keep {table} in DB_EXCLUDE_TABLES"
                    )
                    yield Fault(f"the snapshot names {table}, a table that Alembic owns", path, step)
            if owner not in names and not owner.startswith("directus_"):
                text = f"`{section}` has an entry of {owner}, which is not in `collections`"
                known = f"INSERT INTO public.directus_collections (collection) VALUES ({literal(owner)});"  # noqa: S608 - for people
                yield Fault(text, path, correction=known)


def _system_field_faults(document: Mapping[str, Any]) -> _Faults:
    others = {(entry["collection"], entry["field"]) for entry in document["fields"]}
    for index, entry in enumerate(document["systemFields"]):
        name, path = (entry["collection"], entry["field"]), ("systemFields", index)
        if name in others or not name[0].startswith("directus_"):
            # Directus would alter the column to make the index.
            yield Fault(f"`systemFields` has {'.'.join(name)}, which is not a field of Directus's own", path)
        if entry.get("schema") != {"is_indexed": True} or entry["schema"]["is_indexed"] is not True:
            yield Fault(f"`schema` of {'.'.join(name)} must be `is_indexed: true`", path)


def _group_faults(collections: Sequence[Mapping[str, Any]]) -> _Faults:
    """Yield the faults of groups. Directus silently skips collections whose group is missing or in a circle."""
    metas = {entry["collection"]: entry.get("meta") for entry in collections}
    groups = {name: meta.get("group") if isinstance(meta, Mapping) else None for name, meta in metas.items()}
    for index, (name, group) in enumerate(groups.items()):
        path = ("collections", index, "meta", "group")
        leave = f'UPDATE public.directus_collections SET "group" = NULL WHERE collection = {literal(name)};'  # noqa: S608 - for people
        if group is not None and group not in groups:
            text = f"the group of {name} is {shown(group)}, which is not in `collections`"
            yield Fault(text, path, correction=leave)
        above, seen = group, {name}
        while above is not None and above not in seen:
            seen.add(above)
            above = groups.get(above)
        if above is not None:
            yield Fault(f"{name} is in a circle of groups", path, correction=leave)


def _deletion_of_the_later(section: str, name: Sequence[str]) -> str:
    """Return SQL that deletes the later of two rows with this name; empty if the table cannot have two."""
    columns = {"fields": "collection, field", "relations": "many_collection, many_field"}.get(section)
    table, values = f"public.directus_{section}", ", ".join(map(literal, name))
    latest = f"SELECT max(id) FROM {table} WHERE ({columns}) = ({values})"  # noqa: S608 - for people
    return f"DELETE FROM {table} WHERE id = ({latest});" if columns else ""  # noqa: S608 - for people


def _part_faults(document: Mapping[str, Any]) -> _Faults:
    """Yield the faults in `meta` and `schema` of the entries. Either can be missing or empty."""
    for section, parts in _REPEATED.items():
        for index, entry in enumerate(document[section]):
            names = [entry[key] for key in NAMING_KEYS[section]]
            title = cut(".".join(names))
            for part, keys in parts.items():
                path = (section, index, part)
                if (values := entry.get(part)) is None:
                    continue
                if not isinstance(values, dict):
                    yield Fault(f"`{part}` of {title} must be a mapping", path)
                if section == "collections" and part == "schema" and values.keys() - {"name"}:
                    yield Fault(f"`schema` of {title} has more than a `name`", path)
                for key, name in zip(keys, names, strict=True):
                    if values and values.get(key) != name:
                        yield Fault(f"`{part}.{key}` of {title} must be {name}", (*path, key))
                for key, kind in (_META_TYPES if part == "meta" else SCHEMA_TYPES[section]).items():
                    if key in values and not _is(kind, values[key]) and (values[key] is not None or key in _NEVER_NULL):
                        text = f"`{part}.{key}` of {title} must be {_TYPE_NAMES[kind]}, not {shown(values[key])}"
                        yield Fault(text, (*path, key))


def _is(kind: type, value: object) -> bool:
    if kind is object:
        return True
    return type(value) is kind and not (isinstance(value, int) and abs(value) >= _EXACT)


def _field_type_faults(fields: Iterable[Mapping[str, Any]], *, from_directus: bool) -> _Faults:
    for index, entry in enumerate(fields):
        kind, name = entry.get("type"), f"{entry['collection']}.{entry['field']}"
        schema, meta = (part if isinstance(part := entry.get(name), Mapping) else {} for name in ("schema", "meta"))
        # Directus exports the first word of `special` as the type of a geometry, whatever the word is.
        exported = exports.kind(str(schema.get("data_type")), meta.get("special"))
        path = ("fields", index, "type")
        if not from_directus and kind is not None and kind not in (*_FIELD_TYPES, exported):
            yield Fault(f"`type` of {name} must be a type of Directus, not {shown(kind)}", path)
        if kind == "alias" and schema:
            # Directus would drop the column, and the field would never become equal.
            yield Fault(f"{name} is an alias, but has a column", path)
