"""What each command does, in its order. Deploy, push and pull have their own modules."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from directus_sync import attic
from directus_sync.catalog import Catalog
from directus_sync.commands import deploying, sessions, sync
from directus_sync.commands.deploying import Deploying
from directus_sync.commands.pushing import Pushing, Request, approved
from directus_sync.directus import installation
from directus_sync.errors import AlreadyAdopted
from directus_sync.output import Progress
from directus_sync.postgres import database, lock
from directus_sync.report import outcome
from directus_sync.report.outcome import Adopted, Checked, Deployed, Seeded, Status
from directus_sync.schema import approvals, diff, guard, saved_plan, snapshot
from directus_sync.schema.diff import SchemaDiff
from directus_sync.schema.guard import Approvals, Plan
from directus_sync.schema.snapshot import Reading, Snapshot
from directus_sync.settings import ALEMBIC_TABLES, Mode, Settings
from directus_sync.state import fingerprint, history, revisions, verify
from directus_sync.state.revisions import BRANCHES

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case


def deploy(settings: Settings, request: Request, progress: Progress) -> Deployed:
    """Bring database and Directus to what this checkout says.

    What can be checked without changing anything is checked first. Any number may run at once: one works, the
    others wait for the lock and then find nothing to do.

    Raises SyncError; its `done` says what was finished before, which stays. Running again is safe.
    """
    started = time.monotonic()
    # First: what somebody writes from now on is not recorded as deployed.
    given = fingerprint.inputs(settings)
    reading = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    deploying.preflight(settings, reading, progress)
    with sessions.writing(settings, "deploy", progress) as connection:
        # One that leaves the schema alone says so.
        unmoved = fingerprint.unmoved(connection, settings) if settings.mode is Mode.AUTO else None
        if unmoved is not None:
            # Another one did the work while this one waited for the lock.
            return outcome.nothing_to_do(unmoved, time.monotonic() - started)
        return Deploying(settings, request, progress, connection).run(reading, given, started)


def push(settings: Settings, reading: Reading, request: Request, progress: Progress) -> Plan:
    """Make Directus equal the snapshot file, and record it; return what was changed.

    reading: of that file, begun or not.
    """
    progress.meanwhile = reading.result
    with sessions.writing(settings, "push", progress) as connection:
        pushing = Pushing(settings, request, progress, connection, "push")
        if request.saved is None and fingerprint.unmoved(connection, settings):
            return pushing.nothing(reading.result())
        with sessions.directus(settings, connection, progress) as client:
            return pushing.run(client, reading)


def adopt(settings: Settings, progress: Progress) -> Adopted:
    """Record Directus's schema as the base, for a database that this tool never touched.

    Runs the pre branch first, which makes the tool's own tables. Changes nothing in Directus's schema.

    Raises AlreadyAdopted when there is a base already, and the server is not as it says: a new base would make
    what nobody captured look like git's.
    """
    reading = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    reading.begin()
    progress.meanwhile = reading.result
    with (
        sessions.writing(settings, "adopt", progress) as connection,
        sessions.directus(settings, connection, progress) as client,
    ):
        snapshot.require_version(reading.result(), client.version())
        deploying.migrate(connection, "pre", progress)
        base = history.base(connection)
        live = sync.read_live(client)
        if base is not None and diff.between(base.result(), live):
            raise AlreadyAdopted(
                "this database has a base already, and its Directus was changed since",
                where=client.url,
                next="capture what was changed: directus-sync pull, then commit",
            )
        expected = verify.read_expected(settings.catalog)
        same = live.sha256 == reading.sha256
        known = Reading(live.content, lambda: live)
        judged = sync.plan(client, connection, reading, lambda: known, Approvals(), expected, probably_equal=same)
        history.record_base(connection, live, "adopt")
        return Adopted(live, base is None, judged)


def plan(settings: Settings, request: Request, progress: Progress, out: Path | None = None) -> Plan:
    """Return what a push would do, and save it to `out`."""
    reading = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    progress.meanwhile = reading.result
    given, expected = approved(settings, request), verify.read_expected(settings.catalog)
    with sessions.reading(settings, "diff", progress) as connection:
        judged = _plan(settings, progress, connection, reading, given, expected)
    if out is not None:
        saved_plan.write(out, judged, reading.sha256, given)
    return judged


def check(settings: Settings, request: Request, progress: Progress) -> Checked:
    """Compare everything that a deploy would bring about with what is there. Changes nothing."""
    reading = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    deploying.preflight(settings, reading, progress)
    given, expected = approved(settings, request), verify.read_expected(settings.catalog)
    with sessions.reading(settings, "check", progress) as connection:
        database.require_extensions(connection)
        pending = {branch: tuple(revisions.pending(connection, branch)) for branch in BRANCHES}
        if not installation.is_in_database(connection):
            return Checked(pending, True, _plan_of_everything(reading.result(), given))
        if settings.directus_url is None and installation.needs_bootstrap(connection, settings):
            return Checked(pending, True, Plan(diff.NO_DIFFERENCE))
        judged = _plan(settings, progress, connection, reading, given, expected)
        settled = not judged and not any(pending.values())
        return Checked(pending, False, judged, verify.differences(connection, expected if settled else None))


def prune(settings: Settings, progress: Progress) -> tuple[str, ...]:
    """Take the spent approvals out of removals.yaml, and return their items.

    Spent: the item is in neither file nor server. Other environments may still need the approval.
    """
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES).result()
    removals = approvals.read(settings.removals)
    with (
        sessions.reading(settings, "prune", progress) as connection,
        sessions.directus(settings, connection, progress) as client,
    ):
        client.version()
        spent = approvals.spent(removals, wanted, sync.read_live(client))
    if spent:
        approvals.prune(settings.removals, spent)
    return tuple(removal.item for removal in spent)


def seed(settings: Settings, files: Sequence[Path], progress: Progress, *, force: bool, dry_run: bool) -> Seeded:
    """Create the rows of seed files that are not there, and bring to others what changed in their file.

    force: also overwrite what was edited in Directus.

    files: in place of those beside the snapshot. Starts a Directus only when something is to be written.

    Raises InvalidSeed before anything is written, SeedFailed after the file in hand is undone.
    """
    from directus_sync.seed import model, planning, reading, store, writing  # noqa: PLC0415 - no other command needs it

    started = time.monotonic()
    given = [reading.read(path) for path in files or settings.seeds]
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES).result()
    expected = verify.read_expected(settings.catalog)
    with (sessions.reading if dry_run else sessions.writing)(settings, "seed", progress) as connection:
        rows = store.Store(connection)
        known = model.collections(wanted, expected, store.tables(connection))
        planned = planning.plan(given, known, rows, force=force)
        if not dry_run:
            rows.record(planned.news)
        if planned.writes and not dry_run:
            with sessions.directus(settings, connection, progress) as client:
                writer = writing.Writer(client, rows, planned)
                for file in planned.files:
                    if file.writes:
                        writer.write(file)
                        progress.done.append(file.path)
    return Seeded(tuple(planned.rows), dry_run, time.monotonic() - started)


def attic_list(settings: Settings, progress: Progress) -> tuple[attic.Copy, ...]:
    """Return the copies, the newest first."""
    with sessions.reading(settings, "attic list", progress) as connection:
        return attic.listing(connection)


def attic_restore(settings: Settings, copy: int, progress: Progress, *, over_default: bool) -> attic.Restored:
    """Put a copy's rows back, and say what fitted."""
    with sessions.writing(settings, "attic restore", progress) as connection:
        return attic.restore(connection, copy, over_default=over_default)


