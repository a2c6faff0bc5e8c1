"""The primary is lost during a deploy, and its standby is promoted. The next deploy completes there.

Replication is asynchronous, so the primary's last commits may be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from directus_sync import errors
from tests.chaos import moments
from tests.chaos.blows import Blow, strike
from tests.chaos.conftest import Upgrade, older
from tests.chaos.moments import HELD, Moment, says
from tests.chaos.runs import End, Line, assert_converges
from tests.chaos.servers import OwnPostgres
from tests.chaos.standby import Pair, pair
from tests.chaos.test_blows import assert_no_value_is_lost
from tests.conftest import Database, Finished, Tool

PUSHING = [Moment("pushing", says("Pushing")), Moment("pushed", says("Pushed"))]
# The errors for a lost database, by the part of the deploy that noticed it.
LOST: Final = (
    *(errors.DatabaseFailed, errors.DatabaseUnavailable, errors.MigrationFailed, errors.CatalogDrift),
    *(errors.AtticFailed, errors.ApplyFailed, errors.DirectusUnavailable, errors.PrivateServerFailed),
    errors.BootstrapFailed,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def source(own_postgres: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[OwnPostgres, Database]:
    """A server with a deployed database, to be copied."""
    database = own_postgres.database()
    done = Line(Tool(database), tmp_path_factory.mktemp("deployed"))()
    assert done.code == 0, done.text
    return own_postgres, database


@pytest.fixture
def servers(source: tuple[OwnPostgres, Database], tmp_path: Path) -> Iterator[Pair]:
    """A primary with a deployed database, and its standby."""
    with pair(tmp_path, source[0]) as made:
        yield made


def deploy_with_failover(line: Line, servers: Pair, moment: Moment) -> Finished:
    """Deploy, and lose the primary at a given moment."""
    servers.wait_until_equal()
    return strike(line, moment, Blow("failover", lambda _: servers.fail_over(), (1,)))


def assert_it_names_the_loss(done: Finished) -> None:
    (found,) = re.findall(r"^error\[([a-z-]+)\]", done.err, re.M)
    assert found in {error.id for error in LOST}, done.text
    assert re.search("connection|ECONN|no longer answers|shut(ting)? down|server closed", done.err), done.text
    assert "run again" in done.err or "running again is safe" in done.err, done.text


@pytest.mark.parametrize("moment", [*HELD, *PUSHING], ids=str)
def test_an_upgrade_completes_on_the_promoted_standby(
    source: tuple[OwnPostgres, Database], servers: Pair, upgrade: Upgrade, tmp_path: Path, moment: Moment
) -> None:
    line = older(servers.tool(source[1].name), tmp_path, upgrade.checkout)
    done = deploy_with_failover(line, servers, moment)
    assert_it_names_the_loss(done)
    assert_no_value_is_lost(line)
    assert_converges(line, upgrade.end)


def test_a_first_deploy_completes_on_the_promoted_standby(
    servers: Pair, end_of_first_deploy: End, tmp_path: Path
) -> None:
    Database("postgres", servers.primary.environ).execute("CREATE DATABASE new")
    tool = servers.tool("new")
    line = Line(tool, tmp_path)
    whole = Line(tool.with_settings(DIRECTUS_SYNC_WORKER="off"), tmp_path)
    done = deploy_with_failover(whole, servers, moments.MIDDLE_OF_BOOTSTRAP)
    assert_it_names_the_loss(done)
    assert_converges(line, end_of_first_deploy)
