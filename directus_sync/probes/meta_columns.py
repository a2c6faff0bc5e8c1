"""Reads the columns in which this Directus stores `meta`. They say which properties an entry's `meta` can have."""

from __future__ import annotations

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema.properties import Property


def read(connection: Connection) -> dict[str, dict[str, Property]]:
    """Return the columns, by section of a snapshot and by name."""
    rows = database.query(
        connection,
        "SELECT substr(relname, 10), attname::text, format_type(atttypid, NULL), attnotnull,"
        " CASE WHEN atttypid = 'varchar'::regtype THEN nullif(atttypmod, -1) - 4 END"
        " FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped"
        " AND relname IN ('directus_collections', 'directus_fields', 'directus_relations')",
    )
    found: dict[str, dict[str, Property]] = {}
    for section, name, *column in rows:
        found.setdefault(section, {})[name] = Property(name, *column)
    return found
