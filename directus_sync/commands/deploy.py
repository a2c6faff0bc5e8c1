"""`deploy`: one run under one lock, from the first revision to the record: pre, push, post, resources, verify."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rich_click as click

from directus_sync import attic, output, roles, settings
from directus_sync.catalog import Catalog, Object, query, upkeep
from directus_sync.catalog.upkeep import Verified
from directus_sync.commands import options
from directus_sync.commands.check import show_checked
from directus_sync.directus import bootstrap, extensions, installation, server, upgrading
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import SyncError, count
from directus_sync.output import Progress
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.process import handover
from directus_sync.report import results
from directus_sync.report.copies import copy_line
from directus_sync.report.outcome import Deployed
from directus_sync.resources.plan import ResourcePlan
from directus_sync.roles import granting
from directus_sync.schema import snapshot
from directus_sync.schema.diff import NO_DIFFERENCE
from directus_sync.schema.plan import Mover, Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Mode, Settings
from directus_sync.state import applied_revisions, fingerprint, history, provenance, revisions
from directus_sync.state.fingerprint import Fingerprint
from directus_sync.state.revisions import Branch, Reporter, Revision
from directus_sync.steps import ahead, families, planning, resources, sessions
from directus_sync.steps.forms import Wanted
from directus_sync.steps.planning import Request
from directus_sync.steps.pushing import Pushing
from directus_sync.steps.resources import ResourcePushing


class _WithCommand(click.RichCommand):
    """Takes a command after --. Without the --, click would take a mistyped argument for a program."""

    def parse_args(self, context: click.Context, given: list[str]) -> list[str]:
        own = given[: given.index("--")] if "--" in given else given
        context.obj = tuple(given[len(own) + 1 :])
        if len(own) + 1 == len(given) and not context.resilient_parsing:
            raise click.UsageError("no command after --", context)
        return super().parse_args(context, own)


@click.command(cls=_WithCommand, options_metavar="[OPTIONS] [-- COMMAND [ARG]...]")
@click.pass_obj
@options.with_snapshot
@options.with_mode
@options.with_approvals
@options.with_attic
@click.option(
    "--upgrade-directus", metavar="VERSION", help="Let Directus of this version upgrade a database of another one."
)
@options.with_dry_run
@options.with_json
def command(
    command: tuple[str, ...],
    snapshot: Path | None,
    mode: Mode | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    upgrade_directus: str | None,
    *,
    no_attic: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run everything: pre revisions, Directus's own tables, the snapshot, post revisions, who may do what.

    Uses the Directus at DIRECTUS_URL, or starts a private one from DIRECTUS_HOME temporarily. Safe to run again,
    and safe to run many times at once: one works, the others wait.

    With a COMMAND, becomes that program when everything went well, as a container's entrypoint does. The program gets
    the environment only, without what comes from .env.
    """
    if command:
        handover.require(command)
    loaded = options.load(snapshot, Mode.DRY_RUN if dry_run else mode)
    if upgrade_directus is not None:
        loaded = dataclasses.replace(loaded, upgrade_directus=upgrade_directus)
    boot = bool(command) and loaded.serve_on_drift
    request = Request(allow_destroy, discard_live, keep=not no_attic, boot=boot)
    uncaptured: tuple[str, ...] = ()
    if loaded.mode is Mode.DRY_RUN:
        show_checked(loaded, request, as_json=as_json)
    else:
        done = run(loaded, request, Progress())
        if done.pushed is None:
            output.note("Directus's schema was left alone: DIRECTUS_SCHEMA_APPLY_MODE is skip")
        if as_json:
            output.document(results.deployed_document(done))
        else:
            output.result(results.deployed(done))
        uncaptured = done.uncaptured
    if command:
        handover.become(command, settings.serving_environment(len(uncaptured)))


