"""What a snapshot must say before it may be sent: keys, names, owners, types. Refuses it with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from directus_sync.schema import exports
from directus_sync.schema.problems import Problems
from directus_sync.sql_text import literal
from directus_sync.wording import cut, shown

FORMAT_VERSION: Final = 1
VENDOR: Final = "postgres"

ROOT_KEYS: Final = ("version", "directus", "vendor", "collections", "fields", "systemFields", "relations")
ENTRY_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "collections": frozenset({"collection", "meta", "schema"}),
    "fields": frozenset({"collection", "field", "type", "meta", "schema"}),
    "systemFields": frozenset({"collection", "field", "schema"}),
    "relations": frozenset({"collection", "field", "related_collection", "meta", "schema"}),
}
# Folders, aliases and relations without a foreign key have no `schema`. The guard refuses where Directus needs one.
_OPTIONAL_KEYS: Final = frozenset({"schema"})
NAMING_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "collections": ("collection",),
    "fields": ("collection", "field"),
    "systemFields": ("collection", "field"),
    "relations": ("collection", "field"),
}
# Where an entry repeats its name. Directus ignores a different name there, and the entry never becomes equal.
_REPEATED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "collections": {"meta": ("collection",), "schema": ("name",)},
    "fields": {"meta": ("collection", "field"), "schema": ("table", "name")},
    "relations": {"meta": ("many_collection", "many_field"), "schema": ("table", "column")},
}
# In `meta`, a wrong type would fail the apply in PostgreSQL. In `schema`, Directus reads 10.0 and '10' as 10 and cuts
# longer values, while the guard would see another number.
_FLAGS: Final = ("is_nullable", "is_unique", "is_indexed", "is_primary_key", "is_generated", "has_auto_increment")
_TYPES: Final[Mapping[str, Mapping[str, type]]] = {
    "meta": {
        "sort": int,
        **dict.fromkeys(("archive_app_filter", "hidden", "readonly", "required", "searchable", "singleton"), bool),
    },
    "schema": {
        **dict.fromkeys(("max_length", "numeric_precision", "numeric_scale"), int),
        **dict.fromkeys(_FLAGS, bool),
        **dict.fromkeys(("data_type", "constraint_name", "on_update", "on_delete"), str),
        **dict.fromkeys(("generation_expression", "foreign_key_table", "foreign_key_column"), str),
    },
}
# Directus always says these.
_SAID: Final = frozenset({*_FLAGS, "data_type", "constraint_name", "on_update", "on_delete"})
_TYPE_NAMES: Final[Mapping[type, str]] = {int: "an integer", bool: "true or false", str: "a text"}

_FIELD_TYPES: Final = (*exports.KINDS, *exports.ALIASES, "binary", "unknown")
# JavaScript's integers are exact below this.
_EXACT: Final = 2**53
_VERSION: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-|$)")


def check(
    document: object, content: bytes, source: str, forbidden: frozenset[str], *, may_be_empty: bool
) -> Mapping[str, Any]:
    """Return the document, if it is a snapshot that may be used.

    content, source: the bytes and the file or URL they come from, for messages.
    forbidden: tables that Alembic owns. may_be_empty: it comes from Directus, which may have no collections.

    Raises InvalidSnapshot.
    """
    problems = Problems(content, source, live=may_be_empty)
    if not isinstance(document, dict):
        kind = "empty" if document is None else f"a {type(document).__name__}, not a mapping"
        raise problems.error(f"the file is {kind}, so it is not a Directus snapshot", ())
    _check_root(document, problems)
    for section in ENTRY_KEYS:
        _check_section(section, document[section], problems)
    if not document["collections"] and not may_be_empty:
        raise problems.error("`collections` is empty, and pushing that deletes every collection", ("collections",))
    _check_owners(document, forbidden, problems)
    _check_system_fields(document, problems)
    _check_groups(document["collections"], problems)
    _check_parts(document, problems)
    _check_field_types(document["fields"], problems)
    return document


def _check_root(document: Mapping[Any, Any], problems: Problems) -> None:
    for key in document:
        if key not in ROOT_KEYS:
            raise problems.error(f"unknown key {shown(key)}; a snapshot has {', '.join(ROOT_KEYS)}", (key,))
    for key in ROOT_KEYS:
        if key not in document:
            raise problems.error(f"the key {key!r} is missing", ())
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
    if not isinstance(document["directus"], str) or not _VERSION.match(document["directus"]):
        raise problems.error("`directus` must be a version, such as 11.17.4", ("directus",))


def _check_section(section: str, entries: object, problems: Problems) -> None:
    if not isinstance(entries, list):
        raise problems.error(f"`{section}` must be a list, not {type(entries).__name__}", (section,))
    seen: set[tuple[str, ...]] = set()
    for index, entry in enumerate(entries):
        path = (section, index)
        if not isinstance(entry, dict):
            raise problems.error(f"an entry of `{section}` must be a mapping, not {type(entry).__name__}", path)
        for key in entry:
            if key not in ENTRY_KEYS[section]:
                raise problems.error(f"unknown key {shown(key)} in an entry of `{section}`", (*path, key))
        for key in sorted(ENTRY_KEYS[section] - _OPTIONAL_KEYS):
            if key not in entry:
                raise problems.error(f"an entry of `{section}` has no `{key}`", path)
        name = tuple(entry[key] for key in NAMING_KEYS[section])
        if not all(isinstance(part, str) and part for part in name):
            raise problems.error(f"an entry of `{section}` has no name", path)
        if name in seen:
            text = f"`{section}` has {cut('.'.join(name))} twice"
            raise problems.error(text, path, correction=_without_the_later(section, name))
        if not isinstance(entry.get("related_collection"), str | None):
            raise problems.error("`related_collection` must be a name or null", (*path, "related_collection"))
        seen.add(name)


def _check_owners(document: Mapping[str, Any], forbidden: frozenset[str], problems: Problems) -> None:
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
                text = f"`{section}` has an entry of {owner}, which is not in `collections`"
                known = f"INSERT INTO public.directus_collections (collection) VALUES ({literal(owner)});"  # noqa: S608 - for people
                raise problems.error(text, path, correction=known)


def _check_system_fields(document: Mapping[str, Any], problems: Problems) -> None:
    others = {(entry["collection"], entry["field"]) for entry in document["fields"]}
    for index, entry in enumerate(document["systemFields"]):
        name, path = (entry["collection"], entry["field"]), ("systemFields", index)
        if name in others or not name[0].startswith("directus_"):
            # For its index Directus would alter the column.
            raise problems.error(f"`systemFields` has {'.'.join(name)}, which is not a field of Directus's own", path)
        if entry.get("schema") != {"is_indexed": True} or entry["schema"]["is_indexed"] is not True:
            raise problems.error(f"`schema` of {'.'.join(name)} must be `is_indexed: true`", path)


def _check_groups(collections: Sequence[Mapping[str, Any]], problems: Problems) -> None:
    """Directus silently creates no collection whose group does not exist, nor those of a circle of groups."""
    metas = {entry["collection"]: entry.get("meta") for entry in collections}
    groups = {name: meta.get("group") if isinstance(meta, Mapping) else None for name, meta in metas.items()}
    for index, (name, group) in enumerate(groups.items()):
        path = ("collections", index, "meta", "group")
        if group is not None and group not in groups:
            text = f"the group of {name} is {shown(group)}, which is not in `collections`"
            raise problems.error(text, path, correction=_without_group(name))
        above, seen = group, {name}
        while above is not None and above not in seen:
            seen.add(above)
            above = groups.get(above)
        if above is not None:
            raise problems.error(f"{name} is in a circle of groups", path, correction=_without_group(name))


def _without_group(name: str) -> str:
    return f'UPDATE public.directus_collections SET "group" = NULL WHERE collection = {literal(name)};'  # noqa: S608 - for people


def _without_the_later(section: str, name: Sequence[str]) -> str:
    """Return the statement that deletes one of two rows of the same name, or nothing where there can't be two."""
    table = {"fields": "directus_fields", "relations": "directus_relations"}.get(section)
    if table is None:
        return ""
    columns = "collection, field" if section == "fields" else "many_collection, many_field"
    same = f"({columns}) = ({', '.join(map(literal, name[:2]))})"
    return f"DELETE FROM public.{table} WHERE id = (SELECT max(id) FROM public.{table} WHERE {same});"  # noqa: S608 - for people


