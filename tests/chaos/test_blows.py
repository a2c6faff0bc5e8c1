"""Whatever interrupts a deploy, and whenever: the next one reaches the same end, and nothing is left of the first."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos import moments
from tests.chaos.blows import (
    END_DIRECTUS_S_SESSIONS,
    END_SESSIONS,
    KILL,
    KILL_NODE,
    TERMINATE,
    Blow,
    strike,
)
from tests.chaos.conftest import VEHICLES, Upgrade
from tests.chaos.moments import FIRST_DEPLOY, HELD, UPGRADE, WE_WAIT, Moment, Watch, counts, locked, wait_for
from tests.chaos.runs import End, Line, assert_converges, assert_nothing_left
from tests.chaos.servers import relay
from tests.checkout import Checkout
from tests.conftest import Tool, running_directus

WITH_NODE = [
    *(*moments.PREPARED[:-1], *moments.SERVER, *moments.APPLYING[1:], moments.POST[0]),
    moments.ENTERING[0],
]


def _waits_or_pushes(watch: Watch) -> bool:
    """Return whether the second deploy pushes or waits. Which it does depends on how far the first one was."""
    return watch.said("Pushing") or WE_WAIT(watch)


def _cases(cases: Iterable[tuple[Moment, Blow]]) -> list[object]:
    return [pytest.param(*case, id=f"{case[1]}-{case[0]}") for case in cases]


ON_A_FIRST_DEPLOY = [
    *((moment, KILL) for moment in FIRST_DEPLOY),
    *((moment, KILL_NODE) for moment in WITH_NODE),
    *((moment, END_SESSIONS) for moment in FIRST_DEPLOY[::6]),
    *((moment, END_DIRECTUS_S_SESSIONS) for moment in WITH_NODE[1::5]),
    *((moment, TERMINATE) for moment in FIRST_DEPLOY[::4]),
]
ON_A_REAL_BOOTSTRAP = [
    *((moment, KILL) for moment in moments.BOOTSTRAP),
    *((moment, KILL_NODE) for moment in moments.BOOTSTRAP[:-1]),
    *((moment, END_DIRECTUS_S_SESSIONS) for moment in moments.BOOTSTRAP[1:-1:5]),
]
ON_AN_UPGRADE = [
    *((moment, KILL) for moment in UPGRADE),
    *((moment, KILL_NODE) for moment in UPGRADE[UPGRADE.index(moments.SERVER[0]) : UPGRADE.index(moments.PUT_BACK)]),
    *((moment, END_SESSIONS) for moment in HELD),
    *((moment, TERMINATE) for moment in HELD),
    (moments.APPLY_WAITS, END_DIRECTUS_S_SESSIONS),
]


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "blow"), _cases(ON_A_FIRST_DEPLOY))
def test_the_next_deploy_completes_an_interrupted_first_deploy(
    first_deploy: Line, end_of_first_deploy: End, moment: Moment, blow: Blow
) -> None:
    strike(first_deploy, moment, blow)
    assert_converges(first_deploy, end_of_first_deploy)


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "blow"), _cases(ON_A_REAL_BOOTSTRAP))
def test_the_next_deploy_completes_an_interrupted_bootstrap_of_directus(
    first_deploy: Line, end_of_first_deploy: End, moment: Moment, blow: Blow
) -> None:
    """With Directus's own bootstrap instead of the prepared tables; the end is the same."""
    whole = Line(first_deploy.tool.with_settings(DIRECTUS_SYNC_WORKER="off"), first_deploy.folder)
    strike(whole, moment, blow)
    assert_converges(whole, end_of_first_deploy)


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "blow"), _cases(ON_AN_UPGRADE))
def test_the_next_deploy_completes_an_interrupted_upgrade(
    upgrading: Line, upgrade: Upgrade, moment: Moment, blow: Blow
) -> None:
    strike(upgrading, moment, blow)
    assert_no_value_is_lost(upgrading)
    assert_converges(upgrading, upgrade.end)


