"""PostgreSQL itself dies, or one of its processes does and takes all sessions along; the next deploy converges."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.chaos import moments
from tests.chaos.conftest import Upgrade, older
from tests.chaos.moments import FIRST_DEPLOY, UPGRADE
from tests.chaos.runs import (
    DIRECTUS_S,
    FULL,
    OURS,
    End,
    Line,
    Moment,
    Run,
    assert_converges,
    assert_nothing_left,
    later,
    locked,
    wait_for,
)
from tests.chaos.servers import OwnPostgres, answers
from tests.conftest import Database, Tool
from tests.processes import until

WHOSE = {"the tool's": OURS, "Directus's": DIRECTUS_S}
# A session to kill must be there.
WITH_SESSIONS_OF_DIRECTUS = [*moments.BOOTSTRAP[4:6], moments.APPLYING[3], moments.APPLYING[4]]


@dataclass(frozen=True)
class Victim:
    """A server of the tests' own, with a database in it that is deployed."""

    server: OwnPostgres
    deployed: Database

    def kill(self) -> None:
        """Kill the server's first process, and start it again."""
        self.server.kill()
        self.server.up()

    def kill_session(self, whose: str, run: Run) -> None:
        """Kill the process of one session; PostgreSQL then ends all others, and recovers as after a crash."""
        pids = f"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND {WHOSE[whose]}"
        # Between two connections of the run there is none.
        while not (rows := run.line.database.rows(pids)) or not _killed(rows[0][0]):
            assert run.process.poll() is None, f"it had no such session any more\n{run.err}"
            time.sleep(0.003)
        until(self.server.answers)


def _killed(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


@pytest.fixture(scope="module")
def victim(own_postgres: Callable[[], OwnPostgres], tmp_path_factory: pytest.TempPathFactory) -> Victim:
    server = own_postgres()
    server.up()
    deployed = server.database()
    if FULL:
        done = Line(Tool(deployed), tmp_path_factory.mktemp("deployed"))()
        assert done.code == 0, done.text
    return Victim(server, deployed)


@pytest.mark.parametrize("moment", FIRST_DEPLOY[1::2] if FULL else [moments.APPLYING[4]], ids=str)
def test_a_first_deploy_goes_on_after_postgresql_was_killed(
    victim: Victim, end_of_first_deploy: End, tmp_path: Path, moment: Moment
) -> None:
    line = Line(Tool(victim.server.database()), tmp_path)
    _strike(line, moment, lambda _: victim.kill())
    assert_converges(line, end_of_first_deploy)


@pytest.mark.skipif(not FULL, reason="takes minutes; make test-chaos runs it")
@pytest.mark.parametrize("moment", [each for each in UPGRADE if not each.fleeting], ids=str)
def test_an_upgrade_goes_on_after_postgresql_was_killed(
    victim: Victim, upgrade: Upgrade, tmp_path: Path, moment: Moment
) -> None:
    line = older(Tool(victim.server.database(victim.deployed)), tmp_path, upgrade.checkout)
    _strike(line, moment, lambda _: victim.kill())
    assert_converges(line, upgrade.end)


@pytest.mark.skipif(not FULL, reason="takes minutes; make test-chaos runs it")
@pytest.mark.parametrize(
    ("whose", "moment"),
    [
        *(("the tool's", moment) for moment in FIRST_DEPLOY[:-2:2]),
        *(("Directus's", moment) for moment in WITH_SESSIONS_OF_DIRECTUS),
    ],
    ids=str,
)
def test_a_first_deploy_goes_on_after_a_session_was_killed(
    victim: Victim, end_of_first_deploy: End, tmp_path: Path, whose: str, moment: Moment
) -> None:
    line = Line(Tool(victim.server.database()), tmp_path)
    _strike(line, moment, lambda run: victim.kill_session(whose, run))
    assert_converges(line, end_of_first_deploy)


@pytest.mark.skipif(not FULL, reason="takes minutes; make test-chaos runs it")
@pytest.mark.parametrize(
    ("whose", "moment"),
    [
        *(("the tool's", each) for each in UPGRADE if each.lock),
        ("Directus's", moments.APPLY_WAITS),
    ],
    ids=str,
)
def test_an_upgrade_goes_on_after_a_session_was_killed(
    victim: Victim, upgrade: Upgrade, tmp_path: Path, whose: str, moment: Moment
) -> None:
    line = older(Tool(victim.server.database(victim.deployed)), tmp_path, upgrade.checkout)
    _strike(line, moment, lambda run: victim.kill_session(whose, run))
    assert_converges(line, upgrade.end)


def test_a_first_boot_waits_for_a_database_that_comes_late(
    victim: Victim, end_of_first_deploy: End, tmp_path: Path
) -> None:
    server = victim.server
    line = Line(Tool(server.database()), tmp_path)
    server.down()
    with line.running() as run:
        late = Moment("it waits", later("Waiting for PostgreSQL", 20 if FULL else 2))
        wait_for(late, run, connected=False)
        server.up()
        done = run.ended()
        assert done.code == 0, done.text
        assert_nothing_left(run, set())
    assert End.of(line.database) == end_of_first_deploy


def _strike(line: Line, moment: Moment, blow: Callable[[Run], None]) -> None:
    with line.running() as run:
        ports: set[int] = set()
        struck = False
        # Whoever holds the lock of the moment loses the connection, too.
        with contextlib.suppress(psycopg.OperationalError), locked(line.database, moment.lock):
            wait_for(moment, run)
            ports = run.ports
            blow(run)
            struck = True
        done = run.ended()
        assert struck, done.text
        assert done.code in {0, 1, 2}, done.text
        # The tool may have ended before the server has recovered.
        until(lambda: answers(line.database), 60)
        assert_nothing_left(run, ports)
