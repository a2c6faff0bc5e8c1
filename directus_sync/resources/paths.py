"""Looks up the collections, fields and paths of fields that files name, in a schema. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from directus_sync.schema.snapshot import Snapshot

USERS: Final = "directus_users"
SYSTEM: Final = "directus_"
# Directus's own fields of its users. No snapshot lists them (11.17.4, @directus/system-data).
_NAMES: Final = (
    "first_name last_name email password avatar location title description tags language text_direction tfa_secret"
    " email_notifications appearance theme_light theme_light_overrides theme_dark theme_dark_overrides status role"
    " policies token id last_page last_access provider external_identifier auth_data"
)
_USER_FIELDS: Final = frozenset(_NAMES.split(" "))


def has_collection(schema: Snapshot, name: str) -> bool:
    """Return whether the collection exists. Every system collection is assumed to, because no snapshot lists them."""
    return name.startswith(SYSTEM) or (name,) in schema.section("collections")


def has_field(schema: Snapshot, collection: str, name: str) -> bool:
    """Return whether the collection has the field. True for any field of a system collection other than users."""
    if collection == USERS and name in _USER_FIELDS:
        return True
    if collection.startswith(SYSTEM) and collection != USERS:
        return True
    return (collection, name) in schema.section("fields")


def target_of(schema: Snapshot, collection: str, name: str) -> str | None:
    """Return the collection that a relational field leads to, or None."""
    relations = schema.section("relations")
    if (collection, name) in relations:
        return relations[collection, name].get("related_collection")
    for key, relation in relations.items():
        meta = relation.get("meta") or {}
        if relation.get("related_collection") == collection and meta.get("one_field") == name:
            return key[0]
    return None


def missing(schema: Snapshot, collection: str, path: str) -> str | None:
    """Return what is wrong with a path of fields, for a message; None if it exists or cannot be checked."""
    at: str | None = collection
    for name in path.split("."):
        if name in {"*", ""} or name.startswith("$"):
            return None
        if at is None:
            return "it goes on after a field that is not a relation"
        if not has_field(schema, at, name):
            return f"{at} has no field {name}"
        if at.startswith(SYSTEM) and at != USERS:
            return None
        at = target_of(schema, at, name)
    return None


def followed(schema: Snapshot, collection: str, path: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield the steps of a path: collection, field, and the collection that the field leads to. Ends at a None."""
    for name in [part for part in path.split(".") if part]:
        target = target_of(schema, collection, name)
        yield collection, name, target
        if target is None:
            return
        collection = target


def alias_of(schema: Snapshot, collection: str, name: str) -> str | None:
    """Return the one-to-many field at the other end of a relation, or None."""
    relation: Mapping[str, Any] = schema.section("relations").get((collection, name), {})
    return (relation.get("meta") or {}).get("one_field")
