"""The attic's register, `directus_sync.attic_copies`: one row for each copy. Revision pre_0005 creates the table."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from psycopg2 import sql

from directus_sync.attic import tables
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# Rows of Directus's own tables, by table.
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class AtticItem:
    """A collection, or one of its fields."""

    collection: str
    field: str | None = None

    @property
    def id(self) -> str:
        """The item's name, such as `events` or `events.notes`."""
        return self.collection if self.field is None else f"{self.collection}.{self.field}"


@dataclass(frozen=True)
class Copy:
    """One copy. run, command, host: what took it, and where; sha256: of the snapshot that was pushed.

    became: the column's new type, if the push changed the type of a copied column.
    """

    id: int
    item: AtticItem
    rows: int
    taken_at: datetime
    run: UUID
    command: str
    host: str
    sha256: str
    restored_at: datetime | None = None
    became: str | None = None

    @property
    def table(self) -> str:
        """The name of its table in schema `attic`."""
        return f"copy_{self.id}"


@dataclass(frozen=True)
class Taking:
    """What the copies of one run have in common. definitions: by id, the item's entry in the server's snapshot."""

    run: UUID
    command: str
    sha256: str
    definitions: Mapping[str, object] = field(default_factory=dict)


def exists(connection: Connection) -> bool:
    """Return whether the register exists."""
    return database.has(connection, "directus_sync.attic_copies")


def number(connection: Connection) -> int:
    """Return the id for a new copy."""
    sequence = "SELECT nextval(pg_get_serial_sequence('directus_sync.attic_copies', 'id'))"
    ((copy_id,),) = database.query(connection, sequence)
    return int(copy_id)


def add(
    connection: Connection,
    copy_id: int,
    item: AtticItem,
    key: tuple[str, ...],
    taking: Taking,
    companions: Rows | None = None,
) -> None:
    """Add a copy, whose rows are not counted yet. companions: rows of Directus's own tables to keep with the copy."""
    definition = taking.definitions.get(item.id)
    values = (
        copy_id,
        str(taking.run),
        taking.command,
        socket.gethostname(),
        taking.sha256,
        item.collection,
        item.field,
        list(key),
        None if definition is None else json.dumps(definition, default=str),
        json.dumps(companions) if companions else None,
        sum(map(len, companions.values())) if companions and not key else 0,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO directus_sync.attic_copies"
            " (id, run, command, host, sha256, collection, field, primary_key, definition, beside, rows)"
            " OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            values,
        )


def companions(connection: Connection, copy_id: int) -> Rows:
    """Return the rows of Directus's own tables that were kept with a copy."""
    ((rows,),) = database.query(
        connection, "SELECT coalesce(beside, '{}') FROM directus_sync.attic_copies WHERE id = %s", (copy_id,)
    )
    return cast("Rows", rows)


def count(connection: Connection, copy_id: int) -> None:
    """Record how many rows the copy has."""
    rows = sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(tables.ATTIC, f"copy_{copy_id}"))
    _note(connection, copy_id, "rows", rows)


def note_became(connection: Connection, copy: Copy, became: str | None) -> None:
    """Record the new type of the copied column."""
    _note(connection, copy.id, "became", sql.Literal(became))


def note_restored(connection: Connection, copy: Copy) -> None:
    """Record that the copy was restored now."""
    _note(connection, copy.id, "restored_at", sql.SQL("now()"))


def _note(connection: Connection, copy_id: int, column: str, value: sql.Composable) -> None:
    statement = "UPDATE directus_sync.attic_copies SET {} = {} WHERE id = {}"
    tables.execute(connection, statement, sql.Identifier(column), value, sql.Literal(copy_id))


def remove(connection: Connection, copy: Copy) -> None:
    """Delete the copy's entry."""
    tables.execute(connection, "DELETE FROM directus_sync.attic_copies WHERE id = {}", sql.Literal(copy.id))


def listing(connection: Connection) -> tuple[Copy, ...]:
    """Return all copies, the newest first."""
    if not exists(connection):
        return ()
    rows = database.query(
        connection,
        "SELECT id, collection, field, rows, taken_at, run, command, host, sha256, restored_at, became"
        " FROM directus_sync.attic_copies ORDER BY id DESC",
    )
    return tuple(
        Copy(copy_id, AtticItem(collection, field), count, taken_at, UUID(str(run)), *others)
        for copy_id, collection, field, count, taken_at, run, *others in rows
    )


def select(connection: Connection, ids: Iterable[int]) -> tuple[Copy, ...]:
    """Return the copies with these ids, in the order of the ids. Skips unknown ids."""
    wanted = tuple(ids)
    known = {copy.id: copy for copy in listing(connection)} if wanted else {}
    return tuple(known[copy_id] for copy_id in wanted if copy_id in known)


def overdue(connection: Connection, age: timedelta) -> tuple[int, ...]:
    """Return the ids of the copies that are older than `age`."""
    if not exists(connection):
        return ()
    rows = database.query(
        connection, "SELECT id FROM directus_sync.attic_copies WHERE taken_at <= now() - %s ORDER BY id", (age,)
    )
    return tuple(int(row[0]) for row in rows)
