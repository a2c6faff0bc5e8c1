"""Reads a family's rows by SQL. That is fast, and neither a licence nor a cache of Directus hides rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.resources.items import Row, text
from directus_sync.resources.kinds import Family, LiveRow, ResourceKind
from directus_sync.resources.plan import ResourceChange

# One JSON value, because the driver takes longer to read many small ones.
_ROWS: Final = """
SELECT coalesce(json_agg(json_build_array(kind, key, value)), '[]') FROM ({rows}) AS resource (kind, key, value)"""
_CHOSEN: Final = """
WHERE EXISTS (SELECT FROM jsonb_array_elements(%s::jsonb) AS item (pair)
              WHERE pair ->> 0 = resource.kind AND resource.value @> (pair -> 1))"""
_SCHEMA: Final = """
SELECT collection, array_agg(field) FROM (
    SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%(names)s::name[])
      AND a.attnum > 0 AND NOT a.attisdropped
    UNION SELECT collection::text, field::text FROM public.directus_fields WHERE collection = ANY (%(names)s)
) AS fields (collection, field) GROUP BY collection"""


def read(connection: Connection, family: Family, only: Iterable[ResourceChange] | None = None) -> tuple[LiveRow, ...]:
    """Return every row of the family. only: return just the rows of these changes."""
    sql = f"{database.PRINTING} {_ROWS.format(rows=family.select())}"
    if only is None:
        ((rows,),) = database.query(connection, sql)
    else:
        rows_of = ((change.kind, (change.after or change.before)[0]) for change in only)
        keys = text([[kind.name, {column: row[column] for column in kind.key}] for kind, row in rows_of])
        ((rows,),) = database.query(connection, f"{sql} {_CHOSEN}", (keys,))
    return tuple(
        LiveRow(family.by_name[name], primary, _canonical(family.by_name[name], row)) for name, primary, row in rows
    )


def schema(connection: Connection, collections: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return the fields of each of these collections that exists. System collections count too."""
    rows = database.query(connection, _SCHEMA, {"names": list(collections)})
    return {collection: frozenset(fields) for collection, fields in rows}


def _canonical(kind: ResourceKind, row: Row) -> Row:
    lists = {name: row[name] for name in kind.lists if row[name] is not None}
    return {**row, **{name: sorted(filter(None, value.split(","))) for name, value in lists.items()}}
