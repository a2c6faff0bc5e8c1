"""Tables that others hold or queue for: a deploy waits for them and goes on, or fails with its message."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from directus_sync.schema.plan import Hazard, Risk
from directus_sync.state import risks
from tests.catalogs import connected
from tests.chaos import moments
from tests.chaos.conftest import Upgrade
from tests.chaos.moments import UPGRADE
from tests.chaos.runs import (
    FULL,
    OURS,
    End,
    Line,
    Moment,
    Run,
    assert_converges,
    counts,
    locked,
    ours_waits,
    wait_for,
)
from tests.conftest import Tool
from tests.processes import until

# More than one lock_timeout, so that it must try again.
HELD_SECONDS = 10 if FULL else 5
# What the tool notes at the end is written once; there it may give up.
MAY_FAIL = {moments.BASE_WAITS, moments.RECORD_WAITS}
# Some of those that the post revisions alter.
TABLES = ("organization_users", "organization_vehicles", "events", "entries")
QUEUE = 40

LOCKED_FOR_A_WHILE = [moment for moment in UPGRADE if moment.lock]


@pytest.fixture
def without_post(deployed: Tool, tmp_path: Path) -> Line:
    """A database that lacks the post revisions alone."""
    assert deployed.alembic("downgrade", "post@base").code == 0
    return Line(deployed, tmp_path)


@pytest.mark.skipif(not FULL, reason="in the full size; the queue below is waited for in the same way")
@pytest.mark.parametrize("moment", LOCKED_FOR_A_WHILE, ids=str)
def test_a_table_that_is_locked_for_a_while_is_waited_for(upgrading: Line, upgrade: Upgrade, moment: Moment) -> None:
    with upgrading.running() as run:
        with locked(upgrading.database, moment.lock):
            wait_for(moment, run)
            begun = time.monotonic()
            until(lambda: time.monotonic() - begun > HELD_SECONDS)
        done = run.ended()
        assert done.code == 0 or (done.code == 1 and moment in MAY_FAIL), done.text
    assert_converges(upgrading, upgrade.end)


def test_a_full_queue_is_waited_for(without_post: Line, end_of_first_deploy: End) -> None:
    with without_post.running() as run:
        with queue_on_post(run):
            begun = time.monotonic()
            until(lambda: time.monotonic() - begun > HELD_SECONDS)
        done = run.ended()
        assert done.code == 0, done.text
    assert_converges(without_post, end_of_first_deploy)


@pytest.mark.skipif(not FULL, reason="it gives up after a minute; make test-chaos runs it")
def test_a_queue_that_never_moves_is_named(without_post: Line, end_of_first_deploy: End) -> None:
    with without_post.running() as run:
        with queue_on_post(run):
            begun = time.monotonic()
            done = run.ended()
            assert time.monotonic() - begun > HELD_SECONDS
        assert (done.code, "error[migration-failed]" in done.err) == (1, True), done.text
        assert "lock timeout" in done.err
    assert_converges(without_post, end_of_first_deploy)


def test_a_boot_with_nothing_to_do_waits_for_a_table_that_is_being_rebuilt(
    deployed: Tool, end_of_first_deploy: End, tmp_path: Path
) -> None:
    """As VACUUM FULL or CLUSTER lock it; PostgreSQL prints no definition of it meanwhile."""
    line = Line(deployed, tmp_path)
    with ExitStack() as runs:
        with locked(deployed.database, "LOCK events IN ACCESS EXCLUSIVE MODE"):
            run = runs.enter_context(line.running())
            wait_for(Moment("it waits", ours_waits), run)
            begun = time.monotonic()
            until(lambda: time.monotonic() - begun > HELD_SECONDS or run.process.poll() is not None)
            assert run.process.poll() is None
        done = run.ended()
    assert (done.code, done.out.startswith("Nothing to do")) == (0, True), done.text
    assert_converges(line, end_of_first_deploy)


# More than the lock_timeout of the session.
WAITED_LONG = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'directus-sync test%'"
    " AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '300ms'"
)


def test_rows_at_risk_are_counted_when_a_table_is_free_again(deployed: Tool) -> None:
    with connected(deployed) as connection, ThreadPoolExecutor() as pool:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout TO '100ms'")
        with locked(deployed.database, "LOCK events IN ACCESS EXCLUSIVE MODE"):
            counted = pool.submit(risks.count, connection, [Risk(Hazard.TABLE, "events")])
            until(lambda: deployed.database.value(WAITED_LONG) == 1 or counted.done())
            assert not counted.done(), counted.result()
        assert counted.result() == {Risk(Hazard.TABLE, "events"): 0}


@contextmanager
def queue_on_post(run: Run) -> Iterator[None]:
    """Have somebody read the tables that post alters, and many wait to alter them, the tool behind them all."""
    database = run.line.database

    def alter(table: str) -> None:
        with database.connect() as connection, connection.transaction():
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    threads = [threading.Thread(target=alter, args=(TABLES[number % len(TABLES)],)) for number in range(QUEUE)]
    try:
        with locked(database, f"LOCK {', '.join(TABLES)} IN ACCESS SHARE MODE"):
            # Earlier, Directus could not read its schema for the queue.
            wait_for(Moment("the post revision waits", ours_waits), run)
            for thread in threads:
                thread.start()
            wait_for(Moment("it waits behind many", counts(BEFORE_US, QUEUE // len(TABLES))), run)
            yield
    finally:
        for thread in threads:
            thread.join()


BEFORE_US = (
    "SELECT count(*) FROM pg_stat_activity ours, unnest(pg_blocking_pids(ours.pid)) AS blocking (pid)"
    f" JOIN pg_stat_activity others USING (pid) WHERE ours.{OURS} AND others.wait_event_type = 'Lock'"
)
