"""A schema with every type of field and every kind of item and relation, and functions that extend it."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, Final

from tests.properties.directus import Entry, Key

# Each type of Directus and the column that it makes. Directus cannot make the last five columns.
COLUMNS: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("string", {"data_type": "character varying", "max_length": 255}),
    ("text", {"data_type": "text"}),
    ("integer", {"data_type": "integer", "numeric_precision": 32, "numeric_scale": 0}),
    ("bigInteger", {"data_type": "bigint", "numeric_precision": 64, "numeric_scale": 0}),
    ("float", {"data_type": "real", "numeric_precision": 24}),
    ("decimal", {"data_type": "numeric", "numeric_precision": 10, "numeric_scale": 5}),
    ("boolean", {"data_type": "boolean"}),
    ("uuid", {"data_type": "uuid"}),
    ("hash", {"data_type": "character varying", "max_length": 255}),
    ("csv", {"data_type": "text"}),
    ("json", {"data_type": "json"}),
    ("date", {"data_type": "date"}),
    ("time", {"data_type": "time without time zone"}),
    ("dateTime", {"data_type": "timestamp without time zone"}),
    ("timestamp", {"data_type": "timestamp with time zone"}),
    ("binary", {"data_type": "bytea"}),
    ("geometry.Point", {"data_type": "POINT"}),
    ("geometry.Polygon", {"data_type": "POLYGON"}),
    ("geometry", {"data_type": "GEOMETRY"}),
    ("float", {"data_type": "double precision", "numeric_precision": 53}),
    ("json", {"data_type": "jsonb"}),
    ("decimal", {"data_type": "numeric"}),
    ("string", {"data_type": "character varying", "max_length": -5}),
    ("unknown", {"data_type": "inet"}),
)
TYPES: Final = frozenset(kind for kind, _ in COLUMNS) | {"alias"}
KEYS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "events": ("integer", {"data_type": "integer", "has_auto_increment": True, "default_value": "nextval('x')"}),
    "entries": ("uuid", {"data_type": "uuid"}),
    "classes": ("string", {"data_type": "character varying", "max_length": 255}),
}
_META: Final[dict[str, Any]] = {"note": None, "options": None, "special": None, "required": False, "sort": 1}
COLLECTION: Final[dict[str, Any]] = {"note": None, "icon": None, "sort": None, "translations": None}
_COLUMN: Final[dict[str, Any]] = {
    "default_value": None,
    "max_length": None,
    "numeric_precision": None,
    "numeric_scale": None,
    "is_nullable": True,
    "is_unique": False,
    "is_indexed": False,
    "is_primary_key": False,
    "is_generated": False,
    "generation_expression": None,
    "has_auto_increment": False,
    "foreign_key_table": None,
    "foreign_key_column": None,
}

Document = dict[str, dict[Key, Entry]]


@cache
def start() -> Document:
    """Return a schema of three tables and a folder, with every type and every kind of relation."""
    made: Document = {"collections": {}, "fields": {}, "systemFields": {}, "relations": {}}
    made["collections"]["group",] = {"collection": "group", "meta": {**COLLECTION, "collection": "group"}}
    for name, (kind, column) in KEYS.items():
        meta = {**COLLECTION, "collection": name, "translations": [{"language": "en-US", "translation": name}]}
        made["collections"][name,] = {"collection": name, "meta": meta, "schema": {"name": name}}
        put(made, name, "id", kind, {**column, "is_primary_key": True, "is_unique": True, "is_nullable": False})
    for number, (kind, column) in enumerate(COLUMNS):
        put(made, tuple(KEYS)[number % 3], f"{kind.partition('.')[0]}_{number}", kind, column)
    put(made, "events", "divider", "alias", None)
    put(made, "events", "entries", "alias", None)
    put(made, "entries", "event", *COLUMNS[2])
    put(made, "entries", "item", "string", {"data_type": "character varying", "max_length": 255})
    put(made, "entries", "owner", "uuid", {"data_type": "uuid"})
    relate(made, ("entries", "event"), "events")
    relate(made, ("entries", "owner"), "directus_users")
    relate(made, ("entries", "item"), None)
    for field in ("activity", "parent"):
        made["systemFields"]["directus_revisions", field] = index(field)
    return made


def put(document: Document, collection: str, field: str, kind: str, column: dict[str, object] | None) -> None:
    names = {"collection": collection, "field": field}
    special = {"csv": ["cast-csv"], "hash": ["hash"], "alias": ["alias"]}.get(kind)
    meta = {**_META, **names, "options": {"choices": ["a", "b"]}, "special": special}
    entry: dict[str, Any] = {**names, "type": kind, "meta": meta}
    if column is not None:
        entry["schema"] = {"name": field, "table": collection, **_COLUMN, **column}
    document["fields"][collection, field] = entry


def relate(document: Document, key: Key, to: str | None) -> None:
    names = {"collection": key[0], "field": key[1], "related_collection": to}
    allowed = None if to else ["events", "classes"]
    meta = {"many_collection": key[0], "many_field": key[1], "one_allowed_collections": allowed, "one_field": None}
    entry: dict[str, Any] = {**names, "meta": meta}
    if to is not None:
        entry["schema"] = {"table": key[0], "column": key[1], "foreign_key_table": to, "on_delete": "SET NULL"}
        entry["schema"]["foreign_key_column"] = "id"
        set_property(document, "fields", key, ("schema", "foreign_key_table"), to)
        set_property(document, "fields", key, ("schema", "foreign_key_column"), "id")
    document["relations"][key] = entry


def index(field: str) -> Entry:
    return {"collection": "directus_revisions", "field": field, "schema": {"is_indexed": True}}


def set_property(document: Document, section: str, key: Key, path: tuple[str, ...], value: object) -> None:
    """Set a property in a copy of an entry, because documents share entries. Do nothing if its parent is missing."""
    entry = copy.deepcopy(document[section].get(key))
    holder: Any = entry
    for step in path[:-1]:
        holder = (holder or {}).get(step)
    if holder:
        holder[path[-1]] = value
        document[section][key] = entry or {}
