"""What Directus does not make as a snapshot says, so that a push of it would never equal the file. Pure.

Every line here was tried on Directus 11.17.4 (api/src/services/fields.ts, addColumnToTable): a column was made by SQL,
captured, and sent to another database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from directus_sync.schema import defaults
from directus_sync.schema.columns import Column, is_castable
from directus_sync.schema.default_names import NAME_BYTES, directus_name
from directus_sync.schema.diff import Action, Change, ItemKind, SchemaDiff
from directus_sync.schema.snapshot import Snapshot

Entry = Mapping[str, Any]

# Directus makes no change of these.
_FIXED: Final = {
    ("schema", "is_primary_key"): "a column does not become a key or stop being one",
    ("schema", "has_auto_increment"): "a column does not start or stop counting by itself",
}
# Without these in `special` Directus takes the field for a text.
_MARKS: Final = {"csv": "cast-csv", "hash": "hash"}
# PostgreSQL's own columns of each table.
_OF_EACH_TABLE: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
# The most that PostgreSQL takes: the length of a varchar, digits of a numeric. Below 0 Directus shows a scale as 2046.
_LONGEST: Final = 10_485_760
_DIGITS: Final = 1_000
_ACTIONS: Final = frozenset({"NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"})
_SHAPES: Final = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
# By the type of a field, the types of keys that it can refer to: PostgreSQL casts to them by itself, or needs no cast.
_REFERS_TO: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("integer", "bigInteger"), frozenset({"integer", "bigInteger", "decimal", "float"})),
    "decimal": frozenset({"decimal", "float"}),
    "float": frozenset({"float"}),
    **dict.fromkeys(("string", "text"), frozenset({"string", "text"})),
    "uuid": frozenset({"uuid"}),
}


def faults(change: Change, wanted: Snapshot, live: Snapshot) -> tuple[str, ...]:
    """Return what Directus would not make as the file says, a phrase each."""
    if change.action is Action.REMOVE:
        return ()
    section = change.kind.value
    found = wanted.section(section).get(change.key) or change.after or {}
    entry = {**found, "collection": change.collection, "field": change.field}
    before = live.section(section).get(change.key) if change.action is Action.CHANGE else None
    match change.kind:
        case ItemKind.COLLECTION if before is None:
            return tuple(of_collection(entry, wanted))
        case ItemKind.FIELD:
            return tuple(_of_change(change, entry, before, wanted) if before else of_field(entry, wanted))
        case ItemKind.RELATION if before is None or any(edit.name == "schema.constraint_name" for edit in change.edits):
            known = live.section("collections").get((change.collection,), {}).get("schema") is not None
            return tuple(of_relation(entry, wanted, has_table=known))
    return ()


def all_faults(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Return what a pull captured and no push can make on another database: item and phrase."""
    for kind, of in (
        (ItemKind.COLLECTION, of_collection),
        (ItemKind.FIELD, of_field),
        (ItemKind.RELATION, of_relation),
    ):
        for key, entry in snapshot.section(kind.value).items():
            yield from ((".".join(key), fault) for fault in of(entry, snapshot))


def of_collection(entry: Entry, wanted: Snapshot) -> Iterator[str]:
    """Return the faults of a new collection."""
    if not entry.get("schema"):
        return
    name = entry["collection"]
    yield from _name_faults(name)
    if name.startswith("directus_") or "/" in name:
        yield "a name that Directus gives no collection: no slash, and no directus_ at its beginning"
    columns = (field.get("schema") or {} for key, field in wanted.section("fields").items() if key[0] == name)
    keys = [column for column in columns if column.get("is_primary_key")]
    if len(keys) > 1:
        yield f"a key of {len(keys)} columns; Directus makes a key of one"
    if not keys:
        yield "a table without a field that is its key; Directus would add the key `id`"
    elif len(name.encode()) == NAME_BYTES and not keys[0].get("has_auto_increment"):
        yield f"a name of {NAME_BYTES} bytes, which Directus also gives to its key, as that does not count"


