"""Restores objects that an applied revision made and the database lost. Drops no unexpected object and no row.

Executes only definitions that this database had before, and commits only if exactly that object was created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import psycopg2

from directus_sync import catalog, output
from directus_sync.catalog import Catalog, Difference, Drift, Kind, Object, concurrent_indexes, query, rows_in_the_way
from directus_sync.catalog.rows_in_the_way import RowsInTheWay
from directus_sync.catalog.statements import DROPPED_FIRST, statements
from directus_sync.errors import CatalogDrift, DatabaseFailed, PreconditionFailed
from directus_sync.postgres import database, holders, messages, patience
from directus_sync.postgres.database import Connection
from directus_sync.text.wording import count

# Changed objects of these kinds can be replaced by their definition alone.
_REPLACED: Final = frozenset({Kind.FUNCTION, Kind.VIEW, Kind.COMMENT, Kind.DEFERRABLE})

# Restoring these takes longer the larger the table is.
_LOOKS_AT_ROWS: Final = frozenset({Kind.COLUMN, Kind.CONSTRAINT, Kind.INDEX})

_CANNOT: Final = {
    Kind.COLUMN: "changing a column could lose values",
    Kind.HYPERTABLE: "chunks that exist keep their interval",
    Kind.TYPE: "columns use it",
    Kind.SEQUENCE: "its numbers are in use",
    Kind.MATERIALIZED_VIEW: "its indexes would go with it",
}

# Class 42 has errors such as "undefined table": the object may need another one that is restored after it.
_MAY_HELP_TO_WAIT: Final = "42"

_DRIFT_NEXT: Final = (
    "make the database equal the file with a revision, or by hand, then run again;\n"
    "or, if the database is right: directus-sync pull --overwrite, then commit snapshots/catalog.yaml"
)

_IN_USE_NEXT: Final = (
    "run again when the table is free, or end the session that holds it: SELECT pg_terminate_backend(<pid>)"
)

NEVER_MADE: Final = "no revision made it in this database in this form"


class _ChangedMeanwhile(Exception):
    """Another session changed the catalog while an object was restored, which was rolled back."""


@dataclass(frozen=True)
class _Failure:
    difference: Difference
    reason: str
    rows: RowsInTheWay | None = None
    retry: bool = False
    waited: bool = False


def restore(
    connection: Connection,
    differences: Iterable[Difference],
    made: Mapping[Object, str],
    *,
    on_restored: Callable[[Object], object] = lambda _: None,
) -> tuple[str, ...]:
    """Restore missing objects, and changed ones that can be replaced without losing rows; return their names.

    Each object is restored in its own transaction, after a concurrent build of its index. Ignores unexpected objects.
    connection: in autocommit mode, with a lock_timeout.
    made: the definitions that revisions made in this database; no others are executed.
    on_restored: called after each restored object, so that the caller knows it even if others fail.

    Raises at the end: PreconditionFailed if only rows are in the way, CatalogDrift if anything else is.
    """
    lost = (difference for difference in differences if difference.kind is not Drift.UNEXPECTED)
    pending = sorted(lost, key=lambda difference: difference.object)
    needed = set(pending)
    concurrent_indexes.clear(connection, needed)
    done, failures = list[str](), list[_Failure]()
    held: dict[str, _Failure] = {}
    while pending:
        before, waiting = len(done), list[_Failure]()
        for difference in pending:
            failure = _restore_unless_held(connection, difference, made, held)
            if failure is None:
                done.append(str(difference.object))
                on_restored(difference.object)
                continue
            needed -= set() if failure.waited else {difference}
            concurrent_indexes.clear(connection, needed)
            (waiting if failure.retry else failures).append(failure)
        if len(done) == before:
            failures += waiting
            break
        pending = [failure.difference for failure in waiting]
    if failures:
        raise _error(failures)
    return tuple(done)


def refusal(difference: Difference, made: Mapping[Object, str]) -> str | None:
    """Return why an object can't be restored, or None if it can."""
    item = difference.object
    if difference.kind is Drift.CHANGED and item.kind not in _REPLACED | DROPPED_FIRST:
        return _CANNOT[item.kind]
    return None if made.get(item) == difference.expected else NEVER_MADE


@dataclass(frozen=True)
class Repair:
    """What a deploy does about a difference: executes `sql`, or nothing if it is refused or unexpected."""

    difference: Difference
    sql: str = ""
    refused: str | None = None


def repair(connection: Connection, difference: Difference, made: Mapping[Object, str]) -> Repair:
    """Return what a deploy does about a difference, to show it."""
    if difference.kind is Drift.UNEXPECTED:
        return Repair(difference)
    refused = refusal(difference, made)
    if refused is not None:
        return Repair(difference, refused=refused)
    return Repair(difference, ";\n".join(each.as_string(connection) for each in statements(difference)))