def _check_parts(document: Mapping[str, Any], problems: Problems) -> None:
    """Check what `meta` and `schema` of the entries must say; either may be empty."""
    for section, parts in _REPEATED.items():
        for index, entry in enumerate(document[section]):
            names = [entry[key] for key in NAMING_KEYS[section]]
            title = cut(".".join(names))
            for part, keys in parts.items():
                path = (section, index, part)
                if (values := entry.get(part)) is None:
                    continue
                if not isinstance(values, dict):
                    raise problems.error(f"`{part}` of {title} must be a mapping", path)
                if section == "collections" and part == "schema" and values.keys() - {"name"}:
                    raise problems.error(f"`schema` of {title} has more than a `name`", path)
                for key, name in zip(keys, names, strict=True):
                    if values and values.get(key) != name:
                        raise problems.error(f"`{part}.{key}` of {title} must be {name}", (*path, key))
                _check_types(part, values, title, path, problems)


def _check_types(
    part: str, values: Mapping[str, Any], title: str, path: tuple[str | int, ...], problems: Problems
) -> None:
    for key, kind in _TYPES[part].items():
        value = values.get(key)
        known = type(value) is kind and not (isinstance(value, int) and abs(value) >= _EXACT)
        if key in values and not known and (value is not None or key in _SAID):
            wanted = _TYPE_NAMES[kind]
            raise problems.error(f"`{part}.{key}` of {title} must be {wanted}, not {shown(value)}", (*path, key))


def _check_field_types(fields: Iterable[Mapping[str, Any]], problems: Problems) -> None:
    for index, entry in enumerate(fields):
        kind = entry.get("type")
        schema, meta = (part if isinstance(part := entry.get(name), Mapping) else {} for name in ("schema", "meta"))
        # Of a geometry Directus exports the first word of `special`, whatever it is.
        exported = exports.kind(str(schema.get("data_type")), meta.get("special"))
        if not problems.live and kind is not None and kind not in (*_FIELD_TYPES, exported):
            name = f"{entry['collection']}.{entry['field']}"
            raise problems.error(
                f"`type` of {name} must be a type of Directus, not {shown(kind)}", ("fields", index, "type")
            )
        if entry.get("type") == "alias" and entry.get("schema"):
            # Directus would drop the column, and never find the field equal.
            name = f"{entry['collection']}.{entry['field']}"
            raise problems.error(f"{name} is an alias, and has a column; an alias has none", ("fields", index, "type"))
