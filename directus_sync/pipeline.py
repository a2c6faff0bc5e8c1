"""What each command does, in its order: the whole line of a deploy under one lock, and its parts."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from directus_sync import (
    approvals,
    attic,
    database,
    diff,
    fingerprint,
    guard,
    history,
    installation,
    lock,
    outcome,
    render,
    revisions,
    saved_plan,
    server,
    snapshot,
    sync,
    verify,
)
from directus_sync.catalog import Catalog, Object, query
from directus_sync.client import DirectusClient
from directus_sync.diff import SchemaDiff
from directus_sync.errors import AlreadyAdopted, SyncError
from directus_sync.guard import Approvals, Plan
from directus_sync.outcome import Adopted, Checked, Deployed, Seeded, Status
from directus_sync.pushing import Pushing, Request, approved, record_base
from directus_sync.render import Progress
from directus_sync.revisions import BRANCHES, Branch, Reporter, Revision
from directus_sync.seed import model, planning, reading, store, writing
from directus_sync.settings import ALEMBIC_TABLES, Mode, Settings
from directus_sync.snapshot import Snapshot
from directus_sync.verify import Verified

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case


def deploy(settings: Settings, request: Request, progress: Progress) -> Deployed:
    """Bring database and Directus to what this checkout says.

    What can be checked without changing anything is checked first. Any number may run at once: one works, the
    others wait for the lock and then find nothing to do.

    Raises SyncError; its `done` says what was finished before, which stays. Running again is safe.
    """
    started = time.monotonic()
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    _preflight(settings, wanted)
    with _writing(settings, "deploy", progress) as connection:
        unmoved = fingerprint.unmoved(connection, settings)
        if unmoved is not None:
            # Another one did the work while this one waited for the lock.
            return outcome.nothing_to_do(unmoved, time.monotonic() - started)
        return _line(settings, request, progress, connection, wanted, started)


def push(settings: Settings, request: Request, progress: Progress) -> Plan:
    """Make Directus equal the snapshot file, and record it; return what was changed."""
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    with _writing(settings, "push", progress) as connection:
        pushing = Pushing(settings, request, progress, connection, "push")
        if request.saved is None and fingerprint.unmoved(connection, settings):
            return pushing.nothing(wanted)
        with _directus(settings, connection, progress) as client:
            return pushing.run(client, wanted)


def pull(settings: Settings, progress: Progress, *, overwrite: bool) -> tuple[Snapshot, tuple[Path, ...]]:
    """Write Directus's schema to the snapshot file, and record it; the catalog beside it with it.

    Return the schema, and the files that changed.
    """
    with _writing(settings, "pull", progress) as connection, _directus(settings, connection, progress) as client:
        base = history.base(connection)
        pending = any(revisions.pending(connection, branch) for branch in BRANCHES)
        if pending:
            # What the pending ones will make is not there yet, and would be missing from the file.
            progress.note(
                f"note: {settings.catalog.name} is left alone, because revisions are pending: deploy, then pull"
            )
        else:
            write_catalog = verify.regenerate(connection, settings.catalog, overwrite=overwrite)
        with progress.step("Reading Directus's schema", "Read Directus's schema"):
            live, changed = sync.pull(client, settings.snapshot, base, overwrite=overwrite)
        files = [settings.snapshot] if changed else []
        files += [settings.catalog] if not pending and write_catalog() else []
        record_base(connection, live, "pull")
        return live, tuple(files)


def adopt(settings: Settings, progress: Progress) -> Adopted:
    """Record Directus's schema as the base, for a database that this tool never touched.

    Runs the pre branch first, which makes the tool's own tables. Changes nothing in Directus's schema.

    Raises AlreadyAdopted when there is a base already, and the server is not as it says: a new base would make
    what nobody captured look like git's.
    """
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    with _writing(settings, "adopt", progress) as connection, _directus(settings, connection, progress) as client:
        snapshot.require_version(wanted, client.version())
        _migrate(connection, "pre", progress)
        live, base = sync.read_live(client), history.base(connection)
        if base is not None and diff.between(base, live):
            raise AlreadyAdopted(
                "this database has a base already, and its Directus was changed since",
                where=client.url,
                next="capture what was changed: directus-sync pull, then commit",
            )
        expected = verify.read_expected(settings.catalog)
        judged = sync.plan(
            client, connection, wanted, lambda: live, Approvals(), expected, probably_equal=live.sha256 == wanted.sha256
        )
        record_base(connection, live, "adopt")
        return Adopted(live, base is None, judged)


def plan(settings: Settings, request: Request, progress: Progress, out: Path | None = None) -> Plan:
    """Return what a push would do, and save it to `out`."""
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    given, expected = approved(settings, request), verify.read_expected(settings.catalog)
    with _reading(settings, "diff", progress) as connection:
        judged = _plan(settings, progress, connection, wanted, given, expected)
    if out is not None:
        saved_plan.write(out, judged, wanted, given)
    return judged


def check(settings: Settings, request: Request, progress: Progress) -> Checked:
    """Compare everything that a deploy would bring about with what is there. Changes nothing."""
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    _preflight(settings, wanted)
    given, expected = approved(settings, request), verify.read_expected(settings.catalog)
    with _reading(settings, "check", progress) as connection:
        database.require_extensions(connection)
        pending = {branch: tuple(revisions.pending(connection, branch)) for branch in BRANCHES}
        if not installation.is_in_database(connection):
            return Checked(pending, True, _plan_of_everything(wanted, given))
        if settings.directus_url is None and installation.needs_bootstrap(connection, settings):
            return Checked(pending, True, Plan(diff.NO_DIFFERENCE))
        judged = _plan(settings, progress, connection, wanted, given, expected)
        settled = not judged and not any(pending.values())
        return Checked(pending, False, judged, verify.differences(connection, expected if settled else None))


def prune(settings: Settings, progress: Progress) -> tuple[str, ...]:
    """Take the spent approvals out of removals.yaml, and return their items.

    Spent: the item is in neither file nor server. Other environments may still need the approval.
    """
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    removals = approvals.read(settings.removals)
    with _reading(settings, "prune", progress) as connection, _directus(settings, connection, progress) as client:
        client.version()
        spent = approvals.spent(removals, wanted, sync.read_live(client))
    if spent:
        approvals.prune(settings.removals, spent)
    return tuple(removal.item for removal in spent)


def seed(settings: Settings, files: Sequence[Path], progress: Progress, *, force: bool, dry_run: bool) -> Seeded:
    """Create the rows of seed files that are not there; with `force`, also overwrite those that differ.

    files: in place of those beside the snapshot. Starts a Directus only when something is to be written.

    Raises InvalidSeed before anything is written, SeedFailed after the file in hand is undone.
    """
    started = time.monotonic()
    given = [reading.read(path) for path in files or settings.seeds]
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    expected = verify.read_expected(settings.catalog)
    with (_reading if dry_run else _writing)(settings, "seed", progress) as connection:
        rows = store.Store(connection)
        known = model.collections(wanted, expected, store.tables(connection))
        planned = planning.plan(given, known, rows, force=force)
        if planned.writes and not dry_run:
            with _directus(settings, connection, progress) as client:
                writer = writing.Writer(client, rows, planned)
                for file in planned.files:
                    if file.writes:
                        writer.write(file)
                        progress.done.append(file.path)
    return Seeded(tuple(planned.rows), dry_run, time.monotonic() - started)


def attic_list(settings: Settings) -> tuple[attic.Copy, ...]:
    """Return the copies, the newest first."""
    with database.connect(settings, "attic list") as connection:
        return attic.listing(connection)


def attic_restore(settings: Settings, copy: int, progress: Progress, *, over_default: bool) -> attic.Restored:
    """Put a copy's rows back, and say what fitted."""
    with _writing(settings, "attic restore", progress) as connection:
        return attic.restore(connection, copy, over_default=over_default)


