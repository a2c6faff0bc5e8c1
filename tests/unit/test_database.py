"""The connection to PostgreSQL: errors, waiting, and the connection string that Directus gets.

Nothing listens on the ports used here.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import psycopg2
import pytest
from psycopg2 import extensions

from directus_sync.errors import DatabaseUnavailable
from directus_sync.postgres import database
from directus_sync.settings import Settings

Load = Callable[..., Settings]


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def refusal(settings: Settings) -> str:
    with pytest.raises(DatabaseUnavailable) as caught, database.connect(settings, "test"):
        pytest.fail("there is no database")
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_an_unreachable_database_is_named(load: Load, closed_port: str) -> None:
    message = refusal(load(DB_HOST="127.0.0.1", DB_PORT=closed_port, DIRECTUS_SYNC_DB_WAIT="0"))
    assert f"127.0.0.1:{closed_port}/trm" in message
    assert "DB_HOST and DB_PORT" in message
    assert "db-pass-1" not in message


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_wait_is_announced_once(load: Load, closed_port: str, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The name of a container cannot be resolved until the container runs."""
    settings = load(DB_HOST=host, DB_PORT=closed_port, DIRECTUS_SYNC_DB_WAIT="0.5")
    with (
        pytest.raises(DatabaseUnavailable, match=host.partition(".")[0]),
        database.connect(settings, "test"),
    ):
        pytest.fail("there is no database")
    assert capsys.readouterr().err == "Waiting for PostgreSQL\n"


@pytest.mark.parametrize(
    "string",
    [
        "postgresql://u:hunter22%zz@127.0.0.1/d",
        "host=127.0.0.1 password=hunter22 nonsense",
        "host=127.0.0.1 hunter22=x",
        "postgresql://u:pw@127.0.0.1:{port}/d?hunter22=1",
        "postgresql://u:hunter22#x@127.0.0.1:{port}/d",
        "postgresql://u:hunter22/x@127.0.0.1:{port}/d",
    ],
)
def test_an_error_never_shows_the_password_in_a_connection_string(load: Load, closed_port: str, string: str) -> None:
    string = string.replace("{port}", closed_port)
    assert "hunter22" not in refusal(load(DB_CONNECTION_STRING=string, DIRECTUS_SYNC_DB_WAIT="0"))


@pytest.mark.parametrize(
    ("string", "host", "single", "options"),
    [
        (
            "postgresql://u:p%40ss@one:1,two:2/trm?target_session_attrs=read-write&sslmode=require",
            "two",
            "postgresql://u:p%40ss@two:5433/trm?sslmode=require",
            None,
        ),
        ("host=one,::1 user=u password=p@ss dbname=trm", "::1", "postgresql://u:p%40ss@[::1]:5433/trm", None),
        ("host=/run/pg user=u dbname=trm", "/run/pg", "postgresql://u:p%40ss@%2Frun%2Fpg:5433/trm", None),
        (
            "postgresql://u:p%40ss@one/trm?options=-c%20work_mem%3D5MB",
            "one",
            "postgresql://u:p%40ss@one:5433/trm",
            "-c work_mem=5MB",
        ),
    ],
)
def test_directus_gets_a_connection_string_that_its_driver_can_read(
    load: Load, string: str, host: str, single: str, options: str | None
) -> None:
    info = SimpleNamespace(host=host, port=5433, dbname="trm", user="u", password="p@ss")
    settings = load(DB_CONNECTION_STRING=string)
    found = database.for_directus(settings, Mock(info=info))
    assert found.environ["DB_CONNECTION_STRING"] == single
    assert found.environ.get("PGOPTIONS") == options
    # The tool itself keeps all hosts.
    assert found.database == settings.database


@pytest.mark.parametrize("given", [{}, {"DB_CONNECTION_STRING": "postgresql://u:p@one:1/trm?sslmode=require"}])
def test_settings_that_directus_s_driver_can_read_are_passed_unchanged(load: Load, given: dict[str, str]) -> None:
    settings = load(**given)
    assert database.for_directus(settings, Mock()) is settings


def test_a_second_session_has_the_same_timeout_as_the_first() -> None:
    """libpq's timeout works only while libpq itself waits, so the test sets a wait callback."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        info = SimpleNamespace(
            host="127.0.0.1",
            port=silent.getsockname()[1],
            password="",
            dsn_parameters={"dbname": "trm", "user": "trm", "connect_timeout": "2"},
        )
        extensions.set_wait_callback(database._wait)  # as while a connection is open
        try:
            with pytest.raises(psycopg2.OperationalError, match="timeout expired"):
                database.second_session(cast("database.Connection", SimpleNamespace(info=info)), "keeper")
            assert extensions.get_wait_callback() is database._wait
        finally:
            extensions.set_wait_callback(None)