def run(settings: Settings, request: Request, progress: Progress) -> Deployed:
    """Make database and Directus equal this checkout.

    Checks first what can be checked without changing anything. Any number may run at once: one works, the others wait
    for the lock and then find nothing to do.

    Raises SyncError; its `done` says what was finished before, which stays. Running again is safe.
    """
    started = time.monotonic()
    # First: what somebody writes to the files from now on must not be recorded as deployed.
    given = fingerprint.inputs(settings)
    with ExitStack() as stack:
        loading = ahead.load(settings, given, stack)
        wanted = planning.preflight(settings, progress)
        of_families = families.read_wanted(settings, wanted, progress)
        # What was loaded ends before the lock is let go: it may still be at work.
        with sessions.writing(settings, "deploy", progress) as connection, stack.pop_all():
            _purge(settings, connection, progress)
            unmoved = fingerprint.unmoved(connection, settings) if settings.mode is Mode.AUTO else None
            if unmoved is not None:
                # Another deploy did the work while this one waited for the lock.
                verified = Verified(notes=unmoved.notes)
                return Deployed((), False, Plan(NO_DIFFERENCE), (), verified, time.monotonic() - started)
            deploying = _Deploying(settings, request, progress, connection, loading)
            try:
                return deploying.run(wanted, of_families, given, started)
            except SyncError as error:
                history.record_failure(connection, deploying.who, error, request.run)
                raise


def _purge(settings: Settings, connection: Connection, progress: Progress) -> None:
    """Delete the copies in the attic that are older than they may become."""
    if settings.attic_retention is not None:
        for copy in attic.purge(connection, attic.overdue(connection, settings.attic_retention)):
            progress.note(f"Purged {copy_line(copy)}")


def migrate(connection: Connection, branch: Branch, progress: Progress) -> tuple[Revision, ...]:
    """Apply a branch's pending revisions, and return them."""

    def applied(revision: Revision, seconds: float) -> None:
        progress.note(f"Applied:  {revision.name} in {output.duration(seconds)}")
        progress.done.append(revision.id)

    reporter = Reporter(applying=lambda revision: progress.note(f"Applying: {revision.name}"), applied=applied)
    return tuple(revisions.upgrade(connection, branch, reporter))


def _approved(deployed: Deployed) -> list[str]:
    """Return what was approved, with the reasons."""
    items = [(item.id, item.reason) for plan in (deployed.pushed, *deployed.families) if plan for item in plan.items]
    return [f"{name}: {reason}" for name, reason in items if reason]


