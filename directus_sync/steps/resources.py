"""Pushes one family of resources: compare by SQL, then refuse, or send by Directus's API, compare again, record.

Uses Directus only if something differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from directus_sync import attic
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import NotConverged, RequestFailed, SyncError
from directus_sync.output import Progress
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.report import resources as report
from directus_sync.resources import grouping, judging, live, requests
from directus_sync.resources.forms import Wanted
from directus_sync.resources.grouping import Live, Names
from directus_sync.resources.items import Items
from directus_sync.resources.kinds import Family
from directus_sync.resources.plan import ResourceChange, ResourcePlan
from directus_sync.schema import saved_plan, snapshot
from directus_sync.schema.diff import Action
from directus_sync.schema.plan import Approvals
from directus_sync.settings import Settings
from directus_sync.state import resource_history
from directus_sync.steps import clean_up, planning
from directus_sync.steps.planning import Request
from directus_sync.text.wording import count, shortened

ClientFor = Callable[[tuple[requests.RowRequest, ...]], DirectusClient]


@dataclass(frozen=True)
class Comparison:
    """Files, base and database of one family, and their differences.

    base: only the items that differ; None if no base was ever recorded.
    """

    wanted: Items
    base: Items | None
    names: Names
    live: Live
    changes: tuple[ResourceChange, ...]


def compare(connection: Connection, family: Family, wanted: Items, *, include_unknown: bool = False) -> Comparison:
    """Read base and database, and compare. include_unknown: include items that are in neither files nor base."""
    recorded = resource_history.base(connection, family)
    names = grouping.names_of(family, wanted.values(), (recorded or {}).values())
    there = grouping.grouped(family, live.read(connection, family), names, include_unknown=include_unknown)
    changes = judging.changes(family, wanted, there.items)
    base: Items | None = None if recorded is None else {}
    if recorded is not None and changes:
        now = grouping.rekeyed(family, recorded.values(), names)
        base = {change.id: now[change.id] for change in changes if change.id in now}
        base = judging.without_removed_with_schema(family, base, live.schema(connection, judging.about(family, base)))
    return Comparison(wanted, base, names, there, changes)


def judge(connection: Connection, family: Family, found: Comparison, approved: Approvals) -> ResourcePlan:
    """Return what a push would do. approved: may also contain items of other families."""
    numbers = {c.id: _removal_count(connection, c, found.live) for c in found.changes if c.action is Action.REMOVE}
    return judging.decide(family, found.changes, found.base, numbers, approved.of(family.owns), found.live.unknown)


def require_equal(connection: Connection, family: Family, wanted: Items) -> None:
    """Raise NotConverged unless the database equals the files."""
    found = compare(connection, family, wanted)
    if found.changes:
        raise NotConverged(
            f"{count(len(found.changes), 'item')} of {family.name} changed during the deploy",
            where="\n".join(shortened([change.id for change in found.changes])),
            next="run again: the next run judges these changes like any others",
        )


def drop_lost_from_base(connection: Connection, family: Family) -> None:
    """Delete from the base the items that Directus removed along with a collection or field.

    They then count as new in git, so that the push adds them again.
    """
    recorded = resource_history.base(connection, family)
    if recorded is not None:
        kept = judging.without_removed_with_schema(
            family, recorded, live.schema(connection, judging.about(family, recorded))
        )
        resource_history.record(connection, family, kept.values(), "push")


@dataclass(frozen=True)
class ResourcePushing:
    """One push of a family. Needs the lock.

    may_leave_refused: returns whether to return a refused plan unsent, instead of raising.
    """

    wanted: Wanted
    settings: Settings
    request: Request
    progress: Progress
    connection: Connection
    command: str
    may_leave_refused: Callable[[ResourcePlan], bool] = lambda _: False

    def require_possible(self) -> None:
        """Raise RefusedPlan or StalePlan if `run` would refuse. Called before anything else is changed."""
        _, plan = self._judged()
        reviewed = self.request.saved
        if reviewed is not None and reviewed.families.get(plan.family) != saved(plan):
            raise saved_plan.stale(reviewed, f"{plan.family} was changed")
        planning.note_unused_approvals(
            self.settings, self.progress, plan.unmatched, self.wanted.items, "the files still have"
        )
        self._require_approved(plan)

    def run(self, client_for: ClientFor) -> ResourcePlan:
        """Judge, send, compare again and record. Return the plan.

        client_for: returns a client that can send the requests; called only if something differs.

        Raises RefusedPlan before anything is sent; RequestFailed and NotConverged after that.
        """
        found, plan = self._judged()
        self._require_approved(plan)
        if plan.refused:
            return plan
        if plan:
            self.progress.note(report.plan(plan))
            number = report.changes(plan)
            sending = tuple(requests.requests(self.wanted.family, found.changes, found.wanted, found.live))
            client = client_for(sending)
            copies = tuple(self._copies(found)) if self.request.keep else ()
            try:
                with self.progress.step(f"Pushing {number}", f"Pushed {number}"):
                    self._send(client, sending)
            except SyncError as error:
                with clean_up.attempted(self.progress, "all new copies stay in the attic"):
                    self._discard(copies, found, error)
                raise
            self._note_kept(copies)
            self.progress.done.append(f"{number} pushed")
        self._record(found)
        return plan

    def _judged(self) -> tuple[Comparison, ResourcePlan]:
        found = compare(self.connection, self.wanted.family, self.wanted.items)
        approved = planning.approved(self.settings, self.request)
        return found, judge(self.connection, self.wanted.family, found, approved)

    def _require_approved(self, plan: ResourcePlan) -> None:
        if plan.refused and not self.may_leave_refused(plan):
            raise report.refusal(plan, f"push of {self.wanted.form.folder(self.settings)}")

    def _copies(self, found: Comparison) -> Iterator[attic.Copy]:
        """Copy the rows that the push deletes to the attic, and yield the copies."""
        removed = {change.id: change for change in found.changes if change.action is Action.REMOVE}
        sha256 = hashlib.sha256(snapshot.content_of(self.settings.snapshot)).hexdigest()
        taking = attic.Taking(self.request.run, self.command, sha256)
        for change in removed.values():
            # The copy of an owner contains its parts.
            if change.kind.attic_columns and change.owner not in removed:
                keys = [str(each.primary) for each in found.live.rows_by_id[change.id]]
                goes = [(table, column, key) for key in keys for table, column in change.kind.attic_columns.items()]
                yield attic.keep_rows(self.connection, change.id, goes, taking)

    def _discard(self, copies: Sequence[attic.Copy], found: Comparison, error: SyncError) -> None:
        """Delete the copies of items that still exist, unless Directus may still be working on their removal."""
        sent = error.items if isinstance(error, RequestFailed) and error.unclear else ()
        there = compare(self.connection, self.wanted.family, found.wanted).live.items if copies else {}
        unneeded = [copy for copy in copies if copy.item.id in there and copy.item.id not in sent]
        attic.discard(self.connection, unneeded)
        self._note_kept(copy for copy in copies if copy not in unneeded)

    def _note_kept(self, copies: Iterable[attic.Copy]) -> None:
        for copy in copies:
            self.progress.note(f"Kept {copy.item.id} in the attic as copy {copy.id}, {count(copy.rows, 'row')}")

    def _send(self, client: DirectusClient, sending: tuple[requests.RowRequest, ...]) -> None:
        for request in sending:
            try:
                client.write(request.method, request.path, request.body)
            except RequestFailed as failed:
                failed.items = request.items
                failed.where = "\n".join([str(failed.where), *shortened(request.items)])
                failed.next = f"{failed.next}\nrunning again is safe: each request was applied completely or not at all"
                raise

    def _record(self, found: Comparison) -> None:
        """Record the base: sent items as Directus stored them, all others as in the files.

        So Directus's own changes do not count as uncaptured work. Raises NotConverged if a sent item still differs.
        """
        family, sent = self.wanted.family, {change.id for change in found.changes}
        rows = live.read(self.connection, family, found.changes) if sent else ()
        there = grouping.grouped(family, rows, found.names, include_unknown=True).items
        wanted = {name: item for name, item in found.wanted.items() if name in sent}
        unsent = [item for name, item in found.wanted.items() if name not in sent]
        resource_history.record(self.connection, family, [*unsent, *there.values()], "push")
        remaining = judging.changes(family, wanted, there)
        if remaining:
            number = count(len(remaining), "item")
            raise NotConverged(
                f"{number} of {family.name} still {'differs' if len(remaining) == 1 else 'differ'} from the files",
                where="\n".join(shortened([change.id for change in remaining])),
                next="directus-sync diff shows the difference; what was applied stays",
            )


def saved(plan: ResourcePlan) -> object:
    """Return the content of a plan as it is saved. A later push compares this, and refuses a plan that changed."""
    return [[item.id, list(item.change.before), list(item.change.after)] for item in plan.items]


def _removal_count(connection: Connection, change: ResourceChange, there: Live) -> int:
    if change.kind.cost is None:
        return 0
    ((number,),) = database.query(connection, change.kind.cost.count, (there.rows_by_id[change.id][0].primary,))
    return int(number)
