"""Builds an index of a large table without blocking its writers. Leaves small tables to a transaction.

An index is built under a temporary name, whether it is missing or replaces another. A short transaction then puts it in
place. An index that a killed build left is used if it is complete, and dropped otherwise.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Final

from psycopg2.errors import LockNotAvailable
from psycopg2.sql import SQL, Composable, Identifier

from directus_sync.catalog import UNFINISHED, Difference, Drift, Kind, Object, printed
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# An index on a table of this size is built in about a second, during which nobody can write to the table.
LARGE_BYTES: Final = 64 << 20
# A concurrent build waits for those who use the table, and nobody waits for it. A retry would begin it again.
_PATIENCE: Final = "SET lock_timeout TO '5min'"

_SIZE: Final = """
WITH part AS (
  SELECT c.oid, c.reltuples, false AS child FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relname = %s
  UNION ALL SELECT i.oid, i.reltuples, true FROM pg_class c JOIN pg_inherits ON inhparent = c.oid
  JOIN pg_class i ON i.oid = inhrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relname = %s)
SELECT sum(pg_relation_size(oid))::bigint, sum(greatest(reltuples, 0))::bigint, bool_or(child)
FROM part HAVING count(*) > 0"""
_HYPERTABLE: Final = "SELECT FROM _timescaledb_catalog.hypertable WHERE schema_name = 'public' AND table_name = %s"
_UNFINISHED: Final = """
SELECT c.relname::text, t.relname::text, i.indisvalid AND i.indisready AND i.indislive
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace AND starts_with(c.relname, %s)"""
_HEAD: Final = re.compile(r"""^CREATE (UNIQUE )?INDEX (?:"(?:[^"]|"")+"|[^" ]+) ON """)
_CONSTRAINT: Final = re.compile(r"( INCLUDE \(.*\))?( DEFERRABLE( INITIALLY DEFERRED)?)?")


@dataclass(frozen=True)
class _Building:
    """The statement that builds an index. concurrently: nobody waits for it, however long it waits itself."""

    statement: Composable
    concurrently: bool = True


@dataclass(frozen=True)
class Size:
    """The size of a table. rows: an estimate, 0 if PostgreSQL has none; parted: it has chunks or partitions."""

    bytes: int
    rows: int
    parted: bool

    @property
    def large(self) -> bool:
        """Whether building an index on it would make others wait too long."""
        return self.bytes >= LARGE_BYTES

    def __str__(self) -> str:
        return f"a table of {self.bytes >> 20} MB" + (f" with about {self.rows:,} rows" if self.rows else "")


def size(connection: Connection, table: str) -> Size:
    """Return the size of a table, 0 if it does not exist."""
    found = database.query(connection, _SIZE, (table, table))
    return Size(*found[0]) if found else Size(0, 0, parted=False)


def build(connection: Connection, difference: Difference) -> Difference:
    """Build the index for a missing or changed object of a large table. Return the difference that remains.

    Returns the difference unchanged if it is not about an index or a UNIQUE constraint of a large table.
    connection: in autocommit mode.

    A failed build may leave an index behind: see `clear`. The catalog is not compared, because others may change it
    during a long build, and the one statement can only create an index under the temporary name.
    """
    building = _building(connection, difference)
    if building is None:
        return difference
    name = _name(difference)
    found = {index: (table, whole) for index, table, whole in _unfinished(connection)}
    table, whole = found.get(name, ("", False))
    if not whole:
        with _patience(connection) if building.concurrently else nullcontext():
            if table:
                _drop(connection, name, table)
            with connection.cursor() as cursor:
                cursor.execute(building.statement)
    return dataclasses.replace(difference, built=name)


def clear(connection: Connection, needed: Iterable[Difference] = ()) -> None:
    """Drop the indexes that still have a temporary name. An index that is in use stays until the next deploy.

    needed: the differences whose complete indexes are kept.
    """
    kept = set(map(_name, needed))
    for name, table, whole in _unfinished(connection):
        if not (whole and name in kept):
            with suppress(LockNotAvailable):
                _drop(connection, name, table)


def _unfinished(connection: Connection) -> list[tuple[Any, ...]]:
    """Return each index with a temporary name: its name, its table, and whether it is complete."""
    return database.query(connection, _UNFINISHED, (UNFINISHED,))


def _name(difference: Difference) -> str:
    """Return the temporary name for the index. It depends on the definition."""
    text = f"{difference.object.name} {difference.expected}"
    return UNFINISHED + hashlib.sha256(text.encode()).hexdigest()[:16]


def _building(connection: Connection, difference: Difference) -> _Building | None:
    """Return how to build the index without blocking writers, or None if it must be built in a transaction."""
    item, definition = difference.object, difference.expected or ""
    unique = item.kind is Kind.CONSTRAINT and definition.startswith("UNIQUE ")
    if difference.kind is Drift.UNEXPECTED or difference.built or not (unique or item.kind is Kind.INDEX):
        return None
    table = size(connection, item.names[0])
    if not table.large:
        return None
    name = Identifier(_name(difference))
    hypertable = _is_hypertable(connection, item.names[0])
    if unique:
        return None if hypertable or table.parted else _for_constraint(item, name, definition)
    head = _HEAD.match(definition)
    if head is None or (table.parted and not hypertable):
        return None
    rest = definition[head.end() :]
    if hypertable:
        return _for_hypertable(name, rest, head[1])
    statement = SQL("CREATE {unique}INDEX CONCURRENTLY {name} ON {rest}")
    return _Building(statement.format(unique=SQL(head[1] or ""), name=name, rest=SQL(rest)))


def _is_hypertable(connection: Connection, table: str) -> bool:
    there = database.has(connection, "_timescaledb_catalog.hypertable")
    return there and bool(database.query(connection, _HYPERTABLE, (table,)))


def _for_constraint(item: Object, name: Identifier, definition: str) -> _Building | None:
    columns, rest = printed.group(definition)
    options = _CONSTRAINT.fullmatch(rest)
    if options is None:
        return None
    distinct = " NULLS NOT DISTINCT" if definition.startswith("UNIQUE NULLS NOT DISTINCT") else ""
    statement = SQL("CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns}){rest}")
    return _Building(
        statement.format(
            name=name,
            table=Identifier("public", item.names[0]),
            columns=SQL(columns),
            rest=SQL(f"{options[1] or ''}{distinct}"),
        )
    )


def _for_hypertable(name: Identifier, rest: str, unique: str | None) -> _Building | None:
    """Return how to build the index chunk by chunk, or None if TimescaleDB can't do that with this index."""
    _, after = printed.group(rest)
    options, where, predicate = after.partition(" WHERE ")
    if unique or options:
        return None
    start = rest[: len(rest) - len(after)]
    statement = SQL("CREATE INDEX {name} ON {rest}")
    rest = f"{start} WITH (timescaledb.transaction_per_chunk){where}{predicate}"
    return _Building(statement.format(name=name, rest=SQL(rest)), concurrently=False)


def _drop(connection: Connection, index: str, table: str) -> None:
    """Drop an index, concurrently if possible: TimescaleDB can't do that on a hypertable."""
    how = SQL("" if _is_hypertable(connection, table) else "CONCURRENTLY ")
    with connection.cursor() as cursor:
        cursor.execute(SQL("DROP INDEX {}IF EXISTS {}").format(how, Identifier("public", index)))


@contextmanager
def _patience(connection: Connection) -> Iterator[None]:
    """Wait longer for locks while the block runs."""
    with connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        try:
            yield
        finally:
            if not connection.closed:
                cursor.execute("RESET lock_timeout")
