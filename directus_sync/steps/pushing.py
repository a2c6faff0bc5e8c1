"""Runs one push of the schema: judge, then refuse, or copy to the attic, send, compare, record. Needs the lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from directus_sync.steps import clean_up, planning, resources
from directus_sync.steps.planning import Request
from directus_sync.text.wording import count


@dataclass
class Pushing:
    """One push of the schema.

    may_leave_refused: returns whether to return a refused plan unsent, instead of raising.
    before_compare: called before each comparison after the push.
    """

    settings: Settings
    request: Request
    progress: Progress
    connection: Connection
    command: str
    may_leave_refused: Callable[[Plan], bool] = lambda _: False
    before_compare: Callable[[], object] = lambda: None

    def run(self, client: DirectusClient, wanted: Snapshot) -> Plan:
        """Judge, send, compare again and record. Return the plan.

        Raises RefusedPlan, StalePlan and AtticFailed before anything is sent; ApplyFailed, NotConverged and
        MadeOtherwise after that.
        """
        approved = planning.approved(self.settings, self.request)
        judged = planning.plan(self.settings, self.connection, client, wanted, approved)
        if self.request.saved is not None:
            saved_plan.require_current(self.request.saved, judged, wanted)
        planning.note_unused_approvals(self.settings, self.progress, judged.unmatched, wanted.ids)
        if judged.refused:
            if self.may_leave_refused(judged):
                return judged
            raise refusal.error(judged, f"push of {wanted.source} to {client.name}")
        if history.exists(self.connection):
            attic.sweep(self.connection)
        kept = self._send(client, wanted, judged) if judged else ()
        if judged or not history.is_base(self.connection, wanted.sha256):
            self._record(client, wanted, judged, kept)
        return judged

    def _record(self, client: DirectusClient, wanted: Snapshot, judged: Plan, kept: Sequence[attic.Copy]) -> None:
        """Compare again and record the base. Raises NotConverged or MadeOtherwise if something still differs."""
        live, remaining = self._compare_and_record(client, wanted, judged)
        if remaining and _only_meta_of_new_fields(judged, remaining):
            client.apply(remaining.digest, rebuilding.sendable(remaining, wanted, live))
            _, remaining = self._compare_and_record(client, wanted, judged)
        if remaining:
            without_effect = remaining.changes == judged.difference.changes
            if without_effect and kept:
                with clean_up.attempted(self.progress, "nothing was removed, but the new copies stay in the attic"):
                    attic.purge(self.connection, [copy.id for copy in kept])
                    self.progress.note("Nothing was removed, so the new copies in the attic were deleted")
            raise planning.not_converged(client, wanted, remaining, without_effect=without_effect)

    def _compare_and_record(
        self, client: DirectusClient, wanted: Snapshot, judged: Plan
    ) -> tuple[Snapshot, SchemaDiff]:
        """Compare with the server, and record the base.

        Items that were sent are recorded as Directus stored them, so that Directus's own changes do not count as
        uncaptured work.
        """
        self.before_compare()
        live, remaining = planning.compare(client, wanted)
        made = _sent_and_different(judged, remaining)
        history.record_base(self.connection, wanted.with_entries(live, made) if made else wanted, "push")
        return live, remaining

    def _send(self, client: DirectusClient, wanted: Snapshot, judged: Plan) -> tuple[attic.Copy, ...]:
        """Copy doomed rows to the attic, and send the diff. Return the copies. Delete them if nothing was destroyed."""
        number = plans.changes(judged)
        self.progress.note(plans.plan(judged))
        copies = self._copy(judged, wanted) if self.request.keep else ()
        try:
            with self.progress.step(f"Pushing {number}", f"Pushed {number}"):
                for family in FAMILIES:
                    resources.drop_lost_from_base(self.connection, family)
                for name in sql_changes.forget_dropped_columns(self.connection, judged.difference.changes):
                    self.progress.note(f"Directus still listed {name}, whose column was dropped by SQL")
                self._apply(client, wanted, judged)
        except SyncError as error:
            with clean_up.attempted(self.progress, "the new copies stay in the attic"):
                if not isinstance(error, ApplyUnclear) or error.undone:
                    attic.purge(self.connection, [copy.id for copy in copies])
                elif error.answered:
                    # Without an answer Directus may still be working: the mirrors go on, and the next run ends them.
                    attic.finish(self.connection, copies)
            raise
        self.progress.done.append(f"{number} pushed")
        kept = attic.finish(self.connection, copies)
        for copy in kept:
            self.progress.note(f"Kept {copy.item.id} in the attic as copy {copy.id}, {count(copy.rows, 'row')}")
        return kept

    def _apply(self, client: DirectusClient, wanted: Snapshot, judged: Plan) -> None:
        """Send the diff. While somebody holds a table, retry for a minute, with pauses in which others can work."""
        try:
            for number, attempt in enumerate(patience.attempts(_is_locked_out)):
                with attempt:
                    if number > 0:
                        # Fails if the session is lost. The lock is lost with it, and another deploy may be running.
                        database.query(self.connection, "SELECT true")
                    if number == 1:
                        who = holders.describe(self.connection) or "a session that has just ended"
                        self.progress.note(f"Waiting for a table that others use: {who}")
                    _apply_twice(client, wanted, judged)
        except ApplyUnclear as unclear:
            if not _is_locked_out(unclear):
                raise
            raise ApplyFailed(
                f"Directus could not lock a table within {patience.SECONDS:g} s; nothing was changed",
                where=unclear.where,
                next=holders.advice(self.connection),
            ) from unclear

    def _copy(self, judged: Plan, wanted: Snapshot) -> tuple[attic.Copy, ...]:
        """Copy the tables and columns that a plan destroys."""
        doomed = (risk for item in judged.items for risk in item.verdict.risks_of_loss)
        items = dict.fromkeys(attic.AtticItem(risk.collection, risk.field) for risk in doomed)
        if not items:
            return ()
        number = count(len(items), "item")
        with self.progress.step(f"Copying {number} to the attic", f"Copied {number}"):
            before = {item.id: item.change.before for item in judged.items if item.change.before is not None}
            taking = attic.Taking(self.request.run, self.command, wanted.sha256, before)
            copies = attic.keep(self.connection, items, taking)
        missing = sorted({item.id for item in items} - {copy.item.id for copy in copies})
        if missing:
            with clean_up.attempted(self.progress, "later writes are missing in the new copies until the next run"):
                attic.finish(self.connection, copies)
            raise AtticFailed(
                f"{', '.join(missing)} could not be copied: the schema public has no such table or column",
                next="save the rows yourself (pg_dump), then run with --no-attic; nothing was sent",
            )
        return copies


def _is_locked_out(error: Exception) -> bool:
    """Return whether Directus changed nothing because somebody holds a table."""
    return isinstance(error, ApplyUnclear) and error.undone and holders.TIMED_OUT in error.what


def _apply_twice(client: DirectusClient, wanted: Snapshot, judged: Plan) -> None:
    """Send the diff; retry once if Directus failed without changing anything.

    Raises ApplyRefused if Directus gives the same reason twice, because another retry would fail as well; ApplyUnclear.
    """
    first = _failure(client, wanted, judged)
    if first is None:
        return
    if not (first.undone and first.reason) or _is_locked_out(first):
        raise first
    second = _failure(client, wanted, judged)
    if second is not None and second.undone and second.reason == first.reason:
        raise refused_apply(second.reason, second.where) from second
    if second is not None:
        raise second


def _failure(client: DirectusClient, wanted: Snapshot, judged: Plan) -> ApplyUnclear | None:
    """Send the diff once. Return why it failed, or None if it was applied in spite of an error."""
    try:
        client.apply(judged.difference.digest, judged.difference.raw)
    except ApplyUnclear as unclear:
        try:
            _, remaining = planning.compare(client, wanted)
        except SyncError as error:
            raise unclear from error
        # Directus may fail after its commit, and may have stored some items in another form.
        if not remaining or (unclear.answered and remaining.changes != judged.difference.changes):
            return None
        unclear.undone = unclear.answered
        return unclear
    return None


def _only_meta_of_new_fields(judged: Plan, remaining: SchemaDiff) -> bool:
    """Return whether only the meta of new fields still differs. It can be sent again at once: no rows depend on it.

    Directus adds a `special` to a new field of JSON or CSV, whatever the file says.
    """
    added = {change.key for change in judged.difference.changes if change.action is Action.ADD}
    return all(
        change.kind is ItemKind.FIELD
        and change.key in added
        and change.action is Action.CHANGE
        and not change.replaces_item
        and all(edit.path[0] == "meta" for edit in change.edits)
        for change in remaining.changes
    )


def _sent_and_different(judged: Plan, remaining: SchemaDiff) -> list[tuple[str, tuple[str, ...]]]:
    """Return the sent items that still differ, as (section, name), without those that somebody edited since."""
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
