"""Copies data that is about to be deleted, applies later writes until the push has ended, and deletes copies."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from psycopg2 import sql

from directus_sync.attic import companion_rows, mirror, registry, tables
from directus_sync.attic.companion_rows import Selection
from directus_sync.attic.registry import AtticItem, Copy, Taking
from directus_sync.attic.tables import ATTIC, LIVE, Table, as_attic_failed, execute, with_retries
from directus_sync.errors import AtticFailed
from directus_sync.postgres.database import Connection


def keep(connection: Connection, items: Iterable[AtticItem], taking: Taking) -> tuple[Copy, ...]:
    """Mirror later writes to each item, then copy its data. Skips items that have no table or column.

    No write is lost: the mirror is created under a lock, which waits for earlier writers to end, makes later ones wait,
    and is released before the rows are copied. Call `finish` when the outcome of the push is known, never while the
    push may still be running.

    Raises AtticFailed after ending all mirrors. Complete copies stay.
    """
    kept: list[int] = []
    try:
        for item in dict.fromkeys(items):
            with as_attic_failed(connection, f"{item.id} could not be copied to the attic"):
                mirrored = with_retries(connection, partial(_mirror, connection, item))
                if mirrored is not None and _filled(connection, item, mirrored, taking):
                    kept.append(mirrored.id)
    except BaseException:
        if not connection.closed:
            settle(connection, kept)
        raise
    return registry.select(connection, kept)


def keep_rows(connection: Connection, name: str, selections: Iterable[Selection], taking: Taking) -> Copy:
    """Keep rows of Directus's own tables that are about to be deleted, such as a role or a dashboard.

    name: the item's name in `attic list`. Raises AtticFailed.
    """
    with as_attic_failed(connection, f"{name} could not be kept in the attic"), tables.transaction(connection):
        _require_register(connection)
        rows = companion_rows.read(connection, selections)
        copy_id = registry.number(connection)
        registry.add(connection, copy_id, AtticItem(name), (), taking, rows)
    (copy,) = registry.select(connection, [copy_id])
    return copy


def discard(connection: Connection, copies: Iterable[Copy]) -> None:
    """Delete the entries of copies whose items were not deleted after all."""
    for copy in copies:
        registry.remove(connection, copy)


def finish(connection: Connection, copies: Iterable[Copy]) -> tuple[Copy, ...]:
    """End the mirrors of these copies, and return the copies, which now include later writes. Raises AtticFailed."""
    ids = [copy.id for copy in copies]
    settle(connection, ids)
    return registry.select(connection, ids)


def settle(connection: Connection, ids: Iterable[int]) -> None:
    """End the mirrors of these copies, and apply the logged writes to the copies. Raises AtticFailed."""
    for copy in registry.select(connection, ids):
        with as_attic_failed(connection, f"later writes to {copy.item.id} could not be added to copy {copy.id}"):
            with_retries(connection, partial(_settle_one, connection, copy))


def sweep(connection: Connection) -> None:
    """End the mirrors that a killed run left; delete incomplete copies. Needs the deploy lock. Raises AtticFailed."""
    ids = mirror.unsettled(connection)
    whole = [copy.id for copy in registry.select(connection, ids)]
    for copy_id in (each for each in ids if each not in whole):
        with as_attic_failed(connection, f"the unfinished copy {copy_id} could not be deleted"):
            with_retries(connection, partial(mirror.abandon, connection, copy_id))
    settle(connection, whole)


def purge(connection: Connection, ids: Sequence[int]) -> tuple[Copy, ...]:
    """Delete copies, and return them. Raises AtticFailed."""
    settle(connection, ids)
    purged = registry.select(connection, ids)
    for copy in purged:
        with as_attic_failed(connection, f"copy {copy.id} could not be deleted"), tables.transaction(connection):
            execute(connection, "DROP TABLE IF EXISTS {}", sql.Identifier(ATTIC, copy.table))
            registry.remove(connection, copy)
    return purged


@dataclass(frozen=True)
class _Mirrored:
    """A copy that has no rows and no entry yet. names: its columns."""

    id: int
    source: Table
    names: tuple[str, ...]


def _mirror(connection: Connection, item: AtticItem) -> _Mirrored | None:
    """Create the copy's empty table, and mirror later writes. Must be called in a transaction."""
    _require_register(connection)
    if (source := tables.find(connection, LIVE, item.collection)) is None:
        return None
    execute(connection, "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", source.identifier)
    source = tables.find(connection, LIVE, item.collection)
    field = None if source is None or item.field is None else source.column(item.field)
    if source is None or (item.field is not None and field is None):
        return None
    if not source.key:
        raise AtticFailed(
            f"{item.collection} has no primary key, so later writes to it can't be followed",
            next=f"add one; or save its rows yourself (pg_dump --table={_pattern(connection, source)}) and run with"
            " --no-attic",
        )
    every = tuple(column.name for column in source.columns)
    names = every if field is None else tuple(dict.fromkeys([*source.key, field.name]))
    mirrored = _Mirrored(registry.number(connection), source, names)
    mirror.create(connection, mirrored.id, source, names, field)
    return mirrored


def _filled(connection: Connection, item: AtticItem, mirrored: _Mirrored, taking: Taking) -> bool:
    """Copy the rows and register the copy; return whether the table still existed. Leaves nothing if it fails."""
    done = False
    try:
        done = with_retries(connection, partial(_fill, connection, item, mirrored, taking))
    finally:
        if not done and not connection.closed:
            with_retries(connection, partial(mirror.abandon, connection, mirrored.id))
    return done


def _fill(connection: Connection, item: AtticItem, mirrored: _Mirrored, taking: Taking) -> bool:
    if tables.find(connection, LIVE, item.collection) is None:
        return False
    rows = (
        companion_rows.read(connection, companion_rows.of_collection(item.collection)) if item.field is None else None
    )
    mirror.fill(connection, mirrored.id, mirrored.source, mirrored.names)
    registry.add(connection, mirrored.id, item, mirrored.source.key, taking, rows)
    registry.count(connection, mirrored.id)
    return True


def _require_register(connection: Connection) -> None:
    if not registry.exists(connection):
        raise AtticFailed("this database has no attic yet", next="alembic upgrade pre@head, or directus-sync deploy")


def _settle_one(connection: Connection, copy: Copy) -> None:
    if not mirror.settle(connection, copy.id, copy.item.collection):
        return
    registry.count(connection, copy.id)
    registry.note_became(connection, copy, _became(connection, copy))


def _became(connection: Connection, copy: Copy) -> str | None:
    kept = tables.find(connection, ATTIC, copy.table)
    live = tables.find(connection, LIVE, copy.item.collection)
    if kept is None or live is None or copy.item.field is None:
        return None
    then, now = kept.column(copy.item.field), live.column(copy.item.field)
    return now.type if then is not None and now is not None and then.type != now.type else None


def _pattern(connection: Connection, table: Table) -> str:
    """Return a table as pg_dump's option in a shell. pg_dump would read a name without quotes as lower case."""
    return shlex.quote(table.identifier.as_string(connection))
