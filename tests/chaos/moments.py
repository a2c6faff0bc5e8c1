"""Points in a first deploy and in an upgrade at which a test can disturb it, as seen from outside the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from directus_sync.revisions import branches
from tests.chaos.runs import OURS, RUN_SECONDS, Run
from tests.conftest import Database


@dataclass(frozen=True)
class Watch:
    """What a moment can observe: the run's output and the database."""

    run: Run
    connection: psycopg.Connection[Any]

    def said(self, text: str) -> bool:
        return text in self.run.err

    def counts(self, sql: str) -> int:
        """Return the count of a query, or 0 if its tables do not exist yet."""
        try:
            row = self.connection.execute(sql).fetchone()
        except psycopg.Error:
            return 0
        return int(row[0]) if row else 0


Reached = Callable[[Watch], bool]


@dataclass(frozen=True)
class Moment:
    """A point of a deploy. lock: another session takes it before the start, so that the deploy waits at this point.

    fleeting: it can pass between two checks, or the run can end before the blow.
    """

    name: str
    reached: Reached
    lock: str = ""
    fleeting: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def says(text: str) -> Reached:
    return lambda watch: watch.said(text)


def counts(sql: str, number: int = 1) -> Reached:
    return lambda watch: watch.counts(sql) >= number


def applies(number: int) -> Reached:
    """Reached when Directus has locked this many tables in an apply."""
    return lambda watch: watch.said("Pushing") and watch.counts(LOCKED) >= number


def prepares(number: int) -> Reached:
    """Reached when the tool has created this many of Directus's tables without committing them."""
    return lambda watch: watch.said("Bootstrapping") and watch.counts(OURS_LOCKED) >= number


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND "
WE_WAIT = counts(f"{WAITING} {OURS}")
DIRECTUS_WAITS = counts(f"{WAITING} NOT ({OURS})")
# An apply is one transaction, so only its locks show how far it is. The tool's own DDL takes such locks too.
LOCKED = (
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'relation'"
    f" AND mode = 'AccessExclusiveLock' AND granted AND datname = current_database() AND NOT ({OURS})"
)
OURS_LOCKED = LOCKED.replace(f"NOT ({OURS})", OURS)
TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'directus%'"
MIGRATED = "SELECT count(*) FROM directus_migrations"
RECORDED = "SELECT count(*) FROM directus_sync.deploys"
CONNECTED = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND datname = current_database()"


def _revision(name: str) -> list[Moment]:
    return [Moment(f"{word} {name}", says(f"{word.capitalize():<9} {name}")) for word in ("applying:", "applied:")]


HEADS = {branch: int(branches.checkout_head(branch).partition("_")[2]) for branch in branches.BRANCHES}

CONNECTS = Moment("connected", counts(CONNECTED), fleeting=True)
# All revisions of a branch work alike, but the first also creates the version table.
PRE = [*_revision("pre_0001"), *_revision(f"pre_{HEADS['pre']:04d}")]
MIDDLE_OF_BOOTSTRAP = Moment("30 system migrations", counts(MIGRATED, 30))
BOOTSTRAP = [
    *(Moment(f"{number} system tables", counts(TABLES, number)) for number in (1, 20, 60)),
    *(Moment(f"{number} system migrations", counts(MIGRATED, number)) for number in (1, 10)),
    MIDDLE_OF_BOOTSTRAP,
    *(Moment(f"{number} system migrations", counts(MIGRATED, number)) for number in (50, 70, 90)),
    Moment("a first role", counts("SELECT count(*) FROM directus_access")),
    Moment("a first administrator", counts("SELECT count(*) FROM directus_users")),
    Moment("bootstrapped", says("Bootstrapped")),
]
# One transaction: from outside first its locks are visible, then everything.
PREPARED = [
    Moment("bootstrapping", says("Bootstrapping")),
    *(Moment(f"{number} prepared tables", prepares(number), fleeting=True) for number in (1, 30)),
    *BOOTSTRAP[-2:],
]
SERVER = [
    Moment("the server starts", lambda watch: watch.run.node is not None and watch.said("Starting a schema worker")),
    Moment("the server has started", says("Started a schema worker")),
]
MIDDLE_OF_APPLY = Moment("30 locks of the apply", applies(30), fleeting=True)
APPLYING = [
    Moment("plan printed", says("Plan:")),
    Moment("pushing", says("Pushing")),
    *(Moment(f"{number} locks of the apply", applies(number), fleeting=True) for number in (1, 10)),
    MIDDLE_OF_APPLY,
    Moment("60 locks of the apply", applies(60), fleeting=True),
    Moment("pushed", says("Pushed")),
]
POST = [*_revision("post_0001"), *_revision(f"post_{HEADS['post']:04d}")]
# Access is pushed in a few transactions.
ENTERING = [
    Moment("access is pushed", says("changes of access ...")),
    Moment("access was pushed", says("changes of access in ")),
]
COMPARING = [
    Moment("comparing", says("Comparing again")),
    Moment("compared", says("Compared again"), fleeting=True),
]
FIRST_DEPLOY = [
    *(CONNECTS, *PRE, *PREPARED, *SERVER, *APPLYING, *POST, *ENTERING, *COMPARING),
    Moment("recorded", counts(RECORDED), fleeting=True),
]

