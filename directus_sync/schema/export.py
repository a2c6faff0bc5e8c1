"""What Directus exports and compares of its schema, and how it makes that of its lists. Knows no server, no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from directus_sync.schema.snapshot import FORMAT_VERSION, VENDOR

_SCHEMA_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "collections": ("name",),
    "fields": (
        "name",
        "table",
        "data_type",
        "default_value",
        "max_length",
        "numeric_precision",
        "numeric_scale",
        "is_nullable",
        "is_unique",
        "is_indexed",
        "is_primary_key",
        "is_generated",
        "generation_expression",
        "has_auto_increment",
        "foreign_key_table",
        "foreign_key_column",
    ),
    "systemFields": ("is_indexed",),
    "relations": (
        "table",
        "column",
        "foreign_key_table",
        "foreign_key_column",
        "constraint_name",
        "on_update",
        "on_delete",
    ),
}
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "collections": ("collection", "meta"),
    "fields": ("collection", "field", "type", "meta"),
    "systemFields": ("collection", "field"),
    "relations": ("collection", "field", "related_collection", "meta"),
}

Entry = Mapping[str, Any]


def assemble(version: str, collections: list[Entry], fields: list[Entry], relations: list[Entry]) -> dict[str, object]:
    """Return what GET /schema/snapshot says, where these are the answers of /collections, /fields and /relations.

    Entries stand in the order of the lists. As the export does, it leaves out what is Directus's own, but for the
    indexed fields, and tables that Directus only sees. Of another version than 11.17.4 it may hold less or more.

    Raises KeyError, TypeError or AttributeError for what is no answer of Directus.
    """
    return {
        "version": FORMAT_VERSION,
        "directus": version,
        "vendor": VENDOR,
        "collections": list(_entries("collections", collections)),
        "fields": list(_entries("fields", fields)),
        "systemFields": [
            picked("systemFields", entry)
            for entry in fields
            if is_system(entry) and (entry["schema"] or {}).get("is_indexed")
        ],
        "relations": list(_entries("relations", relations)),
    }


def picked(section: str, entry: Entry) -> dict[str, Any]:
    """Return the properties of an entry that Directus compares, and no others.

    As it is in 11.17.4, api/src/utils/sanitize-schema.ts.
    """
    kept = {key: entry[key] for key in _KEYS[section] if key in entry}
    if (schema := entry.get("schema")) is not None:
        kept["schema"] = {key: schema[key] for key in _SCHEMA_KEYS[section] if key in schema}
    return kept


def _entries(section: str, entries: list[Entry]) -> Iterator[dict[str, object]]:
    for entry in entries:
        if entry["meta"] is not None and not is_system(entry):
            kept = picked(section, entry)
            if section != "collections":
                # Another number in each database.
                kept["meta"] = {key: value for key, value in entry["meta"].items() if key != "id"}
            yield kept


def is_system(entry: Entry) -> bool:
    """Tell whether an entry of a list is of Directus's own."""
    return entry["meta"] is not None and entry["meta"].get("system") is True
