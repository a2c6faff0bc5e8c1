"""Finds what Directus would not make of a relation as a snapshot says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from directus_sync.schema import default_names
from directus_sync.schema.diff import Change
from directus_sync.schema.snapshot import Snapshot

Entry = Mapping[str, Any]

_ACTIONS: Final = frozenset({"NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"})
# By the type of a field, the types of keys that it can refer to, with an implicit cast by PostgreSQL or without one.
_REFERS_TO: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("integer", "bigInteger"), frozenset({"integer", "bigInteger", "decimal", "float"})),
    "decimal": frozenset({"decimal", "float"}),
    "float": frozenset({"float"}),
    **dict.fromkeys(("string", "text"), frozenset({"string", "text"})),
    "uuid": frozenset({"uuid"}),
}
_KEYS: Final = frozenset(_REFERS_TO)


def faults(entry: Entry, wanted: Snapshot, *, has_table: bool = False) -> Iterator[str]:
    """Return the faults of a new relation. has_table: its table exists, perhaps with columns that the file lacks."""
    own = wanted.section("fields").get((entry["collection"], entry["field"]))
    if own is None and not has_table and not entry["collection"].startswith("directus_"):
        yield "the file does not have the field that it belongs to"
    if own is not None and not own.get("schema"):
        yield "it belongs to a field without a column"
    if wanted.schema("fields", (entry["collection"], entry["field"])).get("is_primary_key"):
        yield "it belongs to a primary key; Directus does not let a key refer to anything"
    schema, related = entry.get("schema"), entry.get("related_collection")
    if bool(schema) is not bool(related):
        yield "no foreign key in the file, and one by Directus" if related else "a foreign key that refers to nothing"
    if (meta := entry.get("meta")) and meta.get("one_collection", related) != related:
        yield f"meta.one_collection {meta['one_collection']} in the file, and {related} by Directus"
    if schema and related:
        yield from _key_faults(entry, schema, wanted)


def of_change(change: Change, entry: Entry, wanted: Snapshot) -> Iterator[str]:
    """Return the faults of a change to an existing relation. Directus never changes what a relation refers to."""
    edited = change.edited
    moved = [path for path in edited if path[-1] in {"related_collection", "foreign_key_table", "foreign_key_column"}]
    if moved or ("schema",) in edited:
        yield "it would refer to something else: remove it, push, and add it again"
    if {"schema", "related_collection"} & {path[0] for path in edited}:
        yield from faults(entry, wanted, has_table=True)


def _key_faults(entry: Entry, schema: Entry, wanted: Snapshot) -> Iterator[str]:
    related, column = entry["related_collection"], schema.get("foreign_key_column")
    name = default_names.directus_name("foreign", entry["collection"], entry["field"])
    if schema.get("constraint_name", name) != name:
        yield f"foreign key {schema['constraint_name']} in the file, and {name} by Directus"
    for option in ("on_update", "on_delete"):
        if schema.get(option, "NO ACTION") not in _ACTIONS:
            yield f"{option} {schema[option]}, which PostgreSQL does not know"
    if schema.get("foreign_key_table", related) != related:
        yield f"refers to {schema['foreign_key_table']} in the file, and to {related} by Directus"
        return
    if not related.startswith("directus_") and not wanted.schema("collections", (related,)):
        yield f"refers to {related}, which is not a collection with a table in the file"
        return
    fields, target = wanted.section("fields"), (str(related), str(column))
    if target in fields and not wanted.schema("fields", target).get("is_primary_key"):
        yield f"refers to {related}.{column}; Directus refers to keys only"
        return
    kind, key = (fields.get(name, {}).get("type") for name in ((entry["collection"], entry["field"]), target))
    yield from cast_faults(kind, key)


def refers(kind: object, key: object) -> bool:
    """Return whether a field of type `kind` can refer to a key of type `key`. False for types that were not tried."""
    return key in _REFERS_TO.get(str(kind), ())


def cast_faults(kind: object, key: object) -> Iterator[str]:
    """Return the fault if a field of type `kind` cannot refer to a key of type `key`. Other types are not judged."""
    if {kind, key} <= _KEYS and not refers(kind, key):
        yield f"{kind} refers to {key}, and PostgreSQL makes no such foreign key"


def field_faults(key: tuple[str, ...], wanted: Snapshot) -> Iterator[str]:
    """Return the fault if a field names another foreign key than its relation."""
    schema, relation = wanted.schema("fields", key), wanted.schema("relations", key)
    said, made = (
        tuple(part.get(name) for name in ("foreign_key_table", "foreign_key_column")) for part in (schema, relation)
    )
    if said == made or not schema:
        return
    if not relation:
        yield f"refers to {said[0]}, and the file has no relation for it"
    else:
        yield f"refers to {_named(said)}, and its relation to {_named(made)}"


def _named(reference: tuple[object, ...]) -> str:
    return "nothing" if reference[0] is None else ".".join(map(str, reference))