# Another session's lock stops the deploy in the middle of a step.
PRE_WAITS = Moment("the pre revision waits", WE_WAIT, "LOCK positions IN ACCESS SHARE MODE")
COPY_WAITS = Moment("the copy to the attic waits", WE_WAIT, "LOCK vehicles IN ROW EXCLUSIVE MODE")
APPLY_WAITS = Moment("the apply waits", DIRECTUS_WAITS, "LOCK devices IN ACCESS SHARE MODE")
POST_WAITS = Moment("the post revision waits", WE_WAIT, "LOCK entries IN ACCESS SHARE MODE")
PUT_BACK_WAITS = Moment("the restore waits", WE_WAIT, "LOCK organization_devices IN SHARE MODE")
PUT_BACK = Moment("restored", says("Put back"))
BASE_WAITS = Moment("the base waits", WE_WAIT, "LOCK directus_sync.snapshot_history IN EXCLUSIVE MODE")
RECORD_WAITS = Moment("the record waits", WE_WAIT, "LOCK directus_sync.deploys IN EXCLUSIVE MODE")
NEW_PRE, NEW_POST = (_revision(f"{branch}_{number + 1:04d}") for branch, number in HEADS.items())
UPGRADE = [
    *(CONNECTS, NEW_PRE[0], PRE_WAITS, NEW_PRE[1], *SERVER),
    *(Moment("copying", says("Copying 1 item to the attic")), COPY_WAITS, Moment("copied", says("Copied 1 item"))),
    *(Moment("pushing", says("Pushing")), APPLY_WAITS, Moment("pushed", says("Pushed"))),
    *(Moment("kept", says("Kept vehicles.vin")), BASE_WAITS, NEW_POST[0], POST_WAITS, NEW_POST[1]),
    *(PUT_BACK_WAITS, PUT_BACK, *COMPARING, RECORD_WAITS),
    Moment("recorded", counts(RECORDED, 2), fleeting=True),
]
HELD = [moment for moment in UPGRADE if moment.lock]


def wait_for(moment: Moment, run: Run) -> None:
    """Wait until the moment is reached, or until the run has succeeded if the moment is fleeting."""
    with run.line.database.connect() as connection:
        watch = Watch(run, connection)
        deadline = time.monotonic() + RUN_SECONDS
        while not moment.reached(watch):
            ended = run.process.poll() is not None
            if ended and ((moment.fleeting and run.process.returncode == 0) or moment.reached(watch)):
                return
            assert not ended, f"this moment was never reached: {moment.name}\n{run.err}"
            assert time.monotonic() < deadline, f"this moment was never reached: {moment.name}\n{run.err}"
            time.sleep(0.01)


@contextmanager
def locked(database: Database, statement: str) -> Iterator[None]:
    """Hold the locks of a statement during the block, or until the server dies."""
    with closing(psycopg.connect(database.conninfo)) as connection:
        if statement:
            connection.execute(statement)
        yield