def attic_purge(settings: Settings, older_than: timedelta, progress: Progress) -> tuple[attic.Copy, ...]:
    """Delete old copies, and return them."""
    with _writing(settings, "attic purge", progress) as connection:
        return attic.purge(connection, older_than)


def status(settings: Settings) -> Status:
    """Look at the database and the checkout. Asks Directus nothing, takes no lock, changes nothing."""
    wanted = snapshot.read(settings.snapshot, ALEMBIC_TABLES)
    with database.connect(settings, "status") as connection:
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
            snapshot_sha256=wanted.sha256,
            recorded_sha256=history.latest_sha256(connection) if known else None,
        )


def wait(settings: Settings, progress: Progress) -> None:
    """Return when PostgreSQL lets us in and, where DIRECTUS_URL names one, Directus answers."""
    with database.connect(settings, "wait", waiting=progress.waiting_for_database):
        pass
    if settings.directus_url is not None:
        with DirectusClient(settings.directus_url, settings) as client:
            client.wait(settings.directus_wait)


def _preflight(settings: Settings, wanted: Snapshot) -> None:
    approvals.read(settings.removals)
    verify.read_expected(settings.catalog)
    if settings.mode is Mode.SKIP and settings.directus_url is not None:
        return
    settings.require_credentials()
    if settings.directus_url is None:
        snapshot.require_version(wanted, installation.version(settings))
        return
    with DirectusClient(settings.directus_url, settings) as client:
        client.wait(settings.directus_wait)
        snapshot.require_version(wanted, client.version())


