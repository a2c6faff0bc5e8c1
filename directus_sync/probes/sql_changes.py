"""Finds differences between Directus and PostgreSQL that somebody made by SQL, without Directus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from psycopg2.sql import SQL, Identifier

from directus_sync import catalog
from directus_sync.catalog import Catalog, Kind, Object
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema.columns import Column
from directus_sync.schema.diff import ABSENT, Change, ItemKind
from directus_sync.schema.plan import Remains

_REMAINS: Final = """
SELECT name, EXISTS (SELECT FROM public.directus_fields f WHERE f.collection = name)
FROM unnest(%s::text[]) AS name"""
# If a column is dropped by SQL, Directus keeps its row for the field, and then refuses to create the field.
_FORGET: Final = """
DELETE FROM public.directus_fields f USING unnest(%s::text[], %s::text[]) AS added (collection, field)
WHERE (f.collection, f.field) = (added.collection, added.field) AND NOT EXISTS (
  SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(format('public.%%I', f.collection))
    AND a.attname = f.field AND a.attnum > 0 AND NOT a.attisdropped)
RETURNING f.collection || '.' || f.field"""
# For a field that Directus lists but whose column is gone: columns that Directus does not list, with the type that the
# file says or that Directus would make.
_LOOK_ALIKES: Final = """
SELECT w.collection, w.field, a.attname::text
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS w (collection, field, said, made)
JOIN public.directus_fields f ON (f.collection, f.field) = (w.collection, w.field)
JOIN pg_attribute a ON a.attrelid = to_regclass(format('public.%%I', w.collection)) AND a.attnum > 0
  AND NOT a.attisdropped AND regexp_replace(format_type(a.atttypid, NULL), '^public[.]', '') IN (w.said, w.made)
WHERE NOT EXISTS (
    SELECT FROM pg_attribute o WHERE o.attrelid = a.attrelid AND o.attname = w.field AND NOT o.attisdropped)
  AND NOT EXISTS (
    SELECT FROM public.directus_fields o WHERE (o.collection, o.field) = (w.collection, a.attname::text))
ORDER BY w.collection, w.field, a.attnum"""


def look_alikes(
    connection: Connection, changes: Iterable[Change], expected: Catalog | None
) -> Mapping[str, tuple[str, ...]]:
    """Return, by id of a field to be added again, columns with values that may be its own, renamed by SQL.

    expected: what revisions made. Its columns are left out.
    """
    wanted = [
        (
            change.collection,
            change.field,
            change.after["schema"].get("data_type"),
            Column.of(change.after.get("type"), change.after["schema"]).made.split("(")[0],
        )
        for change in changes
        if change.kind is ItemKind.FIELD and change.makes and change.after
    ]
    found: dict[str, tuple[str, ...]] = {}
    if not wanted:
        return found
    known = expected.definitions.keys() if expected else frozenset()
    columns = tuple(map(list, zip(*wanted, strict=True)))
    for table, field, column in database.query(connection, _LOOK_ALIKES, columns):
        item = Object(Kind.COLUMN, f"{catalog.identifier(table)}.{catalog.identifier(column)}")
        if item not in known and _has_values(connection, table, column):
            found[f"{table}.{field}"] = (*found.get(f"{table}.{field}", ()), column)
    return found


def _has_values(connection: Connection, table: str, column: str) -> bool:
    query = SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NOT NULL)")
    ((there,),) = database.query(connection, query.format(Identifier("public", table), Identifier(column)))
    return bool(there)


def remains(connection: Connection, changes: Iterable[Change]) -> Mapping[str, Remains]:
    """Return what is left of each collection that has a table in the file and none in Directus."""
    names = [
        change.collection
        for change in changes
        if change.kind is ItemKind.COLLECTION
        and change.replaces_item
        and any(edit.path[:1] == ("schema",) and edit.before is ABSENT for edit in change.edits)
    ]
    rows = database.query(connection, _REMAINS, (names,)) if names else []
    return {name: Remains.FIELDS if has_fields else Remains.FOLDER for name, has_fields in rows}


def forget_dropped_columns(connection: Connection, changes: Iterable[Change]) -> tuple[str, ...]:
    """Delete Directus's rows of fields that will be added again because SQL dropped their columns. Return their ids."""
    added = [(change.collection, change.field) for change in changes if change.kind is ItemKind.FIELD and change.makes]
    if not added:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, tuple(map(list, zip(*added, strict=True))))
        return tuple(name for (name,) in cursor.fetchall())
