"""What a rename needs to know of a database: tables, columns, and what of them Directus knows.

`execute` is the one way in which its statements get names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from psycopg2 import sql

from directus_sync.postgres.database import Connection
from directus_sync.schema.renames.rewriting import Rename

# What Directus stores with a field that has no column.
NO_COLUMN: Final = frozenset({"alias", "no-data", "o2m", "m2m", "m2a", "files", "translations", "group"})

# A table of `public` by its name, whatever characters that has; NULL where there is none.
REGCLASS: Final = "to_regclass(format('%I.%I', 'public', CAST(:table AS text)))"


@dataclass(frozen=True)
class Presence:
    """Whether the old and the new name are there: in Directus's rows, and really, as table or column.

    has_storage: whether by Directus's rows the old one has a table or column.
    """

    old_row: bool
    new_row: bool
    old_real: bool
    new_real: bool
    has_storage: bool


def find(connection: sa.Connection, rename: Rename) -> Presence:
    """Look for the old and the new name."""
    statement = "SELECT field, coalesce(special, '') FROM public.directus_fields WHERE collection = :collection"
    specials: dict[str, str] = dict(connection.execute(sa.text(statement), {"collection": rename.collection}).all())
    if rename.field is None:
        rows = set(connection.scalars(sa.text("SELECT collection FROM public.directus_collections")))
        real = {table for table in (rename.old, rename.new) if exists(connection, table)}
        # A folder has no table.
        has_storage = any(_has_column(special) for special in specials.values())
    else:
        rows, real = set(specials), columns(connection, rename.collection)
        has_storage = _has_column(specials.get(rename.old, ""))
    return Presence(rename.old in rows, rename.new in rows, rename.old in real, rename.new in real, has_storage)


def _has_column(special: str) -> bool:
    return not NO_COLUMN & set(special.split(","))


def columns(connection: sa.Connection, table: str) -> set[str]:
    """Return the columns of a table of `public`; none where there is no such table."""
    statement = (
        f"SELECT attname::text FROM pg_attribute WHERE attrelid = {REGCLASS} AND attnum > 0 AND NOT attisdropped"  # noqa: S608 - a constant
    )
    return set(connection.scalars(sa.text(statement), {"table": table}))


def exists(connection: sa.Connection, table: str) -> bool:
    """Tell whether `public` has the table."""
    return connection.scalar(sa.text(f"SELECT {REGCLASS}"), {"table": table}) is not None


def raw(connection: sa.Connection) -> Connection:
    """Return the connection of psycopg2 that it works on, in the same transaction."""
    return connection.connection.dbapi_connection  # type: ignore[return-value]


def execute(connection: sa.Connection, statement: str, **names: str) -> None:
    """Run a statement with these names in its places, as `{table}`."""
    composed = sql.SQL(statement).format(**{place: sql.Identifier(name) for place, name in names.items()})
    # To psycopg2 a single one is the place of a parameter.
    connection.exec_driver_sql(composed.as_string(raw(connection)).replace("%", "%%"))
