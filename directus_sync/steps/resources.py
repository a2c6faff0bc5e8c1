"""One family of resources in a command: compared by SQL, refused or sent by Directus's API, compared again, recorded.

Directus is asked only when something differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from directus_sync.steps import planning
from directus_sync.steps.planning import Request
from directus_sync.wording import count, shortened

Leave = Callable[[ResourcePlan], bool]
ClientFor = Callable[[tuple[requests.RowRequest, ...]], DirectusClient]


@dataclass(frozen=True)
class Comparison:
    """Files, base and database as they were read together.

    base: of what differs; None where nothing was ever recorded.
    """

    wanted: Items
    base: Items | None
    names: Names
    live: Live
    changes: tuple[ResourceChange, ...]


def compare(connection: Connection, family: Family, wanted: Items, *, taken: bool = False) -> Comparison:
    """Read base and database. taken: take in what neither files nor base know, instead of leaving it alone."""
    recorded = resource_history.base(connection, family)
    names = grouping.names_of(family, wanted.values(), (recorded or {}).values())
    there = grouping.grouped(family, live.read(connection, family), names, taken=taken)
    changes = judging.changes(family, wanted, there.items)
    base: Items | None = None if recorded is None else {}
    if recorded is not None and changes:
        now = grouping.rekeyed(family, recorded.values(), names)
        base = {change.id: now[change.id] for change in changes if change.id in now}
        base = judging.without_lost(family, base, live.schema(connection, judging.about(family, base)))
    return Comparison(wanted, base, names, there, changes)


def judge(connection: Connection, family: Family, found: Comparison, approved: Approvals) -> ResourcePlan:
    """Return what a push would do. approved: also what is not of this family."""
    numbers = {c.id: _number(connection, c, found.live) for c in found.changes if c.action is Action.REMOVE}
    return judging.decide(family, found.changes, found.base, numbers, approved.of(family.owns), found.live.unknown)


def require_equal(connection: Connection, family: Family, wanted: Items) -> None:
    """Raise NotConverged unless the database equals the files."""
    found = compare(connection, family, wanted)
    if found.changes:
        raise NotConverged(
            f"{count(len(found.changes), 'change')} of {family.name} came while the deploy was at work",
            where="\n".join(shortened([change.id for change in found.changes])),
            next="run again: it judges them like any other",
        )


def forget_lost(connection: Connection, family: Family) -> None:
    """Take out of the base what Directus removed along with a collection or field that is to be made again."""
    recorded = resource_history.base(connection, family)
    if recorded is not None:
        kept = judging.without_lost(family, recorded, live.schema(connection, judging.about(family, recorded)))
        resource_history.record(connection, family, kept.values(), "push")


class ResourcePushing:
    """One push of a family under way. Needs the lock."""

    def __init__(
        self,
        wanted: Wanted,
        settings: Settings,
        request: Request,
        progress: Progress,
        connection: Connection,
        command: str,
    ) -> None:
        self.command = command
        self.family = wanted.family
        self.wanted = wanted.items
        self.operation = f"push of {wanted.form.folder(settings)}"
        self.settings = settings
        self.request = request
        self.progress = progress
        self.connection = connection
        self.approved = planning.approved(settings, request)

    def require_possible(self, leave: Leave = planning.never) -> None:
        """Raise what `run` would refuse, before anything else is changed: RefusedPlan, StalePlan."""
        plan = judge(self.connection, self.family, compare(self.connection, self.family, self.wanted), self.approved)
        reviewed = self.request.saved
        if reviewed is not None and reviewed.families.get(self.family.name) != saved(plan):
            raise saved_plan.stale(reviewed, f"{self.family.name} was changed")
        planning.note_pointless(self.settings, self.progress, plan.unmatched, self.wanted, "the files still have")
        if plan.refused and not leave(plan):
            raise report.refusal(plan, self.operation)

    def run(self, client_for: ClientFor, leave: Leave = planning.never) -> ResourcePlan:
        """Judge, send, compare again and record.

        client_for: returns a Directus for requests, if there are any. leave: tells whether a refused plan is to be
        returned, unsent, instead of raised.

        Raises RefusedPlan before anything is sent; RequestFailed and NotConverged after it.
        """
        found = compare(self.connection, self.family, self.wanted)
        plan = judge(self.connection, self.family, found, self.approved)
        if plan.refused and leave(plan):
            return plan
        if plan.refused:
            raise report.refusal(plan, self.operation)
        if plan:
            self.progress.note(report.plan(plan))
            number = report.changes(plan)
            sending = tuple(requests.requests(self.family, found.changes, found.wanted, found.live))
            client = client_for(sending)
            with self._kept(found), self.progress.step(f"Pushing {number}", f"Pushed {number}"):
                self._send(client, sending)
            self.progress.done.append(f"{number} pushed")
        self._record(found)
        return plan

    @contextmanager
    def _kept(self, found: Comparison) -> Iterator[None]:
        """Keep in the attic what goes, unless the block fails before it goes."""
        copies = tuple(self._copies(found)) if self.request.keep else ()
        try:
            yield
        except SyncError:
            there = compare(self.connection, self.family, found.wanted).live.items
            attic.discard(self.connection, [copy for copy in copies if copy.item.id in there])
            raise
        for copy in copies:
            self.progress.note(f"Kept {copy.item.id} in the attic as copy {copy.id}, {count(copy.rows, 'row')}")

    def _copies(self, found: Comparison) -> Iterator[attic.Copy]:
        removed = {change.id: change for change in found.changes if change.action is Action.REMOVE}
        for change in removed.values():
            # What is a part of a row is kept with it.
            if change.kind.goes and change.owner not in removed:
                keys = [str(each.primary) for each in found.live.found[change.id]]
                goes = change.kind.goes.items()
                sha256 = hashlib.sha256(snapshot.content_of(self.settings.snapshot)).hexdigest()
                yield attic.keep_rows(
                    self.connection,
                    change.id,
                    [(table, column, key) for key in keys for table, column in goes],
                    attic.Taking(self.request.run, self.command, sha256),
                )

    def _send(self, client: DirectusClient, sending: tuple[requests.RowRequest, ...]) -> None:
        for request in sending:
            try:
                client.write(request.method, request.path, request.body)
            except RequestFailed as failed:
                failed.where = "\n".join([str(failed.where), *shortened(request.items)])
                failed.next = f"{failed.next}\nrunning again is safe: each request happened whole or not at all"
                raise

    def _record(self, found: Comparison) -> None:
        """Record the base: the files, and what Directus made of what was sent, which is nobody's uncaptured work."""
        sent = {change.id for change in found.changes}
        rows = live.read(self.connection, self.family, found.changes) if sent else ()
        there = grouping.grouped(self.family, rows, found.names, taken=True).items
        wanted = {name: item for name, item in found.wanted.items() if name in sent}
        remaining = judging.changes(self.family, wanted, there)
        unsent = {name: item for name, item in found.wanted.items() if name not in sent}
        resource_history.record(self.connection, self.family, [*unsent.values(), *there.values()], "push")
        if remaining:
            number = count(len(remaining), "item")
            raise NotConverged(
                f"{number} of {self.family.name} still {'differs' if len(remaining) == 1 else 'differ'} from the files",
                where="\n".join(shortened([change.id for change in remaining])),
                next="look at it: directus-sync diff; what was applied stays",
            )


def saved(plan: ResourcePlan) -> object:
    """Return what a saved plan keeps of this one. A later push compares both, and refuses a plan that changed."""
    return [[item.id, list(item.change.before), list(item.change.after)] for item in plan.items]


def _number(connection: Connection, change: ResourceChange, there: Live) -> int:
    if change.kind.cost is None:
        return 0
    ((number,),) = database.query(connection, change.kind.cost.count, (there.found[change.id][0].primary,))
    return int(number)