def _restore_unless_held(
    connection: Connection, difference: Difference, made: Mapping[Object, str], held: dict[str, _Failure]
) -> _Failure | None:
    """Restore one object; return why it failed.

    held: by table, the failure to get its lock in time. The lock of such a table is not waited for again.
    """
    table = difference.object.names[0]
    if table in held:
        return replace(held[table], difference=difference)
    failure = _restore(connection, difference, made)
    if failure is not None and failure.waited:
        held[table] = failure
    return failure


def _restore(connection: Connection, difference: Difference, made: Mapping[Object, str]) -> _Failure | None:
    item = difference.object
    refused = refusal(difference, made)
    if refused is not None:
        return _Failure(difference, refused)
    try:
        _execute(connection, difference)
    except catalog.UnexpectedEffect as error:
        return _Failure(difference, f"its definition does something else ({error}), which was undone")
    except _ChangedMeanwhile as error:
        return _Failure(difference, f"another session changed the database meanwhile ({error}): run again")
    except psycopg2.Error as error:
        if connection.closed:
            raise DatabaseFailed(
                f"the connection was lost while {item} was put back",
                next="run again; that is safe, and what was put back before stays",
            ) from error
        code = error.pgcode or ""
        rows = None
        if code in rows_in_the_way.REFUSED_BY_ROWS:
            rows = rows_in_the_way.find(connection, item, difference.expected or "", error)
        reason = messages.reason(error)
        waited = holders.timed_out(error)
        if waited:
            reason = f"{reason}; {holders.describe(connection) or 'its holder is gone'}"
        return _Failure(difference, reason, rows, retry=code.startswith(_MAY_HELP_TO_WAIT), waited=waited)
    return None


def _execute(connection: Connection, difference: Difference) -> None:
    item = difference.object
    if item.kind in _LOOKS_AT_ROWS and (table := concurrent_indexes.size(connection, item.names[0])).large:
        output.note(f"Putting back {item}, on {table} ...")
    for attempt in patience.attempts(lambda error: isinstance(error, _ChangedMeanwhile) or holders.timed_out(error)):
        with attempt:
            difference = concurrent_indexes.build(connection, difference)
            _in_one_transaction(connection, difference)


def _in_one_transaction(connection: Connection, difference: Difference) -> None:
    item = difference.object
    with _transaction(connection), connection.cursor() as cursor:
        before = query.read(connection, database.FORMS)
        for command in statements(difference):
            cursor.execute(command)
        # If an index was built before, it turns into the object.
        index = Object(Kind.INDEX, item.name) if difference.built else None
        kept = {other: text for other, text in before.definitions.items() if other != index}
        expected = Catalog({**kept, item: difference.expected or ""}, before.invalid)
        try:
            catalog.require_same(expected, query.read(connection, database.FORMS))
        except catalog.UnexpectedEffect as error:
            connection.rollback()
            if query.read(connection, database.FORMS) != before:
                raise _ChangedMeanwhile(str(error)) from error
            raise
        connection.commit()


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """Roll back what the block does not commit."""
    connection.autocommit = False
    try:
        yield
    finally:
        if not connection.closed:
            connection.rollback()
            connection.autocommit = True


def _error(failures: Sequence[_Failure]) -> CatalogDrift | PreconditionFailed:
    rows = [failure.rows for failure in failures if failure.rows is not None]
    if len(rows) == len(failures) == 1:
        what = f"{failures[0].difference.object} can't be put back: {rows[0].what}"
        return PreconditionFailed(what, where=rows[0].keys or None, next=rows[0].next)
    lines = [
        f"{failure.difference.object} can't be put back: {failure.rows.what}\n{failure.rows.keys}".rstrip()
        if failure.rows is not None
        else _line(failure)
        for failure in failures
    ]
    objects = f"{count(len(failures), 'object')} {'is' if len(failures) == 1 else 'are'}"
    if len(rows) == len(failures):
        steps = dict.fromkeys(found.next for found in rows)
        return PreconditionFailed(
            f"{objects} missing, and rows are in the way of putting them back",
            where="\n".join(lines),
            next="\n".join(steps),
        )
    return CatalogDrift(
        f"{objects} not as snapshots/catalog.yaml says, and can't be put back",
        where="\n".join(lines),
        next=_IN_USE_NEXT if all(failure.waited for failure in failures) else _DRIFT_NEXT,
    )


def _line(failure: _Failure) -> str:
    difference = failure.difference
    if difference.kind is Drift.MISSING:
        return f"{difference.object} is missing: {failure.reason}"
    return f"{difference.object} is {difference.actual!r} instead of {difference.expected!r}: {failure.reason}"
