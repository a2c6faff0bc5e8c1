"""However a deploy ends, its private Directus ends with it, and the next deploy completes."""

from __future__ import annotations

import os
import signal
import socket
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from directus_sync import attic
from directus_sync.directus import channel, installation, server, worker
from directus_sync.errors import PrivateServerFailed
from directus_sync.postgres import database, lock
from directus_sync.state import fingerprint
from tests.conftest import Tool
from tests.processes import until

_until = partial(until, seconds=30)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in listed]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
@pytest.mark.parametrize(
    ("worker", "verb"),
    [("auto", "work"), pytest.param("off", "start", marks=pytest.mark.slow)],
    ids=["worker", "whole"],
)
def test_the_private_server_of_a_deploy_ends_with_the_tool(
    deployed: Tool, worker: str, verb: str, number: signal.Signals, code: int
) -> None:
    # Otherwise nothing has changed, and neither is started.
    deployed.database.execute("TRUNCATE directus_sync.deploys")
    _interrupt(deployed.with_settings(DIRECTUS_SYNC_WORKER=worker), verb, number, code)


@pytest.mark.slow
def test_a_bootstrap_ends_with_a_killed_tool_and_the_next_deploy_completes(empty: Tool) -> None:
    _interrupt(empty.with_settings(DIRECTUS_SYNC_WORKER="off"), "bootstrap", signal.SIGKILL, -signal.SIGKILL)
    empty.done("deploy")


def _interrupt(tool: Tool, verb: str, number: signal.Signals, code: int) -> None:
    process = tool.start("deploy")
    _until(lambda: any(f"directus.mjs {verb}" in _command(child) for child in _children(process.pid)))
    children = _children(process.pid)

    process.send_signal(number)
    done = tool.wait_for(process, timeout=10)

    assert done.code == code, done.text
    _until(lambda: not any("directus.mjs" in _command(child) for child in children), seconds=5)
    _until(lambda: "lock       free" in tool("status").out, seconds=5)


def test_a_killed_private_directus_is_not_reported_as_a_wrong_setting(
    settled: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "RETRY_ATTEMPTS", 2)  # otherwise it retries for ten seconds
    with database.connect(settled.settings, "test") as connection:
        administrator = installation.administrator(connection, settled.settings)
        choice = worker.choose(settled.settings, connection)
    others = _children(os.getpid())

    def ask_a_dead_one() -> None:
        with server.private(settled.settings, administrator, choice) as directus:
            (node,) = set(_children(os.getpid())) - set(others)
            os.kill(node, signal.SIGKILL)
            directus.snapshot()

    with pytest.raises(PrivateServerFailed, match="the schema worker was killed by SIGKILL, and was still needed"):
        ask_a_dead_one()


@pytest.mark.slow
def test_sigterm_ends_a_deploy_that_waits_for_a_silent_server(settled: Tool) -> None:
    """libpq waits four seconds for the server, and Python's signal handlers run only afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = settled.with_settings(DB_PORT=str(silent.getsockname()[1])).start("deploy")
        silent.settimeout(30)
        with silent.accept()[0]:
            process.send_signal(signal.SIGTERM)
            done = settled.wait_for(process, timeout=10)
    assert done.code == 143, done.text
    assert done.err == "interrupted; what was finished stays, and running again is safe\n"


def test_a_deploy_reports_a_terminated_session_and_the_next_one_completes(settled: Tool) -> None:
    with settled.database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (lock.LOCK_KEY,))
        process = settled.start("deploy")
        # The session that waits for the lock. An earlier session only checked whether anything changed.
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE %s AND query ~ '^SELECT (pg_try_advisory_lock|EXISTS \\(SELECT FROM \\()'"
        )
        _until(lambda: settled.database.rows(end, f"directus-sync deploy %:{process.pid}"))
        done = settled.wait_for(process, timeout=10)
    assert done.code == 1, done.text
    assert "error[database-failed]" in done.err
    assert "running again is safe" in done.err
    assert settled("deploy").out.startswith("Nothing to do")


def test_the_next_deploy_removes_the_triggers_of_a_killed_push(deployed: Tool) -> None:
    """The killed push left triggers, although the next deploy has nothing to push."""
    with database.connect(deployed.settings, "a run that is killed") as connection:
        copies = attic.keep(connection, (attic.AtticItem("devices"),), attic.Taking(uuid4(), "push", ""))
    triggers = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'devices'::regclass AND NOT tgisinternal"
    assert len(copies) == 1
    assert deployed.database.rows(triggers) != []
    deployed.done("deploy")
    assert deployed.database.rows(triggers) == []
    with database.connect(deployed.settings, "a test") as connection:
        assert fingerprint.unmoved(connection, deployed.settings) is not None
