"""Connections that break, and a Directus that is overloaded: a deploy goes on, or says why not; never half done."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from directus_sync.postgres import database
from tests.chaos import moments
from tests.chaos.conftest import Upgrade, older
from tests.chaos.runs import FULL, Line, Moment, assert_converges, assert_nothing_left, locked, wait_for
from tests.chaos.servers import OwnPostgres, cable, overloaded, relay
from tests.conftest import RunningDirectus, Tool, running_directus
from tests.processes import until
from tests.snapshots import edited, set_property

CUTS = [moments.COPY_WAITS, moments.APPLY_WAITS, moments.POST_WAITS] if FULL else [moments.APPLY_WAITS]
# Half a minute without a word, then three questions without an answer; and the machine may be busy.
NOTICED_SECONDS = 90.0
BODIES = {"a proxy": b"busy", "directus": b'{"errors": [{"message": "Under pressure"}]}'}
REFUSALS = [
    ("/server/ping", "a proxy"),
    ("/schema/diff", "directus"),
    ("/schema/apply", "a proxy"),
    ("/collections", "directus"),  # the look afterwards
]
if FULL:
    REFUSALS += [
        ("/server/info", "a proxy"),
        ("/schema/diff", "a proxy"),
        ("/schema/apply", "directus"),
    ]


@pytest.mark.parametrize("moment", CUTS, ids=str)
def test_a_cut_from_the_database_leaves_nothing_half_done(upgrading: Line, upgrade: Upgrade, moment: Moment) -> None:
    with relay(int(upgrading.tool.environ["DB_PORT"])) as between:
        line = Line(upgrading.tool.with_settings(DB_PORT=str(between.port)), upgrading.folder, upgrade.checkout)
        with line.running() as run:
            with locked(upgrading.database, moment.lock):
                wait_for(moment, run)
                ports = run.ports
                assert between.cut() >= 2
                done = run.ended()
                assert done.code == 1, done.text
            assert_nothing_left(run, ports)
        assert_converges(line, upgrade.end)


def test_an_apply_that_outlives_its_connection_is_looked_into(upgrading: Line, upgrade: Upgrade) -> None:
    """Directus goes on with what nobody waits for any more."""
    moment = moments.APPLY_WAITS
    with running_directus(upgrading.tool) as running, relay(running.http.base_url.port or 0) as between:
        front = upgrading.tool.with_settings(DIRECTUS_URL=f"http://127.0.0.1:{between.port}")
        line = Line(front, upgrading.folder, upgrade.checkout)
        with line.running() as run:
            with locked(upgrading.database, moment.lock):
                wait_for(moment, run)
                assert between.cut() >= 1
            done = run.ended()
            # What it finds when it looks depends on how far Directus has come.
            assert done.code in {0, 1}, done.text
            assert done.code == 0 or "the connection was lost while Directus applied the schema" in done.err
        again = line()
        assert again.code == 0, again.text
    assert_converges(upgrading, upgrade.end)


@pytest.mark.parametrize("command", ["deploy", "push"] if FULL else ["deploy"])
@pytest.mark.parametrize(("since", "who"), REFUSALS)
def test_503_twenty_times_is_waited_for_or_named(
    directus: RunningDirectus, snapshot_file: Path, tmp_path: Path, command: str, since: str, who: str
) -> None:
    note = set_property("fields", "meta.note", f"{command} {since} {who}", collection="vehicles", field="plate")
    words = (command, "--snapshot", edited(snapshot_file, note))
    line = Line(directus.tool, tmp_path)
    before = directus.database.contents()
    with overloaded(str(directus.http.base_url).rstrip("/"), 20, since, BODIES[who]) as (front, url):
        done = Line(line.tool.with_settings(DIRECTUS_URL=url), tmp_path)(*words)
        assert (front.left == 0) == (since == "/server/ping"), front.left
        assert front.left < 20
    # Before anything is sent it waits as long as it takes; an apply that may have happened is not sent again.
    assert done.code == (0 if since == "/server/ping" else 1), done.text
    assert since != "/schema/apply" or "error[apply-failed]" in done.err
    applied = since in {"/server/ping", "/collections"}
    assert (directus.database.contents() != before) == applied
    assert done.code == 0 or ("1 change pushed" in done.err) == applied, done.err
    again = line(*words)
    assert again.code == 0, again.text


@pytest.mark.skipif(not FULL, reason="takes two minutes; make test-chaos runs it")
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="only root can take a network away")
def test_a_network_that_is_gone_ends_the_deploy_and_its_sessions(
    own_postgres: Callable[[], OwnPostgres], upgrade: Upgrade, tmp_path: Path
) -> None:
    """Nobody hears of it: no packet comes back, not even that the connection is broken."""
    moment, server = moments.POST_WAITS, own_postgres()
    with cable() as wire:
        server.let_in(wire)
        tool = Tool(server.database())
        assert Line(tool, tmp_path)().code == 0
        near = older(tool, tmp_path, upgrade.checkout)
        far = replace(near, tool=tool.with_settings(DB_HOST=wire.near), prefix=wire.prefix)
        with far.running() as run:
            with locked(near.database, moment.lock):
                wait_for(moment, run)
                ports = run.ports
                wire.unplug()
                done = run.ended(NOTICED_SECONDS)
                assert done.code == 1, done.text
                assert "error[migration-failed]" in done.err, done.text
                until(lambda: near.database.value(moments.CONNECTED) == 0, NOTICED_SECONDS)
            assert_nothing_left(run, ports)
    assert_converges(near, upgrade.end)


def test_both_ends_of_a_session_look_whether_the_other_is_there(deployed: Tool) -> None:
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


def test_options_of_a_connection_string_are_kept(deployed: Tool) -> None:
    names = ("host", "port", "database", "user", "password")
    host, port, name, user, password = (deployed.environ[f"DB_{word.upper()}"] for word in names)
    string = f"postgresql://{user}:{password}@{host}:{port}/{name}?options=-c%20work_mem%3D5MB"
    settings = deployed.with_settings(DB_CONNECTION_STRING=string).settings
    with database.connect(settings, "a test") as connection:
        shown = [database.query(connection, f"SHOW {name}") for name in ("work_mem", "lock_timeout")]
    assert shown == [[("5MB",)], [("4s",)]]
