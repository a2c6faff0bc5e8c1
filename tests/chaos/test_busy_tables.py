"""Tables that other sessions lock: a deploy waits for them and continues, or fails with its message."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from directus_sync.postgres.database import Connection
from directus_sync.probes import risks
from directus_sync.schema.plan import Hazard, Risk
from directus_sync.state import fingerprint
from tests.catalogs import connected
from tests.chaos import moments
from tests.chaos.conftest import Upgrade
from tests.chaos.moments import HELD, WAITING, WE_WAIT, Moment, counts, locked, wait_for
from tests.chaos.runs import DIRECTUS_S, OURS, End, Line, assert_converges
from tests.conftest import Database, Tool
from tests.processes import until

# The final records are written only once, so the deploy may fail if it cannot write them.
MAY_FAIL = {moments.BASE_WAITS, moments.RECORD_WAITS}
# Some of the tables that post revisions alter.
TABLES = ("organization_users", "organization_vehicles", "events", "entries")
QUEUE = 12
RISK = Risk(Hazard.TABLE, "events")
READERS_WAIT = 6.0

Process = subprocess.Popen[str] | subprocess.Popen[bytes]


@pytest.mark.slow
@pytest.mark.parametrize("moment", HELD, ids=str)
def test_deploy_waits_for_a_temporarily_locked_table(upgrading: Line, upgrade: Upgrade, moment: Moment) -> None:
    with upgrading.running() as run:
        with reading(upgrading.database, moment.lock.split()[1]) as waits, locked(upgrading.database, moment.lock):
            wait_for(moment, run)
            whose = DIRECTUS_S if moment is moments.APPLY_WAITS else OURS
            until_retried(run.line.database, whose, run.process, may_end=moment in MAY_FAIL)
        done = run.ended()
        # Readers wait behind the tool at most for its lock_timeout of 4 s.
        assert max(waits) < READERS_WAIT
        assert done.code == 0 or (done.code == 1 and moment in MAY_FAIL), done.text
    assert_converges(upgrading, upgrade.end)


@contextmanager
def reading(database: Database, table: str) -> Iterator[list[float]]:
    """Read a table repeatedly during the block; yield the list of durations in seconds."""
    took, over = [0.0], threading.Event()

    def read() -> None:
        with database.connect() as connection:
            while not over.is_set():
                started = time.monotonic()
                connection.execute(f"SELECT FROM {table} LIMIT 1")
                took.append(time.monotonic() - started)
                time.sleep(0.05)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield took
    finally:
        over.set()
        reader.join()


def test_a_migration_waits_behind_a_queue_of_other_sessions(deployed: Tool, end_of_first_deploy: End) -> None:
    """A reader holds the tables that post alters, many sessions wait to alter them, and the migration waits last."""
    assert deployed.alembic("downgrade", "post@base").code == 0
    with ExitStack() as ended:
        with locked(deployed.database, f"LOCK {', '.join(TABLES)} IN ACCESS SHARE MODE"):
            for number in range(QUEUE):
                thread = threading.Thread(target=alter, args=(deployed.database, TABLES[number % len(TABLES)]))
                ended.callback(thread.join)
                thread.start()
            until(lambda: deployed.database.value(f"{WAITING} true") == QUEUE)
            migration = deployed.start("upgrade", "post@head", program="alembic")
            until_retried(deployed.database, "application_name LIKE 'directus-sync alembic%'", migration)
        done = deployed.wait_for(migration)
    assert done.code == 0, done.text
    assert deployed.database.schema() == end_of_first_deploy.schema


def alter(database: Database, table: str) -> None:
    with database.connect() as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")


@pytest.mark.slow
def test_a_boot_with_nothing_to_do_waits_for_a_table_that_is_being_rewritten(deployed: Tool, tmp_path: Path) -> None:
    """VACUUM FULL and CLUSTER take such a lock, during which PostgreSQL cannot print the table's definition."""
    with Line(deployed, tmp_path).running() as run:
        with locked(deployed.database, "LOCK events IN ACCESS EXCLUSIVE MODE"):
            wait_for(Moment("waiting", WE_WAIT), run)
            # Longer than the lock_timeout of the tool's own changes.
            wait_for(Moment("waiting longer", counts(f"{WAITING} {OURS} AND {WAITED}")), run)
        done = run.ended()
    assert (done.code, done.out.startswith("Nothing to do")) == (0, True), done.text


WAITED = "clock_timestamp() - query_start > interval '4200ms'"


ASKED: dict[str, tuple[Callable[[Connection], object], object]] = {
    "rows at risk": (lambda connection: risks.count(connection, [RISK]), {RISK: 0}),
    "the fingerprint": (lambda connection: bool(fingerprint.read(connection)), True),
}


@pytest.mark.parametrize("name", ASKED)
def test_reading_queries_wait_longer_than_the_lock_timeout(deployed: Tool, name: str) -> None:
    ask, answer = ASKED[name]
    waits = f"{WAITING} application_name LIKE 'directus-sync test%'"
    with connected(deployed) as connection, ThreadPoolExecutor() as pool:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout TO '100ms'")
        with locked(deployed.database, "LOCK events IN ACCESS EXCLUSIVE MODE"):
            asked = pool.submit(ask, connection)
            waits_long = f"{waits} AND clock_timestamp() - query_start > interval '300ms'"
            until(lambda: deployed.database.value(waits_long) == 1 or asked.done())
            assert not asked.done(), asked.result()
        assert asked.result() == answer


def until_retried(database: Database, whose: str, process: Process, *, may_end: bool = False) -> None:
    """Wait until one statement ran into its lock_timeout and the next one waits. may_end: the process may end first."""
    begun = f"{WAITING.replace('count(*)', 'max(query_start)')} {whose}"
    until(lambda: process.poll() is not None or database.value(begun) is not None)
    first = database.value(begun)
    until(lambda: process.poll() is not None or (first and (database.value(begun) or first) > first))
    assert may_end or process.poll() is None, "the run did not wait for the table"