class _Deploying:
    """One deploy under way, with the lock held."""

    def __init__(
        self,
        settings: Settings,
        request: Request,
        progress: Progress,
        connection: Connection,
        loading: server.Loaded | None,
    ) -> None:
        self.settings = database.for_directus(settings, connection)
        self.loading = loading
        self.request = request
        self.progress = progress
        self.connection = connection
        self.who = provenance.of(connection, settings)
        self._removed_by_revisions: set[Object] = set()
        # Of the database, from before the latest comparison with Directus.
        self._seen: Fingerprint | None = None

    def run(self, wanted: Snapshot, of_families: tuple[Wanted, ...], given: str, started: float) -> Deployed:
        """Do what is to be done, and record it.

        of_families: what the files say of resources. given: hash of the inputs, taken before any of them was read.
        started: when, by `time.monotonic`.
        """
        settings, connection, progress = self.settings, self.connection, self.progress
        applied_revisions.require_unedited(connection)
        upgrading.require_meant(connection, settings, history.latest_directus(connection))
        if settings.directus_url is not None and settings.mode is Mode.AUTO:
            # Before anything is changed: it works on this database, accepts the credentials, and has the right version.
            with sessions.directus(settings, connection, progress) as running:
                snapshot.require_version(wanted, running.version())
        self._require_possible(of_families, wanted, given)
        before = query.read(connection)
        self._look()
        with ExitStack() as stack:
            loaded = ahead.loaded(settings, connection, self.loading, stack)
            pre = self._migrate("pre")
            bootstrapped = self._bootstrap(loaded)
            client, pushed, entered = None, None, tuple[ResourcePlan, ...]()
            drift: tuple[str, ...] = ()
            if settings.mode is Mode.AUTO:
                client = stack.enter_context(sessions.directus(settings, connection, progress, loaded))
                pushed, drift = self._push(client, wanted, given)
            post = self._migrate("post")
            # The guard between organisations first: without it rights would let too much through.
            switched_on = self._switch_on(client)
            if client is not None:
                entered, left = self._enter(client, of_families, wanted, given)
                drift += left
            rights = self._correct_rights()
            verified, settled = self._verify(before if pre or pushed or post else None, drift)
            if client is not None and not drift and (verified.restored or self._has_moved(settled)):
                self._require_equal(client, wanted, of_families)
        took = time.monotonic() - started
        deployed = Deployed(
            pre, bootstrapped, pushed, post, verified, took, progress.directus,
            switched_on=switched_on, families=entered, rights=rights, uncaptured=drift,
        )  # fmt: skip
        self._record(wanted, given, deployed, None if drift else settled)
        return deployed

    def _require_possible(self, of_families: tuple[Wanted, ...], wanted: Snapshot, given: str) -> None:
        """Refuse what `_enter` would refuse, before anything is changed."""
        if self.settings.mode is Mode.AUTO and installation.has_access(self.connection):
            for each in of_families:
                pushing = self._entering(each)
                pushing.require_possible(each.items, lambda plan: self._may_serve(plan.movers, wanted, given))

    def _push(self, client: DirectusClient, wanted: Snapshot, given: str) -> tuple[Plan, tuple[str, ...]]:
        """Push the schema; return what was pushed, and what a boot leaves alone in Directus."""
        pushing = Pushing(self.settings, self.request, self.progress, self.connection, "deploy")
        pushed = pushing.run(client, wanted, lambda judged: self._may_serve(judged.movers, wanted, given), self._look)
        if pushed.refused:
            return Plan(NO_DIFFERENCE), tuple(item.id for item in pushed.items)
        return pushed, ()

    def _enter(
        self, client: DirectusClient, of_families: tuple[Wanted, ...], wanted: Snapshot, given: str
    ) -> tuple[tuple[ResourcePlan, ...], tuple[str, ...]]:
        """Push the families; return what was pushed, and what a boot leaves alone in Directus."""

        def may_serve(plan: ResourcePlan) -> bool:
            return self._may_serve(plan.movers, wanted, given)

        with sessions.for_rows(self.settings, self.connection, self.progress, client) as client_for:
            plans = [
                self._entering(each).run(
                    client_for, each.items, lambda plan: self._may_serve(plan.movers, wanted, given)
                )
                for each in of_families
            ]
        left = tuple(item.id for plan in plans if plan.refused for item in plan.items)
        return tuple(plan for plan in plans if not plan.refused), left

    def _entering(self, wanted: Wanted) -> ResourcePushing:
        return families.pushing(self.settings, self.request, self.progress, self.connection, "deploy", wanted)

    def _require_equal(self, client: DirectusClient, wanted: Snapshot, of_families: tuple[Wanted, ...]) -> None:
        """Look again at what could have been changed since it was pushed."""
        with self.progress.step("Comparing again", "Compared again: Directus equals the snapshot,"):
            planning.require_equal(client, wanted)
        for each in of_families:
            resources.require_equal(self.connection, each.family, each.items)

    def _may_serve(self, movers: frozenset[Mover], wanted: Snapshot, given: str) -> bool:
        """Tell whether a boot may serve: it has nothing new to deploy, and only work in Directus differs."""
        if not self.request.boot or movers != {Mover.SERVER} or not history.exists(self.connection):
            return False
        return history.latest_inputs(self.connection) == fingerprint.with_version(given, wanted.directus)

    def _migrate(self, branch: Branch) -> tuple[Revision, ...]:
        """Bring a branch to its head; note what its revisions removed."""
        if not revisions.pending(self.connection, branch):
            return ()
        before = query.read(self.connection).definitions.keys()
        applied = migrate(self.connection, branch, self.progress)
        self._removed_by_revisions |= before - query.read(self.connection).definitions.keys()
        return applied

    def _correct_rights(self) -> tuple[str, ...]:
        corrected = granting.apply(self.connection, roles.read(self.settings.roles))
        if corrected:
            self.progress.note(f"Corrected: {count(len(corrected), 'right')} of the roles in roles.yaml")
            self.progress.done.append("rights corrected")
        return corrected

    def _bootstrap(self, loaded: server.Loaded | None) -> bool:
        if self.settings.directus_url is not None or not installation.needs_bootstrap(self.connection, self.settings):
            return False
        if not installation.is_in_database(self.connection):
            self.settings.require_credentials()  # of the first administrator, whom the bootstrap creates
        name = f"Directus {installation.version(self.settings)}"
        with installation.bootstrapping(self.connection):
            if loaded and loaded.choice.bundle and bootstrap.is_prepared(self.settings, self.connection):
                done = f"Bootstrapped {name} from its prepared tables"
                with self.progress.step(f"Bootstrapping {name}", done):
                    bootstrap.from_file(self.settings, self.connection, loaded)
            else:
                with self.progress.step(f"Bootstrapping {name}", f"Bootstrapped {name}"):
                    bootstrap.bootstrap(self.settings)
        self.progress.done.append("bootstrap")
        return True

    def _switch_on(self, client: DirectusClient | None) -> tuple[str, ...]:
        """Have Directus load this project's extensions, and return the names of those that it would not have loaded."""
        if not installation.is_in_database(self.connection):
            return ()
        bundles = extensions.read(self.settings.extensions)
        names = extensions.switch_on(self.connection, bundles)
        for name in names:
            self.progress.note(f"Switched on: {name}")
            self.progress.done.append(f"{name} switched on")
        if names and client is not None and self.settings.directus_url is not None:
            # Directus loads its extensions again after this, and its replicas do.
            for bundle in bundles:
                client.write("PATCH", f"/extensions/{bundle.id}", {"meta": {"enabled": True}})
        return names

    def _verify(self, before: Catalog | None, drift: Sequence[str]) -> tuple[Verified, Fingerprint | None]:
        """Put back what was lost; return that, and the fingerprint of the database that was verified."""
        # Read before each look, so that a change made meanwhile is not taken for verified.
        settled = self._fingerprint()
        if drift:
            # Nothing is put back: an object may belong to what somebody removed in Directus.
            text = f"Directus has work that nobody captured: {', '.join(drift)}; directus-sync pull captures it"
            self.progress.note(f"note: {text}")
            return Verified(notes=(text,)), settled
        expected = upkeep.read_expected(self.settings.catalog)
        if expected is None:
            note = f"there is no {self.settings.catalog.name} to compare the database with"
            return Verified(notes=(note,)), settled

        def restored(item: Object) -> None:
            self.progress.note(f"Put back: {item}, which was lost although its revision is applied")
            self.progress.done.append(f"{item} put back")

        def put_back() -> Verified:
            return upkeep.put_back(self.connection, expected, before, self._removed_by_revisions, known, restored)

        known = history.removed(self.connection)
        verified = put_back()
        if verified.restored:
            settled = self._fingerprint()
            again = put_back()
            verified = dataclasses.replace(again, restored=(*verified.restored, *again.restored))
        for text in verified.notes:
            self.progress.note(f"note: {text}")
        return verified, settled

    def _fingerprint(self) -> Fingerprint | None:
        """Return the fingerprint, or None if the database lacks something that it is taken of."""
        return fingerprint.read(self.connection) if fingerprint.is_possible(self.connection) else None

    def _look(self) -> None:
        self._seen = self._fingerprint()

    def _has_moved(self, settled: Fingerprint | None) -> bool:
        """Tell whether the latest comparison may be out of date. A revision need not change what Directus sees."""
        return settled is None or self._seen is None or self._seen.content != settled.content

    def _record(self, wanted: Snapshot, given: str, deployed: Deployed, found: Fingerprint | None) -> None:
        unmoved = deployed.pushed is not None and found == fingerprint.read(self.connection)
        applied_revisions.record(self.connection, revisions.applied_heads(self.connection))
        history.record_deploy(
            self.connection,
            history.Deploy(
                finished_at=datetime.now(UTC),
                duration=timedelta(seconds=deployed.seconds),
                host=self.who.host,
                pre_head=revisions.checkout_head("pre"),
                post_head=revisions.checkout_head("post"),
                directus_version=wanted.directus if deployed.pushed is not None else None,
                sha256=wanted.sha256 if deployed.pushed is not None else None,
                revisions=len(deployed.pre) + len(deployed.post),
                changes=sum(len(plan.items) for plan in (deployed.pushed, *deployed.families) if plan),
                removed=list(deployed.verified.removed),
                notes=list(deployed.verified.notes),
                account=self.who.account,
                image=self.who.image,
                commit=self.who.commit,
                approved=_approved(deployed),
            ),
            history.Standing(
                inputs=fingerprint.with_version(given, wanted.directus),
                fingerprint=found.whole if found and unmoved else None,
            ),
            self.request.run,
        )
