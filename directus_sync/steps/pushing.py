"""One push from judgement to record: refused, or copied to the attic, sent and compared again. Needs the lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from directus_sync import attic
from directus_sync.directus.answers import refused_apply
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import ApplyFailed, ApplyUnclear, AtticFailed, SyncError
from directus_sync.output import Progress
from directus_sync.postgres import database, holders, patience
from directus_sync.postgres.database import Connection
from directus_sync.probes import sql_changes
from directus_sync.report import plans, refusal
from directus_sync.resources.families import FAMILIES
from directus_sync.schema import rebuilding, saved_plan
from directus_sync.schema.diff import Action, ItemKind, SchemaDiff
from directus_sync.schema.plan import Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import history
from directus_sync.steps import planning, resources
from directus_sync.steps.planning import Request
from directus_sync.wording import count

# How long a push tries to get its locks. Readers get their turn in the pauses.
FIRST_PAUSE_SECONDS: Final = 1.0


class Pushing:
    """One push under way."""

    def __init__(
        self, settings: Settings, request: Request, progress: Progress, connection: Connection, command: str
    ) -> None:
        self.settings = settings
        self.request = request
        self.progress = progress
        self.connection = connection
        self.command = command
        self._kept: tuple[attic.Copy, ...] = ()
        self._look: Callable[[], object] = lambda: None

    def run(
        self,
        client: DirectusClient,
        wanted: Snapshot,
        leave: Callable[[Plan], bool] = planning.never,
        look: Callable[[], object] = lambda: None,
    ) -> Plan:
        """Judge, send, compare again and record.

        leave: tells whether a refused plan is to be returned, unsent, instead of raised.
        look: called before each comparison with what was sent.

        Raises RefusedPlan and StalePlan before anything is sent, ApplyFailed and NotConverged after it.
        """
        saved = self.request.saved
        self._look = look
        approved = planning.approved(self.settings, self.request)
        judged = planning.plan(self.settings, self.connection, client, wanted, approved)
        if saved is not None:
            saved_plan.require_current(saved, judged, wanted)
        planning.note_pointless(self.settings, self.progress, judged.unmatched, wanted.ids)
        if judged.refused and leave(judged):
            return judged
        if judged.refused:
            raise refusal.error(judged, f"push of {wanted.source} to {client.name}")
        if history.exists(self.connection):
            attic.sweep(self.connection)
        if judged:
            self._send(client, wanted, judged)
            self.progress.done.append(f"{plans.changes(judged)} pushed")
        if judged or not history.is_base(self.connection, wanted.sha256):
            self._record(client, wanted, judged)
        return judged

    def _record(self, client: DirectusClient, wanted: Snapshot, judged: Plan) -> None:
        """Compare again and record the base. Raises NotConverged or MadeOtherwise if something still differs."""
        live, remaining = self._compare_and_record(client, wanted, judged)
        if remaining and _may_follow(judged, remaining):
            client.apply(remaining.digest, rebuilding.sendable(remaining, wanted, live))
            _, remaining = self._compare_and_record(client, wanted, judged)
        if remaining:
            without_effect = remaining.changes == judged.difference.changes
            if without_effect and self._kept:
                attic.purge(self.connection, [copy.id for copy in self._kept])
                self.progress.note("Nothing was removed, so its copies in the attic are deleted again")
            raise planning.not_converged(client, wanted, remaining, without_effect=without_effect)

    def _compare_and_record(
        self, client: DirectusClient, wanted: Snapshot, judged: Plan
    ) -> tuple[Snapshot, SchemaDiff]:
        """Record the base: for what was sent, what Directus made of it, which is nobody's uncaptured work."""
        self._look()
        live, remaining = planning.compare(client, wanted)
        made = _made_otherwise(judged, remaining)
        history.record_base(self.connection, wanted.with_entries(live, made) if made else wanted, "push")
        return live, remaining

    def _send(self, client: DirectusClient, wanted: Snapshot, judged: Plan) -> None:
        self.progress.note(plans.plan(judged))
        with self._copied(judged, wanted):
            number = plans.changes(judged)
            with self.progress.step(f"Pushing {number}", f"Pushed {number}"):
                for family in FAMILIES:
                    resources.forget_lost(self.connection, family)
                for name in sql_changes.forget_dropped_columns(self.connection, judged.difference.changes):
                    self.progress.note(f"Directus still listed {name}, whose column was dropped by SQL")
                self._apply(client, wanted, judged)

    def _apply(self, client: DirectusClient, wanted: Snapshot, judged: Plan) -> None:
        """Send it, and again for a while if somebody holds a table: nobody is to wait behind it for long."""
        pause, deadline = FIRST_PAUSE_SECONDS, time.monotonic() + patience.SECONDS
        refusals: list[str] = []
        while True:
            try:
                client.apply(judged.difference.digest, judged.difference.raw)
            except ApplyUnclear as unclear:
                # It is never sent again blindly: first look whether it happened.
                if _happened(client, wanted, judged, unclear):
                    return
                if holders.TIMED_OUT not in unclear.what:
                    refusals.append(unclear.reason)
                    if not unclear.undone or not unclear.reason or len(set(refusals)) > 1:
                        raise
                    if len(refusals) > 1:
                        # Nothing happened, and what is said a second time will be said each time.
                        raise refused_apply(unclear.reason, unclear.where) from unclear
                    continue
                if time.monotonic() + pause > deadline:
                    raise ApplyFailed(
                        f"Directus could not lock a table within {patience.SECONDS:g} s; nothing was changed",
                        where=unclear.where,
                        next=holders.advice(self.connection),
                    ) from unclear
                # Without its session it has no lock any more: another deploy may be at work.
                database.query(self.connection, "SELECT true")
                if pause == FIRST_PAUSE_SECONDS:
                    who = holders.describe(self.connection) or "a session that has just ended"
                    self.progress.note(f"Waiting for a table that others use: {who}")
                time.sleep(pause)
                pause *= 2
            else:
                return

    @contextmanager
    def _copied(self, judged: Plan, wanted: Snapshot) -> Iterator[None]:
        """Keep copies of what the block destroys, unless it fails before it destroys it."""
        items = _doomed(judged) if self.request.keep else ()
        copies = self._copy(items, judged, wanted) if items else ()
        try:
            yield
        except SyncError as error:
            # Without an answer Directus may still be working on it: the copies stay, and the next run sweeps them.
            if not isinstance(error, ApplyUnclear) or error.answered:
                attic.finish(self.connection, copies)
            if _is_undone(error):
                attic.purge(self.connection, [copy.id for copy in copies])
            raise
        self._kept = attic.finish(self.connection, copies)
        for copy in self._kept:
            kept = count(copy.rows, "row")
            self.progress.note(f"Kept {copy.item.id} in the attic as copy {copy.id}, {kept}")

    def _copy(self, items: tuple[attic.AtticItem, ...], judged: Plan, wanted: Snapshot) -> tuple[attic.Copy, ...]:
        number = count(len(items), "item")
        with self.progress.step(f"Copying {number} to the attic", f"Copied {number}"):
            taking = attic.Taking(self.request.run, self.command, wanted.sha256, _definitions(judged))
            copies = attic.keep(self.connection, items, taking)
        missing = sorted({item.id for item in items} - {copy.item.id for copy in copies})
        if missing:
            attic.finish(self.connection, copies)
            raise AtticFailed(
                f"{', '.join(missing)} could not be copied: the schema public has no table of that name",
                next="save the rows yourself (pg_dump), then run with --no-attic; nothing was sent",
            )
        return copies


