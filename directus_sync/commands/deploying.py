"""One deploy from its first revision to its record: pre, bootstrap, push, post, compare. Under the caller's lock."""

from __future__ import annotations

import dataclasses
import socket
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from directus_sync import output
from directus_sync.catalog import Catalog, Object, query
from directus_sync.commands import sessions, sync
from directus_sync.commands.pushing import Pushing, Request
from directus_sync.directus import installation, server
from directus_sync.output import Progress
from directus_sync.report.outcome import Deployed
from directus_sync.schema import approvals, snapshot
from directus_sync.schema.snapshot import Reading, Snapshot
from directus_sync.settings import Mode, Settings
from directus_sync.state import fingerprint, history, revisions, verify
from directus_sync.state.revisions import Branch, Reporter, Revision
from directus_sync.state.verify import Verified

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case


def preflight(settings: Settings, reading: Reading, progress: Progress) -> None:
    """Check whatever can be checked without a database."""
    approvals.read(settings.removals)
    verify.read_expected(settings.catalog)
    wanted = reading.result()
    if settings.mode is Mode.SKIP and settings.directus_url is not None:
        return
    settings.require_credentials()
    if settings.directus_url is None:
        snapshot.require_version(wanted, installation.version(settings))
        return
    from directus_sync.directus.client import DirectusClient  # noqa: PLC0415 - see there

    with DirectusClient(settings.directus_url, settings) as client:
        client.wait(settings.directus_wait, waiting=progress.waiting_for_directus)
        snapshot.require_version(wanted, client.version())


def migrate(connection: Connection, branch: Branch, progress: Progress) -> tuple[Revision, ...]:
    """Apply a branch's pending revisions, and return them."""

    def applied(revision: Revision, seconds: float) -> None:
        progress.note(f"Applied:  {revision.name} in {output.duration(seconds)}")
        progress.done.append(revision.id)

    reporter = Reporter(applying=lambda revision: progress.note(f"Applying: {revision.name}"), applied=applied)
    return tuple(revisions.upgrade(connection, branch, reporter))


class Deploying:
    """One deploy under way, with the lock held."""

    def __init__(self, settings: Settings, request: Request, progress: Progress, connection: Connection) -> None:
        self.settings = settings
        self.request = request
        self.progress = progress
        self.connection = connection
        self._gone: set[Object] = set()

    def run(self, reading: Reading, given: str, started: float) -> Deployed:
        """Do what is to be done, and record it.

        given: hash of the inputs, taken before any of them was read. started: when, by `time.monotonic`.
        """
        wanted = reading.result()
        settings, connection, progress = self.settings, self.connection, self.progress
        if settings.directus_url is not None and settings.mode is Mode.AUTO:
            with sessions.directus(settings, connection, progress):
                pass  # before anything is changed: it is there, lets us in, and works on this database
        before, found = query.read(connection), self._fingerprint()
        with ExitStack() as stack:
            loaded = self._loading(stack)
            pre = self._migrate("pre")
            bootstrapped = self._bootstrap()
            client, pushed = None, None
            if settings.mode is Mode.AUTO:
                client = stack.enter_context(sessions.directus(settings, connection, progress, loaded))
                pushed = Pushing(settings, self.request, progress, connection, "deploy").run(client, reading)
            post = self._migrate("post")
            worked = bool(pre or pushed or post)
            verified, settled = self._verify(before if worked else None)
            if client is not None and (worked or verified.restored or found != settled):
                with progress.step("Comparing once more", "Compared once more: Directus equals the snapshot,"):
                    sync.require_equal(client, wanted)
        deployed = Deployed(pre, bootstrapped, pushed, post, verified, time.monotonic() - started)
        self._record(wanted, given, deployed, settled)
        return deployed

    def _migrate(self, branch: Branch) -> tuple[Revision, ...]:
        """Bring a branch to its head; note what its revisions took away."""
        if not revisions.pending(self.connection, branch):
            return ()
        before = query.read(self.connection).definitions.keys()
        applied = migrate(self.connection, branch, self.progress)
        self._gone |= before - query.read(self.connection).definitions.keys()
        return applied

    def _loading(self, stack: ExitStack) -> server.Loaded | None:
        """Have the private Directus load itself, which takes longer than what comes before its start."""
        if self.settings.directus_url is not None or self.settings.mode is not Mode.AUTO:
            return None
        if installation.needs_bootstrap(self.connection, self.settings) and not server.has_room_for_two():
            return None
        return stack.enter_context(server.loading(self.settings))

    def _bootstrap(self) -> bool:
        if self.settings.directus_url is not None or not installation.needs_bootstrap(self.connection, self.settings):
            return False
        name = f"Directus {installation.version(self.settings)}"
        with (
            self.progress.step(f"Bootstrapping {name}", f"Bootstrapped {name}"),
            installation.bootstrapping(self.connection),
        ):
            server.bootstrap(self.settings)
        self.progress.done.append("bootstrap")
        return True

    def _verify(self, before: Catalog | None) -> tuple[Verified, str | None]:
        """Put back what was lost; return that, and the fingerprint of what was looked at."""
        # Read before each look: what somebody changes meanwhile is not taken for looked at.
        settled = self._fingerprint()
        expected = verify.read_expected(self.settings.catalog)
        if expected is None:
            note = f"there is no {self.settings.catalog.name} to compare the database with"
            return Verified(notes=(note,)), settled

        def restored(item: Object) -> None:
            self.progress.note(f"Put back: {item}, which was lost although its revision is applied")
            self.progress.done.append(f"{item} put back")

        known = history.removed(self.connection)
        verified = verify.put_back(self.connection, expected, before, self._gone, known, restored)
        if verified.restored:
            settled = self._fingerprint()
            again = verify.put_back(self.connection, expected, before, self._gone, known, restored)
            verified = dataclasses.replace(again, restored=(*verified.restored, *again.restored))
        for text in verified.notes:
            self.progress.note(f"note: {text}")
        return verified, settled

    def _fingerprint(self) -> str | None:
        """Return the fingerprint of a database that has everything which it is taken of."""
        return fingerprint.read(self.connection) if fingerprint.is_possible(self.connection) else None

    def _record(self, wanted: Snapshot, given: str, deployed: Deployed, found: str | None) -> None:
        unmoved = deployed.pushed is not None and found == fingerprint.read(self.connection)
        history.record_deploy(
            self.connection,
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
                inputs=fingerprint.with_version(given, wanted.directus),
                fingerprint=found if unmoved else None,
            ),
            self.request.run,
        )
