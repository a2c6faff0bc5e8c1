"""Copies of what a push is about to destroy, kept in schema `attic` of the same database, and how they go back.

A copy is whole or not there: its entry comes with its rows. What has no entry is dropped by the next run. Only `purge`
deletes a copy.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import psycopg2
from psycopg2 import sql

from directus_sync.attic import beside, fitting, mirror, order, registry, tables
from directus_sync.attic.beside import Selection
from directus_sync.attic.registry import AtticItem, Copy, Rows, Taking, listing, overdue
from directus_sync.attic.tables import ATTIC, LIVE, Table, execute, patiently
from directus_sync.errors import AtticFailed, AtticItemMissing, AtticUnknownCopy
from directus_sync.postgres import holders
from directus_sync.postgres.database import Connection

__all__ = [
    "AtticItem", "Copy", "Rejected", "Restored", "Selection",
    "discard", "finish", "keep", "keep_rows", "listing", "overdue", "purge", "restore", "restore_all", "sweep",
]  # fmt: skip


@dataclass(frozen=True)
class Rejected:
    """A row that did not go back, by its primary key."""

    key: str
    reason: str


@dataclass(frozen=True)
class Restored:
    """What became of a copy's rows; each is in one of the three. missing_columns: in the copy, not in the table.

    access: some of them are Directus's own, which a running Directus reads only once.
    """

    copy: Copy
    restored: int
    already_there: int
    rejected: tuple[Rejected, ...]
    missing_columns: tuple[str, ...]
    access: bool = False


def keep(
    connection: Connection,
    items: Iterable[AtticItem],
    *,
    run: UUID,
    command: str,
    sha256: str,
    definitions: Mapping[str, object],
) -> tuple[Copy, ...]:
    """Mirror what is written to each item from now on, then copy its data; what has no data of its own is left out.

    Writers wait until the mirror is in place, and lose nothing: it gets its lock when all earlier writers have ended,
    and gives it back before the rows are copied. Call `finish` once the outcome of the push is known, never while it
    may still be at work.

    definitions: by id of the item, what the server's snapshot says of it; for information.

    Raises AtticFailed; then nothing more is mirrored, and copies that were complete stay.
    """
    taking = Taking(run, command, sha256, definitions)
    kept: list[int] = []
    try:
        for item in dict.fromkeys(items):
            with _wrapped(connection, f"{item.id} could not be copied to the attic"):
                mirrored = patiently(connection, partial(_mirror, connection, item))
                if mirrored is not None and _filled(connection, item, mirrored, taking):
                    kept.append(mirrored.id)
    except BaseException:
        if not connection.closed:
            _settle(connection, kept)
        raise
    return registry.select(connection, kept)


def keep_rows(
    connection: Connection, name: str, selections: Iterable[Selection], *, run: UUID, command: str, sha256: str
) -> Copy:
    """Keep rows of Directus's own that are about to go, such as a role or a dashboard. name: as `attic list` shows it.

    Raises AtticFailed.
    """
    with _wrapped(connection, f"{name} could not be kept in the attic"), tables.transaction(connection):
        _require_register(connection)
        rows = beside.read(connection, selections)
        copy_id = registry.number(connection)
        registry.add(connection, copy_id, AtticItem(name), (), Taking(run, command, sha256, {}), rows)
    (copy,) = registry.select(connection, [copy_id])
    return copy


def discard(connection: Connection, copies: Iterable[Copy]) -> None:
    """Strike out copies of what did not go after all."""
    for copy in copies:
        registry.remove(connection, copy)


def finish(connection: Connection, copies: Iterable[Copy]) -> tuple[Copy, ...]:
    """End the mirrors of these copies, and return the copies with what was written since. Raises AtticFailed."""
    ids = [copy.id for copy in copies]
    _settle(connection, ids)
    return registry.select(connection, ids)


def sweep(connection: Connection) -> None:
    """End the mirrors that a killed run left; its whole copies stay. Call it under the lock. Raises AtticFailed."""
    ids = mirror.unsettled(connection)
    whole = [copy.id for copy in registry.select(connection, ids)]
    for copy_id in (each for each in ids if each not in whole):
        with _wrapped(connection, f"the unfinished copy {copy_id} could not be deleted"):
            patiently(connection, partial(mirror.abandon, connection, copy_id))
    _settle(connection, whole)


def restore_all(
    connection: Connection, copy_ids: Sequence[int], *, over_default: bool = False, dry_run: bool = False
) -> tuple[Restored, ...]:
    """Restore copies in the order of their foreign keys, rows that refer to others after those. Raises as `restore`.

    What did not fit is tried once more at the end: tables may refer to each other in a circle.
    """
    wanted = order.by_foreign_keys(connection, registry.select(connection, copy_ids))
    ids = [copy.id for copy in wanted] or list(copy_ids)
    done = {each: restore(connection, each, over_default=over_default, dry_run=dry_run) for each in ids}
    again = [each for each, found in done.items() if found.rejected and len(ids) > 1 and not dry_run]
    for each in again:
        second = restore(connection, each, over_default=over_default)
        first = done[each]
        done[each] = replace(
            second,
            restored=first.restored + second.restored,
            already_there=second.already_there - first.restored,
        )
    return tuple(done.values())


def restore(connection: Connection, copy_id: int, *, over_default: bool = False, dry_run: bool = False) -> Restored:
    """Put a copy's rows, or a field's values, back where they are missing; overwrite nothing. The copy stays.

    over_default: a field's value also goes into rows that have the column's default; for fields that can't be empty.
    dry_run: try it, and undo it again.

    Raises AtticUnknownCopy, AtticItemMissing while the collection or field does not exist, and AtticFailed.
    """
    _settle(connection, [copy_id])
    with _wrapped(connection, f"copy {copy_id} could not be restored"):
        for copy in registry.select(connection, [copy_id]):
            kept, rows = tables.find(connection, ATTIC, copy.table), registry.beside(connection, copy_id)
            if kept is None and not rows:
                break
            work = partial(_restore, connection, copy, kept, rows, over_default)
            fitted, missing = patiently(connection, work, keep=not dry_run)
            (copy,) = registry.select(connection, [copy_id])  # noqa: PLW2901 - with its restored_at
            rejected = tuple(Rejected(key, reason) for key, reason in fitted.rejected)
            return Restored(copy, fitted.restored, fitted.already_there, rejected, missing, bool(rows))
    raise AtticUnknownCopy(f"the attic has no copy {copy_id}", next="list them: directus-sync attic list")


def purge(connection: Connection, ids: Sequence[int]) -> tuple[Copy, ...]:
    """Delete copies; return them. Raises AtticFailed."""
    _settle(connection, ids)
    purged = registry.select(connection, ids)
    for copy in purged:
        with _wrapped(connection, f"copy {copy.id} could not be deleted"), tables.transaction(connection):
            execute(connection, "DROP TABLE IF EXISTS {}", sql.Identifier(ATTIC, copy.table))
            registry.remove(connection, copy)
    return purged


@dataclass(frozen=True)
class _Mirrored:
    """A copy that has no rows and no entry yet. names: of the columns that it has."""

    id: int
    source: Table
    names: tuple[str, ...]


def _mirror(connection: Connection, item: AtticItem) -> _Mirrored | None:
    """Make the copy's table, empty, and mirror what is written from now on. To be called in a transaction."""
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
    """Copy the rows, and enter the copy; tell whether the table was still there. Leaves nothing where it fails."""
    done = False
    try:
        done = patiently(connection, partial(_fill, connection, item, mirrored, taking))
    finally:
        if not done and not connection.closed:
            patiently(connection, partial(mirror.abandon, connection, mirrored.id))
    return done


