"""Builds the index of a large table while others go on writing to it. Leaves small tables to a transaction.

A killed build leaves an index that is invalid, which the next one drops, or one that only has to be attached.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

import psycopg2
from psycopg2.sql import SQL, Composable, Identifier

from directus_sync.catalog import Catalog, Difference, Drift, Kind, Object, obstacles, query
from directus_sync.catalog.appearing import SomethingElse, require_only
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# An index on this much is built in about a second, during which nobody can write to the table.
LARGE_BYTES: Final = 64 << 20
# Nobody waits for a concurrent build, which itself waits for those who use the table.
_PATIENCE: Final = "SET lock_timeout TO '1min'"

_SIZE: Final = """
WITH part AS (
  SELECT c.oid, c.reltuples, false AS child FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relname = %s
  UNION ALL SELECT i.oid, i.reltuples, true FROM pg_class c JOIN pg_inherits ON inhparent = c.oid
  JOIN pg_class i ON i.oid = inhrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relname = %s)
SELECT sum(pg_relation_size(oid))::bigint, sum(greatest(reltuples, 0))::bigint, bool_or(child)
FROM part HAVING count(*) > 0"""
_HYPERTABLE: Final = "SELECT FROM _timescaledb_catalog.hypertable WHERE schema_name = 'public' AND table_name = %s"
_CONSTRAINT: Final = re.compile(r"( INCLUDE \(.*\))?( DEFERRABLE( INITIALLY DEFERRED)?)?")


@dataclass(frozen=True)
class _Building:
    """The statement that builds an index. concurrently: nobody waits for it, whatever it waits for."""

    statement: Composable
    concurrently: bool = True


@dataclass(frozen=True)
class Size:
    """How large a table is. rows: about, and none where PostgreSQL never counted; parted: into chunks or partitions."""

    bytes: int
    rows: int
    parted: bool

    @property
    def large(self) -> bool:
        """Whether an index on it takes longer than others should wait."""
        return self.bytes >= LARGE_BYTES

    def __str__(self) -> str:
        return f"a table of {self.bytes >> 20} MB" + (f" with about {self.rows:,} rows" if self.rows else "")


def size(connection: Connection, table: str) -> Size:
    """Return how large a table is; nothing if it does not exist."""
    found = database.query(connection, _SIZE, (table, table))
    return Size(*found[0]) if found else Size(0, 0, parted=False)


def build(connection: Connection, difference: Difference) -> Difference | None:
    """Build the index of what a large table lost. Return what a transaction has to do then, or None.

    For a constraint that is to attach the index. Anything but an index or a UNIQUE constraint of a large table is
    returned as it is. connection: in autocommit mode.

    Raises SomethingElse, after the index was dropped again.
    """
    building = _building(connection, difference)
    if building is None:
        return difference
    item = difference.object
    index = Object(Kind.INDEX, item.name)
    with _patience(connection) if building.concurrently else nullcontext():
        before = query.read(connection)
        if index in before.invalid:
            _drop(connection, index)
            before = Catalog(before.definitions)
        _execute(connection, index, building.statement)
        after = query.read(connection)
        found = after.definitions.get(index, "")
        try:
            require_only(index, found if item.kind is Kind.CONSTRAINT else difference.expected or "", before, after)
        except SomethingElse:
            _drop(connection, index)
            raise
    return dataclasses.replace(difference, actual=found, attachable=True) if item.kind is Kind.CONSTRAINT else None


def _building(connection: Connection, difference: Difference) -> _Building | None:
    """Return what builds the index without a lock that writers wait for, or None if a transaction has to do it."""
    item, definition = difference.object, difference.expected or ""
    unique = item.kind is Kind.CONSTRAINT and definition.startswith("UNIQUE ")
    if difference.kind is not Drift.MISSING or difference.attachable or not (unique or item.kind is Kind.INDEX):
        return None
    table = size(connection, item.names[0])
    if not table.large:
        return None
    if _is_hypertable(connection, item.names[0]):
        return _for_hypertable(definition)
    if unique and not table.parted:
        return _for_constraint(item, definition)
    return None if table.parted else _for_index(definition)


def _is_hypertable(connection: Connection, table: str) -> bool:
    there = database.has(connection, "_timescaledb_catalog.hypertable")
    return there and bool(database.query(connection, _HYPERTABLE, (table,)))


def _for_constraint(item: Object, definition: str) -> _Building | None:
    columns, rest = obstacles.group(definition)
    options = _CONSTRAINT.fullmatch(rest)
    if options is None:
        return None
    distinct = " NULLS NOT DISTINCT" if definition.startswith("UNIQUE NULLS NOT DISTINCT") else ""
    statement = SQL("CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns}){rest}")
    return _Building(
        statement.format(
            name=Identifier(item.names[1]),
            table=Identifier("public", item.names[0]),
            columns=SQL(columns),
            rest=SQL(f"{options[1] or ''}{distinct}"),
        )
    )


def _for_index(definition: str) -> _Building:
    return _Building(SQL(re.sub(r"^CREATE (UNIQUE )?INDEX ", r"CREATE \1INDEX CONCURRENTLY ", definition)))


def _for_hypertable(definition: str) -> _Building | None:
    """Return what locks one chunk after the other, if TimescaleDB can do that with this index."""
    if not definition.startswith("CREATE INDEX "):
        return None
    _, rest = obstacles.group(definition)
    options, where, predicate = rest.partition(" WHERE ")
    start = definition[: len(definition) - len(rest)]
    statement = SQL(f"{start} WITH (timescaledb.transaction_per_chunk){where}{predicate}")
    return None if options else _Building(statement, concurrently=False)


def _execute(connection: Connection, index: Object, statement: Composable) -> None:
    """Execute the statement; where it fails, drop what it leaves: an invalid index refuses rows, too."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except psycopg2.Error:
            if not connection.closed:
                _drop(connection, index)
            raise


def _drop(connection: Connection, index: Object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SQL("DROP INDEX IF EXISTS {}").format(Identifier("public", index.names[1])))


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
