"""Runs one deploy, from the first revision to the record: pre, push, post, resources, verify. Needs the lock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from directus_sync import roles
from directus_sync.catalog import Catalog, Object, query, upkeep
from directus_sync.catalog.upkeep import Verified
from directus_sync.directus import installation, upgrading
from directus_sync.directus.client import DirectusClient
from directus_sync.directus.server import Loaded
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.report.outcome import Deployed
from directus_sync.resources.forms import Wanted
from directus_sync.resources.plan import ResourcePlan
from directus_sync.revisions import branches
from directus_sync.revisions.branches import Branch
from directus_sync.revisions.revision_files import Revision
from directus_sync.roles import granting
from directus_sync.schema import snapshot
from directus_sync.schema.diff import NO_DIFFERENCE
from directus_sync.schema.plan import Mover, Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Mode, Settings
from directus_sync.state import applied_revisions, fingerprint, history
from directus_sync.state.fingerprint import Fingerprint
from directus_sync.state.provenance import Provenance
from directus_sync.steps import installing, planning, preloading, resources, sessions
from directus_sync.steps.planning import Request
from directus_sync.steps.pushing import Pushing
from directus_sync.steps.resources import ResourcePushing
from directus_sync.text.wording import count


@dataclass(frozen=True)
class Goal:
    """What the files of this checkout ask for. inputs: hash of the files, taken before any file was read."""

    schema: Snapshot
    families: tuple[Wanted, ...]
    inputs: str

    @property
    def recorded_inputs(self) -> str:
        """The inputs as a deploy records them."""
        return fingerprint.with_version(self.inputs, self.schema.directus)


@dataclass
class Deploying:
    """One deploy under way, with the lock held."""

    settings: Settings
    request: Request
    progress: Progress
    connection: Connection
    goal: Goal
    who: Provenance
    _removed_by_revisions: set[Object] = field(default_factory=set)
    # The fingerprint of the database before the latest comparison with Directus.
    _fingerprint_at_comparison: Fingerprint | None = None

    def run(self, loading: Loaded | None, started: float) -> Deployed:
        """Run the steps of the deploy, and record it.

        loading: a schema worker that is already loading. started: when the deploy began, by `time.monotonic`.
        """
        settings, connection, progress = self.settings, self.connection, self.progress
        self._require_possible()
        before = query.read(connection)
        self._take_fingerprint()
        with ExitStack() as stack:
            loaded = preloading.loaded(settings, connection, loading, stack)
            pre = self._migrate("pre")
            bootstrapped = installing.bootstrap_directus(settings, connection, progress, loaded)
            client, pushed, pushed_families = None, None, tuple[ResourcePlan, ...]()
            drift: tuple[str, ...] = ()
            if settings.mode is Mode.AUTO:
                client = stack.enter_context(sessions.directus(settings, connection, progress, loaded))
                pushed, drift = self._push(client)
            post = self._migrate("post")
            # Before the families: without the extension, which separates organisations, rights would allow too much.
            switched_on = installing.switch_on(settings, connection, progress, client)
            if client is not None:
                pushed_families, left = self._push_families(client)
                drift += left
            rights = self._correct_rights()
            own = before if pre or pushed or post else None
            verified, settled = self._verify(own, drift)
            if client is not None and not drift and (verified.restored or self._has_moved(settled)):
                self._require_equal(client)
        took = time.monotonic() - started
        deployed = Deployed(
            pre, bootstrapped, pushed, post, verified, took, progress.directus,
            switched_on=switched_on, families=pushed_families, rights=rights, uncaptured=drift,
        )  # fmt: skip
        self._record(deployed, None if drift else settled)
        return deployed

    def _require_possible(self) -> None:
        """Raise the errors of later steps that can be known now, before anything is changed."""
        applied_revisions.require_unedited(self.connection)
        upgrading.require_permitted(self.connection, self.settings, history.latest_directus(self.connection))
        if self.settings.directus_url is not None and self.settings.mode is Mode.AUTO:
            # `sessions.directus` checks that it works on this database and accepts the credentials.
            with sessions.directus(self.settings, self.connection, self.progress) as running:
                snapshot.require_version(self.goal.schema, running.version())
        if self.settings.mode is Mode.AUTO and installation.has_access(self.connection):
            for each in self.goal.families:
                self._resource_push(each).require_possible()

    def _push(self, client: DirectusClient) -> tuple[Plan, tuple[str, ...]]:
        """Push the schema. Return what was pushed, and the uncaptured items that a boot leaves alone."""
        common = self.settings, self.request, self.progress, self.connection, "deploy"
        pushed = Pushing(*common, self._may_serve, self._take_fingerprint).run(client, self.goal.schema)
        if pushed.refused:
            return Plan(NO_DIFFERENCE), tuple(item.id for item in pushed.items)
        return pushed, ()

    def _push_families(self, client: DirectusClient) -> tuple[tuple[ResourcePlan, ...], tuple[str, ...]]:
        """Push the families. Return what was pushed, and the uncaptured items that a boot leaves alone."""
        with sessions.for_rows(self.settings, self.connection, self.progress, client) as client_for:
            plans = [self._resource_push(each).run(client_for) for each in self.goal.families]
        left = tuple(item.id for plan in plans if plan.refused for item in plan.items)
        return tuple(plan for plan in plans if not plan.refused), left

    def _resource_push(self, wanted: Wanted) -> ResourcePushing:
        common = self.settings, self.request, self.progress, self.connection, "deploy"
        return ResourcePushing(wanted, *common, self._may_serve)

    def _correct_rights(self) -> tuple[str, ...]:
        """Make roles and rights equal the file. Return the executed statements."""
        wanted = roles.read(self.settings.roles)
        corrected = granting.apply(self.connection, wanted)
        if corrected:
            self.progress.note(f"Corrected: {count(len(corrected), 'right')} of the roles in roles.yaml")
            self.progress.done.append("rights corrected")
        if left := granting.left_alone(self.connection, wanted):
            text = f"note: {count(len(left), 'right')} not in roles.yaml could not be revoked by the role that deploys:"
            self.progress.note("\n".join((text, *(f"  {each};" for each in left))))
        return corrected

    def _verify(self, before: Catalog | None, drift: Sequence[str]) -> tuple[Verified, Fingerprint | None]:
        """Put back lost objects. Return the result, and the fingerprint of the database that was verified.

        before: as for `upkeep.put_back`. drift: the uncaptured items that a boot leaves alone.
        """
        # Read the fingerprint before each check, so that a change made during the check does not count as verified.
        settled = fingerprint.read(self.connection)
        expected = upkeep.read_expected(self.settings.catalog)
        if drift:
            # Put nothing back: an object may belong to a collection or field that somebody removed in Directus.
            text = f"Directus has uncaptured changes: {', '.join(drift)}; directus-sync pull captures them"
            verified = Verified(notes=(text,))
        elif expected is None:
            return Verified(notes=(f"there is no {self.settings.catalog.name} to compare the database with",)), settled
        else:
            verified = self._put_back(expected, before)
            if verified.restored:
                settled = fingerprint.read(self.connection)
                again = self._put_back(expected, before)
                verified = replace(again, restored=(*verified.restored, *again.restored))
        for text in verified.notes:
            self.progress.note(f"note: {text}")
        return verified, settled

    def _put_back(self, expected: Catalog, before: Catalog | None) -> Verified:
        deploy = history.latest_deploy(self.connection)
        known = deploy.removed if deploy is not None else ()

        def restored(item: Object) -> None:
            self.progress.note(f"Put back: {item}, which was lost although its revision is applied")
            self.progress.done.append(f"{item} put back")

        return upkeep.put_back(self.connection, expected, before, self._removed_by_revisions, known, restored)

    def _require_equal(self, client: DirectusClient) -> None:
        """Raise NotConverged if somebody changed schema or families since they were pushed."""
        with self.progress.step("Comparing again", "Compared again: Directus equals the snapshot,"):
            planning.require_equal(client, self.goal.schema)
        for each in self.goal.families:
            resources.require_equal(self.connection, each.family, each.items)

    def _may_serve(self, plan: Plan | ResourcePlan) -> bool:
        """Return whether a boot may start Directus: the files are deployed already, and only Directus was changed."""
        if not self.request.boot or plan.movers != {Mover.SERVER} or not history.exists(self.connection):
            return False
        return history.latest_inputs(self.connection) == self.goal.recorded_inputs

    def _migrate(self, branch: Branch) -> tuple[Revision, ...]:
        """Upgrade a branch to its head, and remember the objects that its revisions removed."""
        if not branches.pending(self.connection, branch):
            return ()
        before = query.read(self.connection).definitions.keys()
        applied = branches.upgrade(self.connection, branch, self.progress)
        self._removed_by_revisions |= before - query.read(self.connection).definitions.keys()
        return applied

    def _take_fingerprint(self) -> None:
        self._fingerprint_at_comparison = fingerprint.read(self.connection)

    def _has_moved(self, settled: Fingerprint | None) -> bool:
        """Return whether the latest comparison may be out of date. A revision alone does not make it so."""
        return (
            settled is None
            or self._fingerprint_at_comparison is None
            or self._fingerprint_at_comparison.content != settled.content
        )

    def _record(self, deployed: Deployed, found: Fingerprint | None) -> None:
        wanted, is_pushed = self.goal.schema, deployed.pushed is not None
        items = [item for plan in (deployed.pushed, *deployed.families) if plan for item in plan.items]
        unmoved = is_pushed and found == fingerprint.read(self.connection)
        applied_revisions.record(self.connection, branches.applied_heads(self.connection))
        history.record_deploy(
            self.connection,
            history.Deploy(
                finished_at=datetime.now(UTC),
                duration=timedelta(seconds=deployed.seconds),
                **vars(self.who),
                pre_head=branches.checkout_head("pre"),
                post_head=branches.checkout_head("post"),
                directus_version=wanted.directus if is_pushed else None,
                sha256=wanted.sha256 if is_pushed else None,
                revisions=len(deployed.pre) + len(deployed.post),
                changes=len(items),
                removed=list(deployed.verified.removed),
                notes=list(deployed.verified.notes),
                approved=[f"{item.id}: {item.reason}" for item in items if item.reason],
            ),
            self.goal.recorded_inputs,
            found.whole if found and unmoved else None,
            self.request.run,
        )
