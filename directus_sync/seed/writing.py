"""Writes a planned file through Directus's API. If that fails, undoes what it wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from directus_sync.directus.client import DirectusClient
from directus_sync.errors import RequestFailed, SeedFailed, SyncError
from directus_sync.seed import Action, sending
from directus_sync.seed.model import USER_STATUS, USERS, Collection
from directus_sync.seed.planning import FilePlan, PlannedRow, SeedPlan, base_key
from directus_sync.seed.resolving import Existing
from directus_sync.seed.store import Store, Wanted
from directus_sync.seed.values import Literal, Row
from directus_sync.text.wording import count

# The limits of one request. Directus accepts JSON bodies of up to 1 MB, unless MAX_PAYLOAD_SIZE is set, and holds all
# locks until every row of a request is written.
BODY_BYTES: Final = 500_000
ROWS: Final = 500
# How long to wait for Directus to finish a request without a response.
SETTLING_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2

Item = TypeVar("Item")


@dataclass(frozen=True)
class _Change:
    """Values to write to a row, and the values that it had before."""

    row: Row
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class Writer:
    """Writes the files of one plan in order, and remembers the ids of their rows."""

    def __init__(self, client: DirectusClient, rows: Store, plan: SeedPlan) -> None:
        self._client = client
        self._store = rows
        self._resolver = plan.resolver
        self._ids = {planned.row: planned.id for _, planned in plan.rows if planned.id is not None}
        # The requests that undo what was written of the current file. They are sent in reverse order.
        self._undo: list[tuple[str, Collection, Any]] = []
        # The collection that Directus is still writing to. Undoing would wait for it, or come too early.
        self._busy: Collection | None = None

    def write(self, file: FilePlan) -> None:
        """Write one file, and record its values as the base.

        Raises SeedFailed after undoing what was written of the file.
        """
        self._undo = []
        try:
            for batch in file.order.batches:
                for rows in _parts(batch, lambda row: self._body(row, file)):
                    self._create(rows, file)
            self._update(_Change(row, {name: None}, {name: self._sent(row, name)}) for row, name in file.order.deferred)
            self._update(map(self._edited, file.rows))
        except SyncError as error:
            raise SeedFailed(
                f"{error.what}; {self._undo_all(file)}", where=error.where or file.path, next=error.next
            ) from error
        except BaseException:
            # Includes Ctrl-C. SIGKILL leaves rows behind, which the next run finds and continues with.
            self._undo_all(file)
            raise
        self._store.record(dict(self._seeded(file)))

    def _create(self, rows: Sequence[Row], file: FilePlan) -> None:
        collection = rows[0].collection
        try:
            answer = self._client.write("POST", collection.path, [self._body(row, file) for row in rows])
        except BaseException as error:
            self._after_failure(error, rows)
            # A request is one transaction, and Directus refused it. Send row by row to learn which row it refuses.
            for row in rows:
                self._create([row], file)
            return
        key = collection.primary_key
        answered = (
            [row[key] for row in answer if isinstance(row, dict) and key in row] if isinstance(answer, list) else []
        )
        found = self._look_up(rows)
        self._note(collection, [*answered, *found.values()])
        if len(found) < len(rows):
            lost = next(row for row in rows if row not in found)
            raise SeedFailed(
                f"Directus stored a row of {collection.name} with another key than the file has",
                where=lost.where,
                next="look for a hook or flow that changes it",
            )

    def _after_failure(self, error: BaseException, rows: Sequence[Row]) -> None:
        """Note rows that were written anyway. Return if sending the rows one by one can help, and raise otherwise."""
        self._settle(error, rows[0].collection)
        self._note(rows[0].collection, self._look_up(rows).values())
        if not isinstance(error, SyncError):
            raise error
        if _is_unclear(error) or len(rows) == 1 or any(row in self._ids for row in rows):
            raise _refused(error, rows) from error

    def _settle(self, error: BaseException, collection: Collection) -> None:
        """After a request without a response, wait until no other session writes to the collection."""
        deadline = time.monotonic() + SETTLING_SECONDS
        # Ctrl-C, too, may leave a request that Directus is still working on.
        while (_is_unclear(error) or not isinstance(error, SyncError)) and self._store.has_writers(collection):
            if time.monotonic() >= deadline:
                self._busy = collection
                return
            time.sleep(_POLL_SECONDS)

    def _look_up(self, rows: Sequence[Row]) -> dict[Row, Any]:
        """Return the ids of the rows that exist now. Directus's response has no particular order."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(row.key, []).append(row)
        found: dict[Row, Any] = {}
        for key, group in groups.items():
            answers = self._store.lookup(group[0].collection, [self._wanted(row, key) for row in group])
            found |= {row: there[0].id for row, there in zip(group, answers, strict=True) if there}
        self._ids |= found
        return found

    def _update(self, changes: Iterable[_Change]) -> None:
        """Send changes, grouped by collection."""
        groups: dict[Collection, list[_Change]] = {}
        for change in changes:
            if change.after:
                groups.setdefault(change.row.collection, []).append(change)
        for collection, group in groups.items():
            for part in _parts(group, self._patch):
                self._send(collection, part)

    def _send(self, collection: Collection, changes: Sequence[_Change]) -> None:
        undo = [self._keyed(change.row, change.before) for change in changes]
        # Noted before sending: if the response is lost, the change may have been made.
        self._undo.append(("PATCH", collection, undo))
        try:
            self._client.write("PATCH", collection.path, [self._patch(change) for change in changes])
        except BaseException as error:
            self._settle(error, collection)
            if not isinstance(error, SyncError):
                raise
            raise _refused(error, [change.row for change in changes]) from error

    def _patch(self, change: _Change) -> dict[str, Any]:
        return self._keyed(change.row, change.after)

    def _keyed(self, row: Row, values: Mapping[str, Any]) -> dict[str, Any]:
        return {row.collection.primary_key: sending.key(self._ids[row]), **values}

    def _note(self, collection: Collection, ids: Iterable[Any]) -> None:
        # By text, because Directus returns a bigint as text.
        if listed := {str(key): sending.key(key) for key in ids}:
            self._undo.append(("DELETE", collection, list(listed.values())))

    def _undo_all(self, file: FilePlan) -> str:
        """Undo what was written, and return the outcome as text."""
        if self._busy is not None:
            return f"Directus is still writing to {self._busy.name}, so what was written from {file.path} stays"
        left = []
        for method, collection, body in reversed(self._undo):
            try:
                self._client.write(method, collection.path, body)
            except SyncError as error:
                left.append(f"{collection.name}: {error.what}")
        if left:
            return f"undoing {file.path} failed too, and some of its rows are left ({'; '.join(left)})"
        return f"what was written from {file.path} is undone" if self._undo else f"nothing from {file.path} was written"

    def _seeded(self, file: FilePlan) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
        """Yield the key in the base and the written values of each row that was written."""
        for planned in file.rows:
            created = planned.action is Action.CREATE
            names = list(planned.row.given) if created else [edit.field for edit in planned.written]
            if names:
                key = base_key(planned.row, self._ids[planned.row])
                yield key, {name: self._value(planned.row, name) for name in names}

    def _body(self, row: Row, file: FilePlan) -> dict[str, Any]:
        body = {name: self._sent(row, name) for name in row.given if (row, name) not in file.order.left_out}
        return {"status": USER_STATUS, **body} if row.collection.name == USERS else body

    def _edited(self, planned: PlannedRow) -> _Change:
        row = planned.row
        before = {e.field: sending.sendable(row.collection.fields[e.field], e.before) for e in planned.written}
        return _Change(row, before, {name: self._sent(row, name) for name in before})

    def _value(self, row: Row, name: str) -> Any:
        """Return a field's value as in the database; for a reference, the primary key of its row."""
        value = self._resolver.value(row, name)
        if isinstance(value, Existing):
            return value.id
        return self._ids[value] if isinstance(value, Row) else value

    def _sent(self, row: Row, name: str) -> Any:
        given, value = row.given[name], self._value(row, name)
        if isinstance(given, Literal):
            return sending.sent(row.collection.fields[name], given, value)
        return sending.key(value)

    def _wanted(self, row: Row, key: Iterable[str]) -> Wanted:
        wanted: dict[str, str | None] = {}
        for name in key:
            given = row.given[name]
            wanted[name] = given.text if isinstance(given, Literal) else str(self._value(row, name))
        return wanted


def _parts(items: Iterable[Item], body: Callable[[Item], object]) -> Iterator[list[Item]]:
    """Yield items in parts that each fit into one request. body: returns what is sent for an item."""
    part: list[Item] = []
    size = 0
    for item in items:
        more = len(json.dumps(body(item)))
        if part and (size + more > BODY_BYTES or len(part) == ROWS):
            yield part
            part, size = [], 0
        part.append(item)
        size += more
    if part:
        yield part


def _is_unclear(error: BaseException) -> bool:
    """Return whether Directus may still be working on the failed request."""
    return isinstance(error, RequestFailed) and error.unclear


def _refused(error: SyncError, rows: Sequence[Row]) -> SeedFailed:
    of = f"{count(len(rows), 'row')} of {rows[0].collection.name}"
    if _is_unclear(error):
        return SeedFailed(
            f"Directus did not respond to a request with {of}: {error.what}",
            where=rows[0].where,
            next="wait until Directus has nothing to do, then run again: rows that were written are not written twice\n"
            "if a proxy answered each time, change its settings",
        )
    return SeedFailed(f"{of} could not be written: {error.what}", where=rows[0].where, next=error.next)
