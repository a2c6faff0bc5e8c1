"""Writes a planned file through Directus's API: all of it, or nothing that stays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from directus_sync.directus.client import DirectusClient
from directus_sync.errors import SeedFailed, SyncError, count
from directus_sync.seed import Action, store
from directus_sync.seed.model import USER_STATUS, USERS, Collection
from directus_sync.seed.planning import FilePlan, Judged, SeedPlan
from directus_sync.seed.resolving import Existing, Rows
from directus_sync.seed.values import Literal, Row

# Directus takes JSON bodies of up to 1 MB, unless MAX_PAYLOAD_SIZE says otherwise.
BODY_BYTES: Final = 500_000

Body = list[dict[str, Any]]


class Writer:
    """Writes the files of one plan, in their order, and knows the ids that its rows were given."""

    def __init__(self, client: DirectusClient, rows: Rows, plan: SeedPlan) -> None:
        self._client = client
        self._store = rows
        self._resolver = plan.resolver
        self._ids = {judged.row: judged.id for _, judged in plan.rows if judged.id is not None}
        # How to undo what was written of the file in hand; the last comes first.
        self._undo: list[tuple[str, Collection, Any]] = []

    def write(self, file: FilePlan) -> None:
        """Write one file.

        Raises SeedFailed after what was written of the file is undone.
        """
        self._undo = []
        try:
            for batch in file.order.batches:
                for rows in self._fitting(batch.rows, file):
                    self._create(rows, file)
            self._update((row, {name: None}, {name: self._sent(row, name)}) for row, name in file.order.later)
            overwritten = [judged for judged in file.rows if judged.action is Action.OVERWRITE]
            self._update((judged.row, _before(judged), self._after(judged)) for judged in overwritten)
        except SyncError as error:
            raise SeedFailed(
                f"{error.what}; {self._undone(file)}", where=error.where or file.path, next=error.next
            ) from error
        except BaseException:
            # Ctrl-C too; SIGKILL alone leaves rows, and the next run finds them and goes on.
            self._undone(file)
            raise

    def _create(self, rows: Sequence[Row], file: FilePlan) -> None:
        collection = rows[0].collection
        later = set(file.order.later)
        body = [self._body(row, {name for name in row.given if (row, name) in later}) for row in rows]
        try:
            answer = self._client.write("POST", collection.path, body)
        except BaseException as error:
            # The answer may have been lost, and the rows be there.
            self._note(collection, self._look_up(rows).values())
            if not isinstance(error, SyncError):
                raise
            if len(rows) == 1 or any(row in self._ids for row in rows):
                raise _refused(error, rows) from error
            # One request is one transaction, so none is there; one by one, Directus tells which it is about.
            for row in rows:
                self._create([row], file)
            return
        key = collection.primary_key
        answered = (
            [row[key] for row in answer if isinstance(row, dict) and key in row] if isinstance(answer, list) else []
        )
        found = self._look_up(rows)
        self._note(collection, dict.fromkeys([*answered, *found.values()]))
        if len(found) < len(rows):
            lost = next(row for row in rows if row not in found)
            raise SeedFailed(
                f"Directus stored a row of {collection.name} under another key than the file's",
                where=lost.where,
                next="look for a hook or flow that changes it",
            )

    def _look_up(self, rows: Sequence[Row]) -> dict[Row, Any]:
        """Return the ids of those that are there now; the answer of Directus is in no particular order."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(row.key, []).append(row)
        found: dict[Row, Any] = {}
        for key, group in groups.items():
            answers = self._store.lookup(group[0].collection, [self._wanted(row, key) for row in group])
            found |= {row: there[0].id for row, there in zip(group, answers, strict=True) if there}
        self._ids |= found
        return found

    def _update(self, changes: Iterable[tuple[Row, dict[str, Any], dict[str, Any]]]) -> None:
        """Send changes, a request for each collection. Each: a row, its values before and after."""
        groups: dict[Collection, list[tuple[Row, dict[str, Any], dict[str, Any]]]] = {}
        for change in changes:
            groups.setdefault(change[0].collection, []).append(change)
        for collection, group in groups.items():
            key = collection.primary_key
            # Noted first: an answer that is lost leaves open whether it happened.
            self._undo.append(("PATCH", collection, [{key: self._ids[row], **before} for row, before, _ in group]))
            try:
                body = [{key: self._ids[row], **after} for row, _, after in group]
                self._client.write("PATCH", collection.path, body)
            except SyncError as error:
                raise _refused(error, [row for row, _, _ in group]) from error

    def _note(self, collection: Collection, ids: Iterable[Any]) -> None:
        if listed := list(ids):
            self._undo.append(("DELETE", collection, listed))

    def _undone(self, file: FilePlan) -> str:
        """Undo what was written, and say so."""
        left = []
        for method, collection, body in reversed(self._undo):
            try:
                self._client.write(method, collection.path, body)
            except SyncError as error:
                left.append(f"{collection.name}: {error.what}")
        if left:
            return f"undoing {file.path} failed too, and rows of it are left ({'; '.join(left)})"
        return f"what was written of {file.path} is undone" if self._undo else f"nothing of {file.path} was written"

    def _body(self, row: Row, without: set[str]) -> dict[str, Any]:
        body = {name: self._sent(row, name) for name in row.given if name not in without}
        return {"status": USER_STATUS, **body} if row.collection.name == USERS else body

    def _after(self, judged: Judged) -> dict[str, Any]:
        return {edit.field: self._sent(judged.row, edit.field) for edit in judged.edits}

    def _sent(self, row: Row, name: str) -> Any:
        given, value = row.given[name], self._resolver.value(row, name)
        if isinstance(given, Literal):
            return store.sent(row.collection.fields[name], given, value)
        return value.id if isinstance(value, Existing) else self._ids[value]

    def _wanted(self, row: Row, key: Iterable[str]) -> store.Wanted:
        wanted: dict[str, str | None] = {}
        for name in key:
            given = row.given[name]
            wanted[name] = given.text if isinstance(given, Literal) else str(self._sent(row, name))
        return wanted

    def _fitting(self, rows: Sequence[Row], file: FilePlan) -> Iterator[list[Row]]:
        """Yield rows in parts that fit into one request."""
        later = set(file.order.later)
        part: list[Row] = []
        size = 0
        for row in rows:
            bytes_of_row = len(json.dumps(self._body(row, {name for name in row.given if (row, name) in later})))
            if part and size + bytes_of_row > BODY_BYTES:
                yield part
                part, size = [], 0
            part.append(row)
            size += bytes_of_row
        yield part


def _before(judged: Judged) -> dict[str, Any]:
    fields: Mapping[str, Any] = judged.row.collection.fields
    return {edit.field: store.sendable(fields[edit.field], edit.before) for edit in judged.edits}


def _refused(error: SyncError, rows: Sequence[Row]) -> SeedFailed:
    of = f"{count(len(rows), 'row')} of {rows[0].collection.name}"
    return SeedFailed(f"{of} could not be written: {error.what}", where=rows[0].where, next=error.next)