def _fill(connection: Connection, item: AtticItem, mirrored: _Mirrored, taking: Taking) -> bool:
    if tables.find(connection, LIVE, item.collection) is None:
        return False
    rows = beside.read(connection, beside.of_collection(item.collection)) if item.field is None else None
    mirror.fill(connection, mirrored.id, mirrored.source, mirrored.names)
    registry.add(connection, mirrored.id, item, mirrored.source.key, taking, rows)
    registry.count(connection, mirrored.id)
    return True


def _require_register(connection: Connection) -> None:
    if not registry.exists(connection):
        raise AtticFailed("this database has no attic yet", next="alembic upgrade pre@head, or directus-sync deploy")


def _settle(connection: Connection, ids: Iterable[int]) -> None:
    for copy in registry.select(connection, ids):
        with _wrapped(connection, f"what was written to {copy.item.id} could not be added to copy {copy.id}"):
            patiently(connection, partial(_settle_one, connection, copy))


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


def _restore(
    connection: Connection, copy: Copy, kept: Table | None, rows: Rows, over_default: bool
) -> tuple[fitting.Fitted, tuple[str, ...]]:
    fitted, missing = fitting.Fitted(0, 0, ()), tuple[str, ...]()
    if kept is not None:
        fitted, missing = _restore_table(connection, copy, kept, over_default)
    elif (owner := beside.missing_owner(connection, rows)) is not None:
        raise AtticItemMissing(
            f"{copy.item.id} ({owner}) does not exist, so copy {copy.id} has nowhere to go",
            next="bring it back in snapshots/access with git, push, then run again",
        )
    with_them = beside.restore(connection, rows)
    registry.note_restored(connection, copy)
    return fitted + with_them, missing


def _restore_table(
    connection: Connection, copy: Copy, kept: Table, over_default: bool
) -> tuple[fitting.Fitted, tuple[str, ...]]:
    execute(connection, "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", _require_place(connection, copy, kept).identifier)
    table = _require_place(connection, copy, kept)
    fitted = fitting.fit(connection, copy, kept, table, over_default=over_default)
    return fitted, tuple(column.name for column in kept.columns if table.column(column.name) is None)


def _require_place(connection: Connection, copy: Copy, kept: Table) -> Table:
    """Return the table that the copy goes back into; it must have the columns that this takes."""
    table = tables.find(connection, LIVE, copy.item.collection)
    needed = kept.key if copy.item.field is None else (*kept.key, copy.item.field)
    missing = [name for name in needed if table is not None and table.column(name) is None]
    if table is not None and not missing:
        return table
    absent = f"collection {copy.item.collection}" if table is None else f"field {table.name}.{missing[0]}"
    raise AtticItemMissing(
        f"{absent} does not exist, so copy {copy.id} has nowhere to go",
        next="push a snapshot that has it, then run again",
    )


def _pattern(connection: Connection, table: Table) -> str:
    """Return a table as an option of pg_dump takes it in a shell; without quotes it would be in lower case."""
    return shlex.quote(table.identifier.as_string(connection))


@contextmanager
def _wrapped(connection: Connection, what: str) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        fix = holders.advice(connection) if holders.timed_out(error) else "fix the cause and run again"
        raise AtticFailed(
            f"{what}: {reason}", next=f"{fix}; that is safe, and copies that were complete stay"
        ) from error
