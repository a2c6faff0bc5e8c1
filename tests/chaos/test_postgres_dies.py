"""PostgreSQL starts late or is killed; the next deploy completes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos import moments
from tests.chaos.blows import Blow, strike
from tests.chaos.conftest import Upgrade, older
from tests.chaos.moments import FIRST_DEPLOY, HELD, Moment, wait_for
from tests.chaos.runs import End, Line, Run, assert_converges, assert_nothing_left
from tests.chaos.servers import OwnPostgres
from tests.conftest import Database, Tool
from tests.processes import until

REPLICAS = 2


def kill_server(server: OwnPostgres) -> Blow:
    """Return a blow that kills the server's first process and restarts the server."""

    def kill(_: Run) -> None:
        server.kill()
        server.up()

    return Blow("kill-postgresql", kill, (0, 1, 2))


@pytest.fixture(scope="session")
def deployed_there(own_postgres: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A deployed database on the server that tests can kill."""
    database = own_postgres.database()
    done = Line(Tool(database), tmp_path_factory.mktemp("deployed"))()
    assert done.code == 0, done.text
    return database


def test_one_of_two_replicas_completes_a_first_deploy_after_postgresql_died(
    own_postgres: OwnPostgres, end_of_first_deploy: End, tmp_path: Path
) -> None:
    line = Line(Tool(own_postgres.database()), tmp_path)
    # Directus's own bootstrap takes longer, so there is time to kill the server.
    whole = Line(line.tool.with_settings(DIRECTUS_SYNC_WORKER="off"), tmp_path)
    own_postgres.down()
    with whole.running() as run:
        until(lambda: "Waiting for PostgreSQL" in run.err)
        own_postgres.up()
        wait_for(moments.MIDDLE_OF_BOOTSTRAP, run)
        kill_server(own_postgres).strike(run)
        done = run.ended()
        assert done.code == 1, done.text
        assert_nothing_left(run)
    with ExitStack() as runs:
        started = [runs.enter_context(line.running()) for _ in range(REPLICAS)]
        finished = [run.ended() for run in started]
        for run in started:
            assert_nothing_left(run)
    assert [done.code for done in finished] == [0] * REPLICAS, "\n".join(done.text for done in finished)
    assert sorted(done.out.split()[0] for done in finished) == ["Deployed"] + ["Nothing"] * (REPLICAS - 1)
    assert End.of(line.database) == end_of_first_deploy


@pytest.mark.slow
@pytest.mark.parametrize("moment", FIRST_DEPLOY[1::3], ids=str)
def test_a_first_deploy_completes_after_postgresql_was_killed(
    own_postgres: OwnPostgres, end_of_first_deploy: End, tmp_path: Path, moment: Moment
) -> None:
    line = Line(Tool(own_postgres.database()), tmp_path)
    strike(line, moment, kill_server(own_postgres))
    assert_converges(line, end_of_first_deploy)


@pytest.mark.slow
@pytest.mark.parametrize("moment", HELD, ids=str)
def test_an_upgrade_completes_after_postgresql_was_killed(
    own_postgres: OwnPostgres, deployed_there: Database, upgrade: Upgrade, tmp_path: Path, moment: Moment
) -> None:
    line = older(Tool(own_postgres.database(deployed_there)), tmp_path, upgrade.checkout)
    strike(line, moment, kill_server(own_postgres))
    assert_converges(line, upgrade.end)