def test_the_next_deploy_completes_an_upgrade_that_was_killed_and_disconnected(
    upgrading: Line, upgrade: Upgrade
) -> None:
    with relay(int(upgrading.tool.environ["DB_PORT"])) as between:
        line = Line(upgrading.tool.with_settings(DB_PORT=str(between.port)), upgrading.folder, upgrade.checkout)
        strike(line, moments.APPLY_WAITS, KILL)
        assert_no_value_is_lost(line)
        strike(line, moments.POST_WAITS, Blow("cut", lambda _: between.cut(), (1,)))
        assert_converges(line, upgrade.end)


def test_sigterm_ends_a_slow_revision(deployed: Tool, end_of_first_deploy: End, tmp_path: Path) -> None:
    """The tool waits for a statement of PostgreSQL."""
    slow = Checkout.with_revision(tmp_path / "slow", 'execute("SELECT pg_sleep(60)")', 'execute("SELECT 1")')
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    strike(Line(deployed, tmp_path, slow.folder), Moment("the slow revision runs", counts(sleeping)), TERMINATE)
    assert_converges(Line(deployed, tmp_path), end_of_first_deploy)


@pytest.mark.slow
def test_deploy_checks_an_apply_whose_connection_was_lost(upgrading: Line, upgrade: Upgrade) -> None:
    """Directus continues although its client is gone."""
    with running_directus(upgrading.tool) as running, relay(running.http.base_url.port or 0) as between:
        front = upgrading.tool.with_settings(DIRECTUS_URL=f"http://127.0.0.1:{between.port}")
        line = Line(front, upgrading.folder, upgrade.checkout)
        with line.running() as run:
            with locked(upgrading.database, moments.APPLY_WAITS.lock):
                wait_for(moments.APPLY_WAITS, run)
                assert between.cut() >= 1
            done = run.ended()
            # The outcome depends on how far Directus was when the tool looked.
            assert done.code in {0, 1}, done.text
            assert done.code == 0 or "the connection was lost while Directus applied the schema" in done.err
        again = line()
        assert again.code == 0, again.text
    assert_converges(upgrading, upgrade.end)


@pytest.mark.slow
def test_two_deploys_converge_after_the_first_lost_its_lock_during_the_apply(upgrading: Line, upgrade: Upgrade) -> None:
    """The first learns of the loss only when Directus answers. The second gets the lock, with the same change."""
    with upgrading.running() as first, ExitStack() as runs:
        with locked(upgrading.database, moments.APPLY_WAITS.lock):
            wait_for(moments.APPLY_WAITS, first)
            END_SESSIONS.strike(first)
            second = runs.enter_context(upgrading.running())
            wait_for(Moment("the second one pushes, or waits for the first", _waits_or_pushes), second)
        finished = first.ended(), second.ended()
        assert finished[0].code == 1, finished[0].text
        assert finished[1].code in {0, 1}, finished[1].text
        for run in (first, second):
            assert_nothing_left(run)
    assert_no_value_is_lost(upgrading)
    assert_converges(upgrading, upgrade.end)


@pytest.mark.slow
def test_a_push_that_lost_its_lock_stops_waiting_for_a_table(upgrading: Line, upgrade: Upgrade) -> None:
    with upgrading.running() as run, locked(upgrading.database, moments.APPLY_WAITS.lock):
        wait_for(moments.APPLY_WAITS, run)
        END_SESSIONS.strike(run)
        # It waits for one lock timeout of its apply, but does not retry.
        done = run.ended(20)
        assert (done.code, "PostgreSQL ended the session" in done.err) == (1, True), done.text
    assert_converges(upgrading, upgrade.end)


def assert_no_value_is_lost(line: Line) -> None:
    """Check that the values that the push removes are in the table or in an attic copy."""
    database = line.database
    there = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'vehicles'::regclass AND attname = 'vin')"
    table = "vehicles"
    if not database.value(there):
        table = f"attic.{database.value('SELECT table_name FROM directus_sync.attic_copies ORDER BY id DESC LIMIT 1')}"
    assert database.value(f"SELECT count(DISTINCT vin) FROM {table}") == VEHICLES
