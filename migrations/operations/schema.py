"""Reads tables, columns and Directus's rows about them, for a rename. Only `execute` puts names into statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from psycopg2 import sql

from directus_sync.postgres.database import Connection
from directus_sync.schema.renames.rewriting import Rename

# The values of `special` that mark a field without a column.
NO_COLUMN: Final = frozenset({"alias", "no-data", "o2m", "m2m", "m2a", "files", "translations", "group"})

# A table of `public` by its name, which may contain any character; NULL if it does not exist.
REGCLASS: Final = "to_regclass(format('%I.%I', 'public', CAST(:table AS text)))"


@dataclass(frozen=True)
class Presence:
    """Whether the old and the new name exist, in Directus's rows (row) and as a table or column (real).

    has_storage: whether the old name should have a table or column, according to Directus's rows.
    """

    old_row: bool
    new_row: bool
    old_real: bool
    new_real: bool
    has_storage: bool


def find(connection: sa.Connection, rename: Rename) -> Presence:
    """Return where the old and the new name exist."""
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
    """Return the columns of a table of `public`; empty if it does not exist."""
    statement = (
        f"SELECT attname::text FROM pg_attribute WHERE attrelid = {REGCLASS} AND attnum > 0 AND NOT attisdropped"  # noqa: S608 - a constant
    )
    return set(connection.scalars(sa.text(statement), {"table": table}))


def exists(connection: sa.Connection, table: str) -> bool:
    """Return whether `public` has the table."""
    return connection.scalar(sa.text(f"SELECT {REGCLASS}"), {"table": table}) is not None


def raw(connection: sa.Connection) -> Connection:
    """Return the psycopg2 connection behind this connection. Both share the transaction."""
    return connection.connection.dbapi_connection  # type: ignore[return-value]


def execute(connection: sa.Connection, statement: str, **names: str) -> None:
    """Run a statement after putting these names into its placeholders, such as `{table}`."""
    composed = sql.SQL(statement).format(**{place: sql.Identifier(name) for place, name in names.items()})
    # psycopg2 reads a single % as a parameter.
    connection.exec_driver_sql(composed.as_string(raw(connection)).replace("%", "%%"))
