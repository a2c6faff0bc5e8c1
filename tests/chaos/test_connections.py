"""The tool's own sessions: their TCP settings, and the options of a connection string."""

from __future__ import annotations

import os
import socket

from directus_sync.postgres import database
from tests.conftest import Tool


def test_both_ends_of_a_session_use_tcp_keepalive(deployed: Tool) -> None:
    names = ("idle", "interval", "count")
    with (
        database.connect(deployed.settings, "a test") as connection,
        socket.socket(fileno=os.dup(connection.fileno())) as ours,
    ):
        told = [database.query(connection, f"SHOW tcp_keepalives_{name}") for name in names]
        told.append(database.query(connection, "SHOW tcp_user_timeout"))
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        set_here = [ours.getsockopt(socket.IPPROTO_TCP, option) for option in options]
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert set_here == [30, 10, 3, 60_000]
    assert told == [[("30",)], [("10",)], [("3",)], [("60000",)]]


def test_the_tool_keeps_options_of_a_connection_string(deployed: Tool) -> None:
    names = ("host", "port", "database", "user", "password")
    host, port, name, user, password = (deployed.environ[f"DB_{word.upper()}"] for word in names)
    string = f"postgresql://{user}:{password}@{host}:{port}/{name}?options=-c%20work_mem%3D5MB"
    settings = deployed.with_settings(DB_CONNECTION_STRING=string).settings
    with database.connect(settings, "a test") as connection:
        shown = [database.query(connection, f"SHOW {name}") for name in ("work_mem", "lock_timeout")]
    assert shown == [[("5MB",)], [("4s",)]]


def test_deploy_uses_the_writable_one_of_several_hosts(deployed: Tool) -> None:
    """Directus's driver supports only one host, and gets the one that the tool connected to."""
    host, port, name, user, password = (
        deployed.environ[f"DB_{word}"] for word in ("HOST", "PORT", "DATABASE", "USER", "PASSWORD")
    )
    string = f"postgresql://{user}:{password}@{host}:1,{host}:{port}/{name}?target_session_attrs=read-write"
    several = deployed.with_settings(DB_CONNECTION_STRING=string)
    deployed.database.execute("DELETE FROM directus_sync.deploys; DROP INDEX directus_activity_timestamp_index")
    done = several("deploy", "--discard-live", "directus_activity.timestamp")
    assert done.code == 0, done.text
    assert several("deploy").out.startswith("Nothing to do")