def attic_purge(settings: Settings, older_than: timedelta, progress: Progress) -> tuple[attic.Copy, ...]:
    """Delete old copies, and return them."""
    with sessions.writing(settings, "attic purge", progress) as connection:
        return attic.purge(connection, older_than)


def status(settings: Settings, progress: Progress) -> Status:
    """Look at the database and the checkout. Asks Directus nothing, takes no lock, changes nothing."""
    sha256 = snapshot.read(settings.snapshot).sha256
    with sessions.reading(settings, "status", progress) as connection:
        applied = revisions.applied_heads(connection)
        known = history.exists(connection)
        heads = {
            branch: (
                next((head for head in applied if head.startswith(branch)), None),
                revisions.checkout_head(branch),
            )
            for branch in BRANCHES
        }
        return Status(
            database=settings.database.label,
            heads=heads,
            lock_holder=lock.holder(connection),
            deploy=history.latest_deploy(connection) if known else None,
            snapshot_sha256=sha256,
            recorded_sha256=history.latest_sha256(connection) if known else None,
        )


def wait(settings: Settings, progress: Progress) -> None:
    """Return when PostgreSQL lets us in and, where DIRECTUS_URL names one, Directus answers."""
    with database.connect(settings, "wait", waiting=progress.waiting_for_database):
        pass
    if settings.directus_url is not None:
        from directus_sync.directus.client import DirectusClient  # noqa: PLC0415 - see there

        with DirectusClient(settings.directus_url, settings) as client:
            client.wait(settings.directus_wait, waiting=progress.waiting_for_directus)


def _plan(
    settings: Settings,
    progress: Progress,
    connection: Connection,
    reading: Reading,
    given: Approvals,
    expected: Catalog | None,
) -> Plan:
    if fingerprint.unmoved(connection, settings):
        return guard.nothing(given)
    reading.begin()
    with sessions.directus(settings, connection, progress) as client:
        recorded = history.is_base(connection, reading.sha256)
        base = partial(history.base, connection)
        return sync.plan(client, connection, reading, base, given, expected, probably_equal=recorded)


def _plan_of_everything(wanted: Snapshot, given: Approvals) -> Plan:
    """Plan for a database that has no Directus yet, so that there is none to ask."""
    nothing = snapshot.empty(wanted)
    difference = SchemaDiff(diff.between(nothing, wanted))
    verdicts = guard.judge(difference, base=None, wanted=wanted, live=nothing)
    return guard.decide(difference, verdicts, {}, given)