def of_field(entry: Entry, wanted: Snapshot) -> Iterator[str]:
    """Return the faults of a new column."""
    schema = entry.get("schema")
    if not schema:
        return
    yield from _name_faults(entry["field"])
    if entry["field"] in _OF_EACH_TABLE:
        yield "the name of a column that PostgreSQL has in each table"
    if schema.get("has_auto_increment"):
        return  # Directus compares nothing of the column of such a key.
    yield from _column_faults(entry, schema)
    key = (entry["collection"], entry["field"])
    yield from _shared_index_names(key, schema, wanted)
    if schema.get("foreign_key_table") and key not in wanted.section("relations"):
        yield f"refers to {schema['foreign_key_table']}, and the file has no relation for it"


def of_relation(entry: Entry, wanted: Snapshot, *, has_table: bool = False) -> Iterator[str]:
    """Return the faults of a new relation. has_table: its table may have columns of which the file does not know."""
    schema = entry.get("schema")
    of_system = entry["collection"].startswith("directus_")
    if not has_table and not of_system and (entry["collection"], entry["field"]) not in wanted.section("fields"):
        yield "the file does not have the field that it belongs to"
    if not schema:
        return
    made, name = directus_name("foreign", entry["collection"], entry["field"]), schema.get("constraint_name")
    if name is not None and name != made:
        yield f"foreign key {name} in the file, and {made} by Directus"
    for option in ("on_update", "on_delete"):
        if schema.get(option) is not None and schema[option] not in _ACTIONS:
            yield f"{option} {schema[option]}, which PostgreSQL does not know"
    table, column = schema.get("foreign_key_table"), schema.get("foreign_key_column")
    target = wanted.section("fields").get((str(table), str(column)))
    own = wanted.section("fields").get((entry["collection"], entry["field"]))
    if target is not None and not (target.get("schema") or {}).get("is_primary_key"):
        yield f"refers to {table}.{column}; Directus refers to keys only"
        return
    kind, key = (str((field or {}).get("type")) for field in (own, target))
    if kind in _REFERS_TO and key in _REFERS_TO and key not in _REFERS_TO[kind]:
        yield f"{kind} refers to {key}, and PostgreSQL makes no such foreign key"


