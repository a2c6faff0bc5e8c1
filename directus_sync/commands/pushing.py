"""One push from approval to record: judged, copied to the attic, sent, compared again. Under the caller's lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from directus_sync import attic, output
from directus_sync.commands import sync
from directus_sync.errors import ApplyUnclear, AtticFailed, SyncError
from directus_sync.output import Progress
from directus_sync.report import refusal, results
from directus_sync.schema import approvals, guard, saved_plan
from directus_sync.schema.guard import Approvals, Plan
from directus_sync.schema.saved_plan import SavedPlan
from directus_sync.schema.snapshot import Reading, Snapshot
from directus_sync.settings import Settings
from directus_sync.state import history, verify

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

    from directus_sync.directus.client import DirectusClient


@dataclass(frozen=True)
class Request:
    """What a command line asks beyond the settings.

    destroy, discard: ids approved on it; keep: copy to the attic what is destroyed; saved: a plan to apply;
    run: which run of the tool this is, as recorded with deploys and copies.
    """

    destroy: frozenset[str] = frozenset()
    discard: frozenset[str] = frozenset()
    keep: bool = True
    saved: SavedPlan | None = None
    run: UUID = field(default_factory=uuid4)


class Pushing:
    """One push under way, with the lock held."""

    def __init__(
        self, settings: Settings, request: Request, progress: Progress, connection: Connection, command: str
    ) -> None:
        self.settings = settings
        self.request = request
        self.progress = progress
        self.connection = connection
        self.command = command

    def run(self, client: DirectusClient, reading: Reading) -> Plan:
        """Judge, send, compare again and record.

        Raises RefusedPlan and StalePlan before anything is sent.
        """
        saved = self.request.saved
        given = saved.approvals if saved else approved(self.settings, self.request)
        base, expected = partial(history.base, self.connection), verify.read_expected(self.settings.catalog)
        recorded = history.is_base(self.connection, reading.sha256)
        judged = sync.plan(client, self.connection, reading, base, given, expected, probably_equal=recorded)
        wanted = reading.result()
        if saved is not None:
            saved_plan.require_current(saved, judged, wanted)
        self._note_pointless(judged, wanted)
        if judged.refused:
            raise refusal.error(judged, f"push of {wanted.source} to {client.url}")
        if history.exists(self.connection):
            attic.sweep(self.connection)
        if judged:
            sync.push(client, wanted, judged, around=lambda plan: self._sending(plan, wanted))
            self.progress.done.append(f"{results.changes(judged)} pushed")
            history.record_base(self.connection, sync.require_equal(client, wanted, fresh=True), "push")
        elif not recorded and history.exists(self.connection):
            history.record_base(self.connection, sync.require_equal(client, wanted), "push")
        return judged

    def nothing(self, wanted: Snapshot) -> Plan:
        """Do what is left for a push to do where nothing moved since the last deploy, which recorded its base."""
        judged = guard.nothing(approved(self.settings, self.request))
        self._note_pointless(judged, wanted)
        attic.sweep(self.connection)
        return judged

    @contextmanager
    def _sending(self, judged: Plan, wanted: Snapshot) -> Iterator[None]:
        self.progress.note(results.plan(judged))
        items = _doomed(judged) if self.request.keep else ()
        copies: tuple[attic.Copy, ...] = ()
        if items:
            with self.progress.step("Copying to the attic what goes", f"Copied {output.count(len(items), 'item')}"):
                copies = attic.keep(
                    self.connection,
                    items,
                    run=self.request.run,
                    command=self.command,
                    sha256=wanted.sha256,
                    definitions=_definitions(judged),
                )
            self._require_copies(items, copies)
        number = results.changes(judged)
        try:
            with self.progress.step(f"Pushing {number}", f"Pushed {number}"):
                yield
        except SyncError as error:
            # Without an answer Directus may still be at work: the mirrors stay, and the next run's sweep ends them.
            if not isinstance(error, ApplyUnclear) or error.answered:
                attic.finish(self.connection, copies)
            raise
        for copy in attic.finish(self.connection, copies):
            kept = output.count(copy.rows, "row")
            self.progress.note(f"Kept {copy.item.id} in the attic as copy {copy.id}, {kept}")

    def _require_copies(self, items: tuple[attic.Item, ...], copies: tuple[attic.Copy, ...]) -> None:
        missing = sorted({item.id for item in items} - {copy.item.id for copy in copies})
        if missing:
            attic.finish(self.connection, copies)
            raise AtticFailed(
                f"{', '.join(missing)} could not be copied: no table of that name is in the schema public",
                next="save the rows yourself (pg_dump), then run with --no-attic; nothing was sent",
            )

    def _note_pointless(self, judged: Plan, wanted: Snapshot) -> None:
        reviewed = approvals.read(self.settings.removals)
        for removal in approvals.pointless(reviewed, wanted):
            self.progress.note(f"note: removals.yaml approves removing {removal.item}, which the snapshot still has")
        for item in sorted(set(judged.unmatched) - {removal.item for removal in reviewed}):
            self.progress.note(f"note: the approval of {item} matches nothing that would be changed")


def approved(settings: Settings, request: Request) -> Approvals:
    """Return what is approved: in removals.yaml, and on the command line."""
    return approvals.combine(approvals.read(settings.removals), request.destroy, request.discard)


def _doomed(judged: Plan) -> tuple[attic.Item, ...]:
    """Return what to copy before a plan is sent."""
    return tuple(
        dict.fromkeys(attic.Item(risk.collection, risk.field) for item in judged.items for risk in item.verdict.doomed)
    )


def _definitions(judged: Plan) -> dict[str, object]:
    return {item.id: item.verdict.change.before for item in judged.items if item.verdict.change.before is not None}
