"""Restores missing rows and values from copies. Overwrites nothing; the copies stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from directus_sync.attic import companion_rows, fitting, order, registry, tables
from directus_sync.attic.fitting import Fitted, Rejected
from directus_sync.attic.keeping import settle
from directus_sync.attic.registry import Copy, Rows
from directus_sync.attic.tables import ATTIC, LIVE, Table, as_attic_failed, execute, with_retries
from directus_sync.errors import AtticItemMissing, AtticUnknownCopy
from directus_sync.postgres.database import Connection


@dataclass(frozen=True)
class Restored:
    """The outcome for a copy's rows: each is restored, already there or rejected.

    missing_columns: columns of the copy that the table lacks. has_companions: the copy has rows of Directus's own
    tables, which a running Directus caches.
    """

    copy: Copy
    restored: int
    already_there: int
    rejected: tuple[Rejected, ...]
    missing_columns: tuple[str, ...]
    has_companions: bool = False


def restore_all(
    connection: Connection, copy_ids: Sequence[int], *, over_default: bool = False, dry_run: bool = False
) -> tuple[Restored, ...]:
    """Restore copies, each table before those that refer to it. Raises the errors of `restore`.

    Copies with rejected rows are restored again at the end, because tables may refer to each other in a circle.
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
    """Restore a copy's rows, or a field's values, if they are missing. Overwrites nothing; the copy stays.

    over_default: a field's value also replaces the column's default, for fields that can't be null.
    dry_run: try it, then undo it.

    Raises AtticUnknownCopy, AtticItemMissing if the collection or field does not exist, and AtticFailed.
    """
    settle(connection, [copy_id])
    with as_attic_failed(connection, f"copy {copy_id} could not be restored"):
        copy = _known(connection, copy_id)
        kept, rows = tables.find(connection, ATTIC, copy.table), registry.companions(connection, copy_id)
        if kept is None and not rows:
            raise _unknown(copy_id)
        work = partial(_restore, connection, copy, kept, rows, over_default)
        fitted, missing = with_retries(connection, work, commit=not dry_run)
        # Read again, to return the time of this restore.
        copy = _known(connection, copy_id)
        return Restored(copy, fitted.restored, fitted.already_there, fitted.rejected, missing, bool(rows))


def _known(connection: Connection, copy_id: int) -> Copy:
    """Return the copy's entry. Raises AtticUnknownCopy."""
    found = registry.select(connection, [copy_id])
    if not found:
        raise _unknown(copy_id)
    return found[0]


def _unknown(copy_id: int) -> AtticUnknownCopy:
    return AtticUnknownCopy(f"the attic has no copy {copy_id}", next="list them: directus-sync attic list")


def _restore(
    connection: Connection, copy: Copy, kept: Table | None, rows: Rows, over_default: bool
) -> tuple[Fitted, tuple[str, ...]]:
    fitted, missing = Fitted(0, 0, ()), tuple[str, ...]()
    if kept is not None:
        fitted, missing = _restore_table(connection, copy, kept, over_default)
    elif (owner := companion_rows.missing_owner(connection, rows)) is not None:
        raise AtticItemMissing(
            f"{copy.item.id} ({owner}) does not exist, so copy {copy.id} can't be restored",
            next="restore it in snapshots/access with git, push, then run again",
        )
    with_them = companion_rows.restore(connection, rows)
    registry.note_restored(connection, copy)
    return fitted + with_them, missing


def _restore_table(
    connection: Connection, copy: Copy, kept: Table, over_default: bool
) -> tuple[Fitted, tuple[str, ...]]:
    execute(connection, "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", _require_place(connection, copy, kept).identifier)
    table = _require_place(connection, copy, kept)
    fitted = fitting.fit(connection, copy, kept, table, over_default=over_default)
    return fitted, tuple(column.name for column in kept.columns if table.column(column.name) is None)


def _require_place(connection: Connection, copy: Copy, kept: Table) -> Table:
    """Return the table to restore the copy into. Raises AtticItemMissing if it or a needed column does not exist."""
    table = tables.find(connection, LIVE, copy.item.collection)
    needed = kept.key if copy.item.field is None else (*kept.key, copy.item.field)
    missing = [name for name in needed if table is not None and table.column(name) is None]
    if table is not None and not missing:
        return table
    absent = f"collection {copy.item.collection}" if table is None else f"field {table.name}.{missing[0]}"
    raise AtticItemMissing(
        f"{absent} does not exist, so copy {copy.id} can't be restored",
        next="push a snapshot that has it, then run again",
    )
