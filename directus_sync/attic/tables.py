"""Tables as the attic sees them, with columns and key; and the transactions in which the attic works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import psycopg2
from psycopg2 import errorcodes, sql

from directus_sync.errors import AtticFailed
from directus_sync.postgres import database, holders, messages, patience
from directus_sync.postgres.database import Connection

Result = TypeVar("Result")

ATTIC: Final = "attic"
LIVE: Final = "public"

# row_security: copying fails instead of leaving out rows that a policy hides.
# lz4: takes a third of pglz's time to compress the mirror's writes. A server may be built without it.
_SETTINGS: Final = """
SET LOCAL row_security = off;
SELECT set_config(name, 'lz4', true) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""

# Somebody holds a lock on the table, or dropped it before we could lock it. Worth another attempt.
_PASSING: Final = frozenset({
    errorcodes.LOCK_NOT_AVAILABLE, errorcodes.DEADLOCK_DETECTED, errorcodes.UNDEFINED_TABLE,
})  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column. type: as `format_type` writes it, with its modifiers."""

    name: str
    type: str
    number: int
    type_oid: int
    modifier: int
    generated: bool
    default: str | None


@dataclass(frozen=True)
class Table:
    """One table. key: the columns of its primary key, in order; empty if it has no primary key."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """The table's name, for SQL."""
        return sql.Identifier(self.schema, self.name)

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


def find(connection: Connection, schema: str, name: str) -> Table | None:
    """Return the table, or None if no table has that name. Ignores views."""
    rows = database.query(
        connection,
        "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnum, a.atttypid::bigint, a.atttypmod,"
        " a.attgenerated <> '', pg_get_expr(d.adbin, d.adrelid), array_position(i.indkey::int2[], a.attnum)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
        " LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p') ORDER BY a.attnum",
        (schema, name),
    )
    if not rows:
        return None
    positions = {str(row[0]): int(row[-1]) for row in rows if row[-1] is not None}
    key = tuple(sorted(positions, key=positions.__getitem__))
    return Table(schema, name, tuple(Column(*row[:-1]) for row in rows), key)


def columns_of(names: tuple[str, ...], alias: str) -> sql.Composed:
    """Return the names as a list of columns of `alias`."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)


def same_key(names: tuple[str, ...], left: str, right: str) -> sql.Composed:
    """Return the condition that the rows of two aliases have the same key."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name)) for name in names
    )


def execute(connection: Connection, statement: str, *parts: sql.Composable, **named: sql.Composable) -> int:
    """Run a statement with these parts in its placeholders; return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*parts, **named))
        return int(cursor.rowcount)


def with_retries(connection: Connection, work: Callable[[], Result], *, commit: bool = True) -> Result:
    """Run `work` in its own transaction. Retry for up to a minute while others hold the locks that it needs.

    commit: False to roll back at the end.
    """
    for attempt in patience.attempts(lambda error: getattr(error, "pgcode", None) in _PASSING):
        with attempt, transaction(connection, commit=commit):
            result = work()
    return result


@contextmanager
def transaction(connection: Connection, *, commit: bool = True) -> Iterator[None]:
    """Run the block in one transaction on an autocommit connection. commit: False to roll back at the end."""
    with connection.cursor() as cursor:
        # Every statement must see what was committed while it waited for a lock. The role's default level may differ.
        cursor.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            cursor.execute(_SETTINGS)
            yield
        except BaseException:
            if not connection.closed:
                cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT" if commit else "ROLLBACK")


@contextmanager
def as_attic_failed(connection: Connection, what: str) -> Iterator[None]:
    """Raise AtticFailed for an error of PostgreSQL in the block. what: what could not be done."""
    try:
        yield
    except psycopg2.Error as error:
        fix = holders.advice(connection) if holders.timed_out(error) else "fix the cause and run again"
        raise AtticFailed(
            f"{what}: {messages.reason(error)}", next=f"{fix}; that is safe, and complete copies stay"
        ) from error
