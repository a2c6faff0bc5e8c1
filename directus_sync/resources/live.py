"""Reads a family's rows by SQL: complete, fast, and no licence or cache hides any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.resources.items import Row
from directus_sync.resources.kinds import Family, Found, Kind

_SCHEMA: Final = """
SELECT collection, array_agg(field) FROM (
    SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION SELECT collection::text, field::text FROM public.directus_fields
) AS fields (collection, field) GROUP BY collection"""


def read(connection: Connection, family: Family) -> tuple[Found, ...]:
    """Return every row of the family's kinds."""
    rows = database.query(connection, f"{database.PRINTING} {family.select()}")
    return tuple(Found(family.kind(name), primary, _canonical(family.kind(name), row)) for name, primary, row in rows)


def schema(connection: Connection) -> Mapping[str, frozenset[str]]:
    """Return the fields of each collection, those of Directus's own included, by name."""
    return {collection: frozenset(fields) for collection, fields in database.query(connection, _SCHEMA)}


def _canonical(kind: Kind, row: Row) -> Row:
    return {
        column: sorted(filter(None, value.split(","))) if column in kind.lists and value is not None else value
        for column, value in row.items()
    }
