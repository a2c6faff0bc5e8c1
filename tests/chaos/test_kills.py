"""Whatever is killed, and whenever: the next deploy brings it to the same end, and nothing is left of the first."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos import moments
from tests.chaos.conftest import VEHICLES, Upgrade
from tests.chaos.moments import FIRST_DEPLOY, UPGRADE
from tests.chaos.runs import (
    FULL,
    STOP_SECONDS,
    Blow,
    End,
    Line,
    Moment,
    assert_converges,
    assert_nothing_left,
    counts,
    end_session,
    end_sessions_of_directus,
    kill_node,
    kill_tool,
    locked,
    ours_waits,
    terminate_tool,
    wait_for,
)
from tests.checkout import Checkout
from tests.conftest import Finished, Tool

Case = tuple[Moment, Blow]

MIDDLE_OF_APPLY = moments.APPLYING[4]
WITH_NODE = [*moments.BOOTSTRAP[:-1], *moments.SERVER, *moments.JUDGING, *moments.APPLYING[1:], *moments.POST[::2]]
WITH_NODE_LATER = moments.between(UPGRADE, moments.SERVER[0], moments.PUT_BACK)
LAST = [*moments.END[-2:], *(moment for moment in UPGRADE[-3:] if not moment.lock)]
BLOCKED = [moment for moment in UPGRADE if moment.lock]


def _cases(few: list[Case], many: list[Case]) -> list[object]:
    return [pytest.param(*case, id=f"{case[1].__name__}-{case[0]}") for case in (many if FULL else few)]


ON_A_FIRST_DEPLOY = _cases(
    few=[(moments.MIDDLE_OF_BOOTSTRAP, kill_tool), (MIDDLE_OF_APPLY, kill_node)],
    many=[
        *((moment, kill_tool) for moment in FIRST_DEPLOY),
        *((moment, kill_node) for moment in WITH_NODE),
        *((moment, end_session) for moment in FIRST_DEPLOY[::8]),
        *((moment, end_sessions_of_directus) for moment in WITH_NODE[1::5]),
        *((moment, terminate_tool) for moment in FIRST_DEPLOY[::5]),
    ],
)
ON_AN_UPGRADE = _cases(
    few=[
        (moments.APPLY_WAITS, kill_tool),
        (moments.POST_WAITS, end_session),
        (moments.PUT_BACK_WAITS, end_session),
        (moments.COPY_WAITS, terminate_tool),
    ],
    many=[
        *((moment, kill_tool) for moment in UPGRADE),
        *((moment, kill_node) for moment in WITH_NODE_LATER),
        *((moment, end_session) for moment in BLOCKED),
        (moments.APPLY_WAITS, end_sessions_of_directus),
        *((moment, terminate_tool) for moment in [*BLOCKED, moments.JUDGING[1]]),
    ],
)


@pytest.mark.parametrize(("moment", "blow"), ON_A_FIRST_DEPLOY)
def test_a_first_deploy_that_is_struck_is_finished_by_the_next(
    first_deploy: Line, end_of_first_deploy: End, moment: Moment, blow: Blow
) -> None:
    _strike(first_deploy, moment, blow)
    assert_converges(first_deploy, end_of_first_deploy)


@pytest.mark.parametrize(("moment", "blow"), ON_AN_UPGRADE)
def test_an_upgrade_that_is_struck_is_finished_by_the_next(
    upgrading: Line, upgrade: Upgrade, moment: Moment, blow: Blow
) -> None:
    _strike(upgrading, moment, blow)
    _assert_no_value_is_lost(upgrading)
    assert_converges(upgrading, upgrade.end)


def test_sigterm_ends_a_revision_that_takes_long(deployed: Tool, end_of_first_deploy: End, tmp_path: Path) -> None:
    """PostgreSQL is at work, and the tool waits for it alone; that must not make it deaf."""
    slow = Checkout.with_revision(tmp_path / "slow", 'execute("SELECT pg_sleep(60)")', 'execute("SELECT 1")')
    moment = Moment("the revision takes long", counts(SLEEPING))
    _strike(Line(deployed, tmp_path, slow.folder), moment, terminate_tool)
    assert_converges(Line(deployed, tmp_path), end_of_first_deploy)


def test_a_deploy_that_lost_the_lock_during_the_apply_meets_another(upgrading: Line, upgrade: Upgrade) -> None:
    """The first can't know of it before Directus answers; the second has the lock, and wants the same change."""
    with upgrading.running() as first, ExitStack() as runs:
        with locked(upgrading.database, moments.APPLY_WAITS.lock):
            wait_for(moments.APPLY_WAITS, first)
            end_session(first)
            second = runs.enter_context(upgrading.running())
            wait_for(Moment("the second one waits for the first", ours_waits), second)
        finished = first.ended(), second.ended()
        assert finished[0].code == 1, finished[0].text
        assert finished[1].code in {0, 1}, finished[1].text
        for run in (first, second):
            assert_nothing_left(run, set())
    _assert_no_value_is_lost(upgrading)
    assert_converges(upgrading, upgrade.end)


SLEEPING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event = 'PgSleep' AND datname = current_database() AND state = 'active'"
)


def _strike(line: Line, moment: Moment, blow: Blow) -> None:
    with line.running() as run:
        with locked(line.database, moment.lock):
            wait_for(moment, run)
            ports = run.ports
            blow(run)
            if blow in {kill_tool, terminate_tool}:
                # Whatever it waits for.
                run.ended(STOP_SECONDS)
        _assert_it_ended_well(run.ended(), moment, blow)
        assert_nothing_left(run, ports)


def _assert_it_ended_well(done: Finished, moment: Moment, blow: Blow) -> None:
    """It was killed, stopped cleanly, went on, or failed with its message."""
    # It may have ended before the blow.
    missed = done.code == 0 and (moment.fleeting or moment in LAST)
    if blow is kill_tool:
        assert done.code == -signal.SIGKILL or missed, done.text
    elif blow is terminate_tool:
        assert done.code == 128 + signal.SIGTERM or missed, done.text
        assert done.code == 0 or "interrupted; what was finished stays" in done.err
    elif blow is end_session:
        assert done.code == 1 or missed, done.text
    else:
        assert done.code in {0, 1}, done.text


def _assert_no_value_is_lost(line: Line) -> None:
    """What the push removes is in the table still, or in a copy."""
    database = line.database
    there = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'vehicles'::regclass AND attname = 'vin')"
    table = "vehicles"
    if not database.value(there):
        table = f"attic.{database.value('SELECT table_name FROM directus_sync.attic_copies ORDER BY id DESC LIMIT 1')}"
    assert database.value(f"SELECT count(DISTINCT vin) FROM {table}") == VEHICLES