def _is_undone(error: SyncError) -> bool:
    """Tell whether nothing was destroyed, so that no copy is needed: Directus refused it, or nothing of it is there."""
    return isinstance(error, ApplyFailed) and (error.undone if isinstance(error, ApplyUnclear) else True)


def _happened(client: DirectusClient, wanted: Snapshot, judged: Plan, unclear: ApplyUnclear) -> bool:
    try:
        _, remaining = planning.compare(client, wanted)
    except SyncError as error:
        raise unclear from error
    # Directus itself failed after its commit, and made something otherwise.
    happened = not remaining or (unclear.answered and remaining.changes != judged.difference.changes)
    unclear.undone = unclear.answered and not happened
    return happened


def _may_follow(judged: Plan, remaining: SchemaDiff) -> bool:
    """Tell whether what Directus made otherwise of new fields can be sent at once: no rows depend on it.

    Directus adds a `special` to a new field of JSON or CSV, whatever the file says.
    """
    added = {change.key for change in judged.difference.changes if change.action is Action.ADD}
    return all(
        change.kind is ItemKind.FIELD
        and change.key in added
        and change.action is Action.CHANGE
        and not change.malformed
        and all(edit.path[0] == "meta" for edit in change.edits)
        for change in remaining.changes
    )


def _made_otherwise(judged: Plan, remaining: SchemaDiff) -> list[tuple[str, tuple[str, ...]]]:
    """Return the items that were sent and still differ, as (section, name); not those that somebody edited since."""
    left = {(change.kind, change.key): change for change in remaining.changes}
    found = []
    for sent in judged.difference.changes:
        rest = left.get((sent.kind, sent.key))
        if rest is None:
            continue
        edited_since = {edit.path for edit in rest.edits} - {edit.path for edit in sent.edits}
        if sent.action is not Action.CHANGE or not edited_since:
            found.append((sent.kind.value, sent.key))
    return found


def _doomed(judged: Plan) -> tuple[attic.AtticItem, ...]:
    """Return what to copy before a plan is sent."""
    return tuple(
        dict.fromkeys(
            attic.AtticItem(risk.collection, risk.field) for item in judged.items for risk in item.verdict.doomed
        )
    )


def _definitions(judged: Plan) -> dict[str, object]:
    return {item.id: item.change.before for item in judged.items if item.change.before is not None}
