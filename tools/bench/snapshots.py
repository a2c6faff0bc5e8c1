"""Generates snapshots of N collections, as Directus would export them. Pure; uses no server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

# Name, type, column type, and the properties that differ from a plain nullable column.
FIELDS: tuple[tuple[str, str, str, Mapping[str, object]], ...] = (
    ("name", "string", "character varying", {"max_length": 255}),
    ("notes", "text", "text", {}),
    ("amount", "decimal", "numeric", {"numeric_precision": 10, "numeric_scale": 2}),
    ("active", "boolean", "boolean", {}),
    ("starts_at", "timestamp", "timestamp with time zone", {}),
    ("day", "date", "date", {}),
    ("code", "uuid", "uuid", {}),
)
SYSTEM_FIELDS = (
    ("directus_activity", "timestamp"),
    ("directus_revisions", "activity"),
    ("directus_revisions", "parent"),
)


def generate(collections: int, directus: str, *, extra_fields: int = 0) -> Document:
    """Return a snapshot of `collections` collections, each with nine fields and a relation to the previous one.

    extra_fields: the number of collections that have one more field.
    """
    names = [f"bench_{number:03}" for number in range(1, collections + 1)]
    parents = dict(zip(names[1:], names, strict=False))
    return {
        "version": 1,
        "directus": directus,
        "vendor": "postgres",
        "collections": [_collection(name) for name in names],
        "fields": [
            field
            for number, name in enumerate(names)
            for field in _fields(name, parents.get(name), extra=number < extra_fields)
        ],
        "systemFields": [
            {"collection": table, "field": field, "schema": {"is_indexed": True}} for table, field in SYSTEM_FIELDS
        ],
        "relations": [_relation(name, parent) for name, parent in parents.items()],
    }


def _collection(name: str) -> Document:
    meta = {
        "accountability": "all", "archive_app_filter": True, "archive_field": None, "archive_value": None,
        "collapse": "open", "collection": name, "color": None, "display_template": None, "group": None,
        "hidden": False, "icon": None, "item_duplication_fields": None, "note": None, "preview_url": None,
        "singleton": False, "sort": None, "sort_field": None, "translations": None, "unarchive_value": None,
        "versioning": False,
    }  # fmt: skip
    return {"collection": name, "meta": meta, "schema": {"name": name}}


def _fields(collection: str, parent: str | None, *, extra: bool) -> list[Document]:
    key = {
        "default_value": f"nextval('{collection}_id_seq'::regclass)", "numeric_precision": 32, "numeric_scale": 0,
        "is_nullable": False, "is_unique": True, "is_primary_key": True, "has_auto_increment": True,
    }  # fmt: skip
    wanted = [("id", "integer", "integer", key), *FIELDS]
    if parent:
        link = {"foreign_key_table": parent, "foreign_key_column": "id", "numeric_precision": 32, "numeric_scale": 0}
        wanted.append(("parent", "integer", "integer", link))
    if extra:
        wanted.append(("extra", "string", "character varying", {"max_length": 255}))
    return [_field(collection, sort, *each) for sort, each in enumerate(wanted, 1)]


def _field(
    collection: str, sort: int, name: str, kind: str, data_type: str, differing: Mapping[str, object]
) -> Document:
    meta = {
        "collection": collection, "conditions": None, "display": None, "display_options": None, "field": name,
        "group": None, "hidden": name == "id", "interface": None, "note": None, "options": None, "readonly": False,
        "required": False, "searchable": True, "sort": sort, "special": None, "translations": None,
        "validation": None, "validation_message": None, "width": "full",
    }  # fmt: skip
    schema = {
        "name": name, "table": collection, "data_type": data_type, "default_value": None, "max_length": None,
        "numeric_precision": None, "numeric_scale": None, "is_nullable": True, "is_unique": False,
        "is_indexed": False, "is_primary_key": False, "is_generated": False, "generation_expression": None,
        "has_auto_increment": False, "foreign_key_table": None, "foreign_key_column": None, **differing,
    }  # fmt: skip
    return {"collection": collection, "field": name, "type": kind, "meta": meta, "schema": schema}


def _relation(collection: str, parent: str) -> Document:
    meta = {
        "junction_field": None, "many_collection": collection, "many_field": "parent",
        "one_allowed_collections": None, "one_collection": parent, "one_collection_field": None,
        "one_deselect_action": "nullify", "one_field": None, "sort_field": None,
    }  # fmt: skip
    schema = {
        "table": collection, "column": "parent", "foreign_key_table": parent, "foreign_key_column": "id",
        "constraint_name": f"{collection}_parent_foreign", "on_update": "NO ACTION", "on_delete": "SET NULL",
    }  # fmt: skip
    return {"collection": collection, "field": "parent", "related_collection": parent, "meta": meta, "schema": schema}
