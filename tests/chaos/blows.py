"""Failures that a test can inflict on a deploy, and how the deploy may end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.moments import Moment, locked, wait_for
from tests.chaos.runs import DIRECTUS_S, OUR_SESSIONS, RUN_SECONDS, Line, Run, answers, assert_nothing_left
from tests.conftest import Finished
from tests.processes import until

STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Blow:
    """One kind of failure. codes: allowed exit codes. seconds: time limit for the end, even if the deploy waits."""

    name: str
    strike: Callable[[Run], object]
    codes: tuple[int, ...]
    seconds: float | None = None

    def __str__(self) -> str:
        return self.name


def _kill_node(run: Run) -> None:
    node = run.node
    assert node is not None, run.err
    os.kill(node, signal.SIGKILL)


def _end_sessions(run: Run, whose: str) -> None:
    """End the matching sessions. If there are none, which happens between two connections, wait for the next."""
    database = run.line.database
    query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {whose} AND datname = current_database()"
    while not database.rows(query):
        if run.process.poll() is not None:
            assert run.process.returncode == 0, f"the run failed before the blow\n{run.err}"
            return


KILL = Blow("kill", lambda run: run.process.send_signal(signal.SIGKILL), (-signal.SIGKILL,), STOP_SECONDS)
TERMINATE = Blow("sigterm", lambda run: run.process.send_signal(signal.SIGTERM), (128 + signal.SIGTERM,), STOP_SECONDS)
KILL_NODE = Blow("kill-node", _kill_node, (0, 1))
END_SESSIONS = Blow("end-sessions", lambda run: _end_sessions(run, OUR_SESSIONS), (1,))
END_DIRECTUS_S_SESSIONS = Blow("end-directus-s-sessions", lambda run: _end_sessions(run, DIRECTUS_S), (0, 1))


def strike(line: Line, moment: Moment, blow: Blow) -> Finished:
    """Start a deploy, disturb it at a moment, and check how it ends."""
    with line.running() as run:
        with locked(line.database, moment.lock):
            wait_for(moment, run)
            blow.strike(run)
            if blow.seconds:
                run.ended(blow.seconds)
        done = run.ended(RUN_SECONDS)
        # The run may have ended before the blow.
        assert done.code in blow.codes or (done.code == 0 and moment.fleeting), done.text
        if done.code == 128 + signal.SIGTERM:
            assert "interrupted; what was finished stays" in done.err
        # A killed server may still be recovering when the tool ends.
        until(lambda: answers(line.database), 60)
        assert_nothing_left(run)
        return done