def _line(
    settings: Settings, request: Request, progress: Progress, connection: Connection, wanted: Snapshot, started: float
) -> Deployed:
    if settings.directus_url is not None and settings.mode is Mode.AUTO:
        with _directus(settings, connection, progress):
            pass  # before anything is changed: it is there, lets us in, and works on this database
    before, found = query.read(connection), _fingerprint(connection)
    with ExitStack() as stack:
        loaded = _loading(settings, connection, stack)
        pre = _migrate(connection, "pre", progress)
        bootstrapped = settings.directus_url is None and _bootstrap(settings, connection, progress)
        client, pushed = None, None
        if settings.mode is Mode.AUTO:
            client = stack.enter_context(_directus(settings, connection, progress, loaded))
            pushed = Pushing(settings, request, progress, connection, "deploy").run(client, wanted)
        post = _migrate(connection, "post", progress)
        worked = bool(pre or pushed or post)
        verified = _verify(settings, progress, connection, before if worked else None)
        if client is not None and (worked or verified.restored):
            # Read before the last look: what somebody changes meanwhile is not taken for looked at.
            found = _fingerprint(connection)
            with progress.step("Comparing once more", "Compared once more: Directus equals the snapshot,"):
                sync.require_equal(client, wanted)
    deployed = Deployed(pre, bootstrapped, pushed, post, verified, time.monotonic() - started)
    _record_deploy(connection, settings, request, wanted, deployed, found)
    return deployed


def _loading(settings: Settings, connection: Connection, stack: ExitStack) -> server.Loaded | None:
    """Have the private Directus of a deploy load itself, which takes longer than what comes before its start."""
    if settings.directus_url is not None or settings.mode is not Mode.AUTO:
        return None
    if installation.needs_bootstrap(connection, settings) and not server.has_room_for_two():
        return None
    return stack.enter_context(server.loading(settings))


def _fingerprint(connection: Connection) -> str | None:
    """Return the fingerprint of a database that has everything which it is taken of."""
    return fingerprint.read(connection) if fingerprint.is_possible(connection) else None


def _verify(settings: Settings, progress: Progress, connection: Connection, before: Catalog | None) -> Verified:
    expected = verify.read_expected(settings.catalog)
    if expected is None:
        return Verified(notes=(f"there is no {settings.catalog.name} to compare the database with",))

    def restored(item: Object) -> None:
        progress.note(f"Put back: {item}, which was lost although its revision is applied")
        progress.done.append(f"{item} put back")

    verified = verify.put_back(connection, expected, before, history.removed(connection), restored)
    for text in verified.notes:
        progress.note(f"note: {text}")
    return verified


def _plan(
    settings: Settings,
    progress: Progress,
    connection: Connection,
    wanted: Snapshot,
    given: Approvals,
    expected: Catalog | None,
) -> Plan:
    if fingerprint.unmoved(connection, settings):
        return guard.nothing(given)
    with _directus(settings, connection, progress) as client:
        recorded = history.is_base(connection, wanted)
        base = partial(history.base, connection)
        return sync.plan(client, connection, wanted, base, given, expected, probably_equal=recorded)


