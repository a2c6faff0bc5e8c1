"""Finds what this PostgreSQL would not make as the file says: defaults that it prints differently, unknown keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from psycopg2 import sql

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import defaults, exports, references
from directus_sync.schema.columns import Column
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.snapshot import Snapshot

Faults = dict[tuple[ItemKind, tuple[str, ...]], tuple[str, ...]]

# The field types whose defaults are checked here. Defaults of other types are checked without PostgreSQL, if at all.
_CHECKED_HERE: Final = frozenset({
    "integer", "bigInteger", "decimal", "float", "date", "time", "dateTime", "timestamp", "uuid",
})  # fmt: skip
# For each table, whether it keeps its rows after a crash, and its key of one column with the type.
_KEYS: Final = """
SELECT c.relname::text, c.relpersistence = 'p', a.attname::text, format_type(a.atttypid, NULL)
FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indnatts = 1
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY (%s)"""
# The type of a column, and whether it is the key.
_COLUMN: Final = """
SELECT format_type(atttypid, NULL), EXISTS (
  SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND indkey[0] = attnum AND indnatts = 1)
FROM pg_attribute WHERE attrelid = to_regclass(format('public.%%I', %s)) AND attname = %s AND NOT attisdropped"""
_PRINTED: Final = """
SELECT CASE WHEN pg_input_is_valid(value, {name}) THEN value::{type}::text END
FROM unnest(%s::text[]) WITH ORDINALITY AS given (value, number) ORDER BY number"""


def faults(connection: Connection, changes: Iterable[Change], wanted: Snapshot) -> Faults:
    """Return, by kind and key of an item that would be made or altered, a phrase for each fault."""
    changes = [change for change in changes if change.action is not Action.REMOVE]
    found: defaultdict[tuple[ItemKind, tuple[str, ...]], tuple[str, ...]] = defaultdict(tuple)
    for change, fault in (
        *_defaults(connection, changes, wanted),
        *_targets(connection, changes, wanted),
        *_indexes(connection, changes),
    ):
        found[change.kind, change.key] += (fault,)
    return found


def _defaults(connection: Connection, changes: Iterable[Change], wanted: Snapshot) -> Iterator[tuple[Change, str]]:
    given: defaultdict[str, list[tuple[Change, str, object]]] = defaultdict(list)
    for change in changes:
        entry = wanted.section("fields").get(change.key) if change.kind is ItemKind.FIELD else None
        schema = (entry or {}).get("schema") or {}
        altered = change.action is Action.ADD or any(edit.path[0] in {"schema", "type"} for edit in change.edits)
        default, kind = schema.get("default_value"), (entry or {}).get("type")
        if not altered or kind not in _CHECKED_HERE or default is None or schema.get("has_auto_increment"):
            continue
        if not any(defaults.faults(str(kind), default)) and not defaults.is_function(str(default)):
            given[Column.of(kind, schema).made].append((change, str(kind), default))
    for made, those in given.items():
        # Cast to the type without its scale, because PostgreSQL does not round a default to the column's scale.
        query = sql.SQL(_PRINTED).format(name=sql.Literal(made), type=sql.SQL(made.partition("(")[0]))
        rows = database.query(connection, query, ([str(default) for _, _, default in those],))
        for (change, kind, default), (printed,) in zip(those, rows, strict=True):
            if printed is None:
                yield change, f"default {default} in the file, which is not a value of type {kind}"
            elif default != (float(printed) if isinstance(default, int | float) else printed):
                yield change, f"default {default} in the file, and {printed} by PostgreSQL"


def _targets(connection: Connection, changes: Iterable[Change], wanted: Snapshot) -> Iterator[tuple[Change, str]]:
    """Return the faults of relations to existing tables, and of items in `directus_` tables that do not exist."""
    entries = [(change, change.after or {}) for change in changes if change.action is Action.ADD]
    names = {name for change, entry in entries for name in (change.collection, entry.get("related_collection"))}
    rows = database.query(connection, _KEYS, (list(names),)) if entries else []
    tables = {name: (lasting, key, kind) for name, lasting, key, kind in rows}
    for change, entry in entries:
        if change.collection.startswith("directus_") and change.collection not in tables:
            yield change, f"{change.collection} is not a collection of Directus's own"
        if change.kind is ItemKind.RELATION and entry.get("schema"):
            yield from ((change, fault) for fault in _target(change, entry, tables, wanted))


def _target(
    change: Change, entry: Mapping[str, Any], tables: Mapping[str, tuple[bool, str | None, str]], wanted: Snapshot
) -> Iterator[str]:
    related, column = str(entry["related_collection"]), str(entry["schema"].get("foreign_key_column"))
    if related not in tables:
        if related.startswith("directus_"):
            yield f"refers to {related}, which is not a collection of Directus's own"
        return
    lasting, key, data_type = tables[related]
    if key != column:
        if (related, column) not in wanted.section("fields"):
            yield f"refers to {related}.{column}; Directus refers to keys only"
        return
    if not lasting and tables.get(change.collection, (True, None, ""))[0]:
        yield f"refers to {related}, which is unlogged; in PostgreSQL only unlogged tables can refer to it"
    if related.startswith("directus_"):
        own = wanted.section("fields").get(change.key) or {}
        yield from references.cast_faults(own.get("type"), exports.kind(data_type, None))


def _indexes(connection: Connection, changes: Iterable[Change]) -> Iterator[tuple[Change, str]]:
    """Return the faults of new indexes on Directus's own columns."""
    for change in changes:
        if change.kind is ItemKind.SYSTEM_FIELD:
            found = database.query(connection, _COLUMN, (change.collection, change.field))
            if found and found[0][0] == "json":
                yield change, "an index on json, which PostgreSQL cannot compare"
            elif found and found[0][1]:
                yield change, "an index on a key, which Directus does not make"
