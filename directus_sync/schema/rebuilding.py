"""Finds what Directus would not make as a snapshot says, so that the two would never be equal. Pure.

Each rule was tried on Directus 11.17.4 (api/src/services/fields.ts, addColumnToTable): a column was made by SQL,
captured, and pushed to another database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from directus_sync.schema import default_names, defaults, exports, references
from directus_sync.schema.columns import Column, is_castable, newly_indexed
from directus_sync.schema.default_names import NAME_BYTES
from directus_sync.schema.diff import Action, Change, ItemKind, SchemaDiff
from directus_sync.schema.entries import alters
from directus_sync.schema.snapshot import Snapshot

Entry = Mapping[str, Any]

# Directus does not change these properties of a column.
_FIXED: Final = {
    ("schema", "is_primary_key"): "Directus does not turn a column into a key, or a key into a plain column",
    ("schema", "has_auto_increment"): "Directus does not switch auto-increment on or off",
}
# Every JavaScript object has these properties. Directus cannot read a schema that has a table of such a name.
_OF_EACH_OBJECT: Final = frozenset({
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
    "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
})  # fmt: skip
# PostgreSQL's own columns in every table.
_OF_EACH_TABLE: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
# PostgreSQL's limits for the length of a varchar and the digits of a numeric. Directus shows a scale of -2 as 2046.
_LONGEST: Final = 10_485_760
_DIGITS: Final = 1_000


def faults(change: Change, wanted: Snapshot, live: Snapshot) -> tuple[str, ...]:
    """Return a phrase for each thing that Directus would not make as the file says."""
    section = change.kind.value
    found = wanted.section(section).get(change.key) or change.after or {}
    entry = {**found, "collection": change.collection, "field": change.field}
    before = live.section(section).get(change.key) if change.action is Action.CHANGE else None
    given: Iterable[str] = ()
    match change.kind, change.action:
        case ItemKind.RELATION, Action.REMOVE:
            given = references.field_faults(change.key, wanted)
        case _, Action.REMOVE:
            pass
        case ItemKind.COLLECTION, _ if before is None:
            given = of_collection(entry, wanted)
        case ItemKind.FIELD, _:
            given = _of_change(change, entry, before, wanted) if before else _of_new(change, entry, wanted, live)
        case ItemKind.RELATION, _ if before is None:
            known = live.schema("collections", (change.collection,))
            given = references.faults(entry, wanted, has_table=bool(known))
        case ItemKind.RELATION, _:
            given = references.of_change(change, entry, wanted)
    return tuple(given)


def all_faults(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Return item and phrase for each thing in a pulled snapshot that no push can make on another database."""
    for kind, of in (
        (ItemKind.COLLECTION, of_collection),
        (ItemKind.FIELD, of_field),
        (ItemKind.RELATION, references.faults),
    ):
        for key, entry in snapshot.section(kind.value).items():
            yield from ((".".join(key), fault) for fault in of(entry, snapshot))


def of_collection(entry: Entry, wanted: Snapshot) -> Iterator[str]:
    """Return the faults of a new collection."""
    if not entry.get("schema"):
        return
    name = entry["collection"]
    yield from _name_faults(name)
    if name in _OF_EACH_OBJECT:
        yield "a name that every JavaScript object has; Directus could no longer read its schema"
    if name.startswith("directus_") or "/" in name:
        yield "a name that Directus refuses: it must not have a slash or begin with directus_"
    columns = (field.get("schema") or {} for key, field in wanted.section("fields").items() if key[0] == name)
    keys = sum(bool(column.get("is_primary_key")) for column in columns)
    if keys > 1:
        yield f"a key of {keys} columns; Directus makes a key of one"
    if not keys:
        yield "a table without a field that is its key; Directus would add the key `id`"
    yield from _shared_names(name, [name], wanted)


def of_field(entry: Entry, wanted: Snapshot) -> Iterator[str]:
    """Return the faults of a new field."""
    schema = entry.get("schema")
    if entry.get("type") == "alias":
        if not exports.aliases(entry):
            names = ", ".join(sorted(exports.ALIASES))
            yield f"an alias whose `special` has none of {names}; Directus would not list it"
        return
    if not schema:
        yield "no column in the file, and one by Directus"
        return
    owner = (entry["collection"],)
    if owner in wanted.section("collections") and not wanted.schema("collections", owner):
        yield f"a column of {entry['collection']}, which has no table in the file"
    yield from _name_faults(entry["field"])
    if entry["field"] in _OF_EACH_TABLE:
        yield "the name of a column that PostgreSQL has in each table"
    yield from _column_faults(entry, schema, wanted)
    if not schema.get("has_auto_increment"):
        yield from references.field_faults((entry["collection"], entry["field"]), wanted)


def _of_new(change: Change, entry: Entry, wanted: Snapshot, live: Snapshot) -> Iterator[str]:
    yield from of_field(entry, wanted)
    others = (field for key, field in live.section("fields").items() if key[0] == change.collection)
    keys = any((field.get("schema") or {}).get("is_primary_key") for field in others)
    if keys and (entry.get("schema") or {}).get("is_primary_key"):
        yield "a second primary key; a table can have only one"


def sendable(difference: SchemaDiff, wanted: Snapshot, live: Snapshot) -> dict[str, Any]:
    """Return the diff to send, with texts in defaults rewritten so that Directus stores them as the file has them.

    The default of an altered column is sent even if it did not change, because Directus sets it again.
    """
    changes = {change.key: change for change in difference.changes if change.kind is ItemKind.FIELD}
    fields = [
        _with_default(entry, changes.get((entry["collection"], entry["field"])), wanted, live)
        for entry in difference.raw.get("fields", ())
    ]
    return {**difference.raw, "fields": fields} if fields else dict(difference.raw)