def _plan_of_everything(wanted: Snapshot, given: Approvals) -> Plan:
    """Plan for a database that has no Directus yet, so that there is none to ask."""
    nothing = snapshot.empty(wanted)
    difference = SchemaDiff(diff.between(nothing, wanted))
    verdicts = guard.judge(difference, base=None, wanted=wanted, live=nothing)
    return guard.decide(difference, verdicts, {}, given)


def _record_deploy(
    connection: Connection,
    settings: Settings,
    request: Request,
    wanted: Snapshot,
    deployed: Deployed,
    found: str | None,
) -> None:
    verified = deployed.pushed is not None and found == fingerprint.read(connection)
    history.record_deploy(
        connection,
        history.Deploy(
            finished_at=datetime.now(UTC),
            duration=timedelta(seconds=deployed.seconds),
            host=socket.gethostname(),
            pre_head=revisions.checkout_head("pre"),
            post_head=revisions.checkout_head("post"),
            directus_version=wanted.directus if deployed.pushed is not None else None,
            sha256=wanted.sha256 if deployed.pushed is not None else None,
            revisions=len(deployed.pre) + len(deployed.post),
            changes=len(deployed.pushed.items) if deployed.pushed else 0,
            removed=list(deployed.verified.removed),
        ),
        history.Standing(
            notes=list(deployed.verified.notes),
            inputs=fingerprint.inputs(settings, wanted.directus),
            fingerprint=found if verified else None,
        ),
        request.run,
    )


@contextmanager
def _reading(settings: Settings, purpose: str, progress: Progress) -> Iterator[Connection]:
    """Yield a connection that can't change anything."""
    with database.connect(settings, purpose, waiting=progress.waiting_for_database) as connection:
        connection.set_session(readonly=True, autocommit=True)
        yield connection


@contextmanager
def _writing(settings: Settings, purpose: str, progress: Progress) -> Iterator[Connection]:
    """Yield a connection that holds the lock, on a server that can take the migrations of this checkout.

    An error that passes through is told what was finished before it.
    """
    try:
        with database.connect(settings, purpose, waiting=progress.waiting_for_database) as connection:
            database.require_extensions(connection)
            with lock.exclusive(connection, settings.lock_wait, waiting=progress.waiting_for_lock):
                revisions.require_known(connection)
                yield connection
    except SyncError as error:
        error.done = tuple(progress.done)
        raise


@contextmanager
def _directus(
    settings: Settings, connection: Connection, progress: Progress, loaded: server.Loaded | None = None
) -> Iterator[DirectusClient]:
    """Yield a client of the Directus at DIRECTUS_URL, or of a private one that is stopped afterwards."""
    with ExitStack() as stack:
        if settings.directus_url is not None:
            client = stack.enter_context(DirectusClient(settings.directus_url, settings))
            client.wait(settings.directus_wait)
            client.version()
            sync.require_same_database(client, connection)
        else:
            settings.require_credentials()
            name = f"a private Directus {installation.version(settings)}"
            with progress.step(f"Starting {name}", f"Started {name}"):
                client = stack.enter_context(server.private(settings, loaded))
        yield client


def _migrate(connection: Connection, branch: Branch, progress: Progress) -> tuple[Revision, ...]:
    def applied(revision: Revision, seconds: float) -> None:
        progress.note(f"Applied:  {revision.name} in {render.duration(seconds)}")
        progress.done.append(revision.id)

    reporter = Reporter(applying=lambda revision: progress.note(f"Applying: {revision.name}"), applied=applied)
    return tuple(revisions.upgrade(connection, branch, reporter))


def _bootstrap(settings: Settings, connection: Connection, progress: Progress) -> bool:
    if not installation.needs_bootstrap(connection, settings):
        return False
    name = f"Directus {installation.version(settings)}"
    with progress.step(f"Bootstrapping {name}", f"Bootstrapped {name}"), installation.bootstrapping(connection):
        server.bootstrap(settings)
    progress.done.append("bootstrap")
    return True