def sendable(difference: SchemaDiff, wanted: Snapshot, live: Snapshot) -> dict[str, Any]:
    """Return the diff to send, with defaults written so that the right ones arrive.

    An altered column gets its default again, even when nobody changed it.
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
    found = wanted.section("fields").get(change.key) or {}
    default = (found.get("schema") or {}).get("default_value")
    if not isinstance(default, str) or (found.get("schema") or {}).get("has_auto_increment"):
        return entry
    written = defaults.written(default)
    if written == default:
        return entry
    first = entry["diff"][0]
    if first["kind"] == "N" and not first.get("path"):
        column = {**first["rhs"]["schema"], "default_value": written}
        return {**entry, "diff": [{**first, "rhs": {**first["rhs"], "schema": column}}, *entry["diff"][1:]]}
    before = live.section("fields").get(change.key) or {}
    schema = before.get("schema") or {}
    if not schema or not Column.of(before.get("type"), schema).altered({edit.path for edit in change.edits}):
        return entry
    path = ["schema", "default_value"]
    edit = {"kind": "E", "path": path, "lhs": schema.get("default_value"), "rhs": written}
    return {**entry, "diff": [*(diff for diff in entry["diff"] if diff.get("path") != path), edit]}


def _of_change(change: Change, entry: Entry, before: Entry, wanted: Snapshot) -> Iterator[str]:
    after, schema = entry.get("schema"), before.get("schema")
    if not after or not schema or change.rebuilt:
        yield from of_field(entry, wanted)
        return
    edited = {edit.path for edit in change.edits}
    yield from (f"{'.'.join(path)}: {why}" for path, why in _FIXED.items() if path in edited)
    old, new = Column.of(before.get("type"), schema), Column.of(entry.get("type"), after)
    if schema.get("is_primary_key") and (("type",) in edited or old.altered(edited)):
        yield "Directus can't alter the column of a key: do it in a pre revision, then pull"
        return
    if not is_castable(old, new):
        yield f"PostgreSQL has no safe cast from {old.made} to {new.made}: add another field, and remove this one"
    if not after.get("has_auto_increment") and old.altered(edited):
        yield from _column_faults(entry, after)


def _name_faults(name: str) -> Iterator[str]:
    if len(name.encode()) > NAME_BYTES:
        yield f"a name of {len(name.encode())} bytes; PostgreSQL cuts names at {NAME_BYTES}"
    if "?" in name:
        yield "a question mark in the name; Directus takes it for a parameter"
    if "." in name:
        yield "a dot in the name; Directus takes it for the end of a name"


def _shared_index_names(key: tuple[str, str], schema: Entry, wanted: Snapshot) -> Iterator[str]:
    """Return the index that PostgreSQL would have twice: of x.a_b and of x_a.b."""
    whole = "_".join(key)
    others = ((whole[:at], whole[at + 1 :]) for at, letter in enumerate(whole) if letter == "_")
    for other in others:
        theirs = (wanted.section("fields").get(other) or {}).get("schema") or {}
        if schema.get("is_primary_key") or theirs.get("is_primary_key"):
            continue  # Directus exports each key as unique, and makes no such index for it
        for option, name in (("is_indexed", "index"), ("is_unique", "unique")):
            if other != key and schema.get(option) and theirs.get(option):
                yield f"an index named {whole}_{name}, like that of {'.'.join(other)}"


def _column_faults(entry: Entry, schema: Entry) -> Iterator[str]:
    kind, data_type = str(entry.get("type")), str(schema.get("data_type"))
    mark = _MARKS.get(kind)
    if mark is not None and mark not in ((entry.get("meta") or {}).get("special") or ()):
        yield f"type {kind} without {mark} in `special`, which Directus takes for a text"
    if kind in {"unknown", "binary"}:
        yield f"{data_type} in the file, and no column by Directus"
        return
    if kind.startswith("geometry.") and kind.removeprefix("geometry.") not in _SHAPES:
        yield f"type {kind}, which Directus does not know"
        return
    column = Column.of(kind, schema)
    if column.made_otherwise:
        yield f"{data_type} in the file, and {column.made} by Directus"
    elif column.made.startswith("character varying") and schema.get("max_length") != _length_made(column):
        length = schema.get("max_length")
        said = "no length" if length is None or length <= 0 else f"length {length}"
        yield f"{said} in the file, and {column.made} by Directus"
    yield from _size_faults(column, schema)
    if kind == "json" and (schema.get("is_indexed") or schema.get("is_unique")):
        yield "an index on json, which PostgreSQL does not compare"
    if schema.get("is_generated"):
        yield f"generated as {schema.get('generation_expression')} in the file, and a plain column by Directus"
    yield from defaults.faults(kind, schema.get("default_value"))


def _size_faults(column: Column, schema: Entry) -> Iterator[str]:
    default = schema.get("default_value")
    if column.length is not None and column.length > _LONGEST:
        yield f"length {column.length}; PostgreSQL takes up to {_LONGEST}"
    elif isinstance(default, str) and 0 < (column.length or 0) < len(defaults.written(default)):
        yield f"default {default} is longer than {column.length}"
    if column.precision is not None and not (1 <= column.precision[0] <= _DIGITS and column.precision[1] <= _DIGITS):
        yield f"{column.made}; PostgreSQL takes up to {_DIGITS} digits, and Directus shows none of a scale below 0"


def _length_made(column: Column) -> int:
    return int(column.made.partition("(")[2].rstrip(")"))