def _with_default(entry: Entry, change: Change | None, wanted: Snapshot, live: Snapshot) -> Entry:
    if change is None or change.action is Action.REMOVE:
        return entry
    schema = wanted.schema("fields", change.key)
    default = schema.get("default_value")
    if not isinstance(default, str) or schema.get("has_auto_increment"):
        return entry
    sent = defaults.as_sent(default)
    if sent == default:
        return entry
    first = entry["diff"][0]
    whole = not first.get("path")
    if whole and first["kind"] == "N":
        column = {**first["rhs"]["schema"], "default_value": sent}
        return {**entry, "diff": [{**first, "rhs": {**first["rhs"], "schema": column}}, *entry["diff"][1:]]}
    if whole or not alters(change, live):
        return entry
    path, before = ["schema", "default_value"], live.schema("fields", change.key).get("default_value")
    edit = {"kind": "E", "path": path, "lhs": before, "rhs": sent}
    return {**entry, "diff": [*(diff for diff in entry["diff"] if diff.get("path") != path), edit]}


def _of_change(change: Change, entry: Entry, before: Entry, wanted: Snapshot) -> Iterator[str]:
    after, schema = entry.get("schema"), before.get("schema")
    if not after or not schema or change.recreated:
        yield from of_field(entry, wanted)
        return
    edited = change.edited
    yield from (f"{'.'.join(path)}: {why}" for path, why in _FIXED.items() if path in edited)
    old, new = Column.of(before.get("type"), schema), Column.of(entry.get("type"), after)
    if schema.get("is_primary_key") and (("type",) in edited or old.altered(edited)):
        yield "Directus can't alter the column of a key: do it in a pre revision, then pull"
        return
    if not is_castable(old, new):
        yield f"PostgreSQL has no safe cast from {old.made} to {new.made}: add another field, and remove this one"
    if "geometry" in old.kind and "geometry" not in new.kind and newly_indexed(schema, after):
        # How long the texts are for an index is only known after the cast.
        yield "another type and an index at once: push the type first, then the index"
    if old.altered(edited):
        yield from _column_faults(entry, after, wanted)
    elif {("type",), ("meta", "special")} & {path[:2] for path in edited}:
        yield from exports.kind_faults(entry)


def _name_faults(name: str) -> Iterator[str]:
    if len(name.encode()) > NAME_BYTES:
        yield f"a name of {len(name.encode())} bytes; PostgreSQL cuts names at {NAME_BYTES}"
    if "?" in name:
        yield "a question mark in the name; Directus takes it for a parameter"
    if name == "*" or " as " in name.lower():
        yield "a name that is `*` or contains ` as `; Directus takes that for SQL"
    if name != name.strip():
        yield "a space at the beginning or end of the name; Directus cuts it off"
    if "." in name:
        yield "a dot in the name; Directus takes it for the end of the name"


def _shared_names(item: str, made: Iterable[str], wanted: Snapshot) -> Iterator[str]:
    """Return a fault for each name that another item has, too. The indexes of x.a_b and x_a.b have the same name."""
    for name in made:
        others = [other for other in wanted.names.get(name, ()) if other != item]
        if others:
            yield f"a table or an index named {name}, like that of {', '.join(others)}"


def _column_faults(entry: Entry, schema: Entry, wanted: Snapshot) -> Iterator[str]:
    yield from exports.faults(entry)
    item = f"{entry['collection']}.{entry['field']}"
    yield from _shared_names(item, default_names.of_column(entry["collection"], entry["field"], schema), wanted)
    if schema.get("has_auto_increment"):
        return  # Directus compares nothing else of an auto-increment column.
    kind, data_type = str(entry.get("type")), str(schema.get("data_type"))
    if kind in {"unknown", "binary"}:
        yield f"{data_type} in the file, and no column by Directus"
        return
    if kind not in exports.KINDS:
        yield f"type {kind}, which Directus does not know"
        return
    column = Column.of(kind, schema)
    if column.gets_other_type:
        made = column.exported if kind.startswith("geometry") else column.made
        yield f"{data_type} in the file, and {made} by Directus"
    elif column.length is not None and column.made != f"character varying({schema.get('max_length')})":
        length = schema.get("max_length")
        said = "no length" if length is None or length <= 0 else f"length {length}"
        yield f"{said} in the file, and {column.made} by Directus"
    yield from _size_faults(column, schema)
    if kind == "json" and any(schema.get(name) for name in ("is_indexed", "is_unique", "is_primary_key")):
        yield "an index on json, which PostgreSQL cannot compare"
    if schema.get("is_generated") or schema.get("generation_expression") is not None:
        yield f"generated as {schema.get('generation_expression')} in the file, and a plain column by Directus"
    yield from defaults.faults(kind, schema.get("default_value"))


def _size_faults(column: Column, schema: Entry) -> Iterator[str]:
    default = schema.get("default_value")
    if column.length is not None and column.length > _LONGEST:
        yield f"length {column.length}; PostgreSQL takes up to {_LONGEST}"
    elif isinstance(default, str) and 0 < (column.length or 0) < len(defaults.as_sent(default)):
        yield f"default {default} is longer than {column.length}"
    if column.precision is not None and not (1 <= column.precision[0] <= _DIGITS and column.precision[1] <= _DIGITS):
        yield f"{column.made}; PostgreSQL takes up to {_DIGITS} digits, and Directus cannot show a scale below 0"
