"""Starting a temporary Directus: the errors, its environment and its socket. A script stands in for Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from directus_sync.directus import bootstrap, installation, server, sockets
from directus_sync.directus.installation import Administrator
from directus_sync.errors import BootstrapFailed, PrivateServerFailed, WrongSettings
from directus_sync.postgres import database
from directus_sync.settings import Settings

Load = Callable[..., Settings]
ADMINISTRATOR = Administrator("6f2b5c1e-0d3a-5b8e-9a51-3c0d5f6b7b00", None)


def node(folder: Path, script: str) -> str:
    """Write a script as `node` and return a PATH that finds it."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "node"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


def test_a_missing_node_is_named(load: Load, home: Path) -> None:
    with pytest.raises(WrongSettings, match="no `node` on PATH"):
        bootstrap.bootstrap(load(DIRECTUS_HOME=str(home), PATH=str(home)))


def test_a_failed_bootstrap_shows_the_end_of_its_output(load: Load, home: Path) -> None:
    path = node(home, "for n in $(seq 1 40); do echo line $n; done; exit 3")
    with pytest.raises(BootstrapFailed) as caught:
        bootstrap.bootstrap(load(DIRECTUS_HOME=str(home), PATH=path))
    message = str(caught.value)
    assert "ended with status 3" in message
    assert "line 40" in message
    assert "line 1\n" not in message


def test_a_private_directus_that_ends_early_fails_at_once(load: Load, home: Path) -> None:
    settings = load(DIRECTUS_HOME=str(home), PATH=node(home, "echo no such table; exit 1"))
    with pytest.raises(PrivateServerFailed) as caught, server.private(settings, ADMINISTRATOR):
        pytest.fail("there is no server")
    assert "ended with status 1" in str(caught.value)
    assert "no such table" in str(caught.value)


def test_a_private_directus_that_never_answers_is_stopped(load: Load, home: Path) -> None:
    pid = home / "pid"
    settings = load(
        DIRECTUS_HOME=str(home), PATH=node(home, f"echo $$ > {pid}; exec sleep 60"), DIRECTUS_SYNC_DIRECTUS_WAIT="0.5"
    )
    with pytest.raises(PrivateServerFailed) as caught, server.private(settings, ADMINISTRATOR):
        pytest.fail("there is no server")
    assert "did not answer within 0.5 s" in str(caught.value)
    assert "DIRECTUS_SYNC_DIRECTUS_WAIT" in str(caught.value)
    assert not Path("/proc", pid.read_text(encoding="utf-8").strip()).exists()


def test_a_loaded_directus_waits_until_it_is_started(load: Load, home: Path) -> None:
    path = node(home, "echo loaded; cat; echo started; exit 1")
    settings = load(DIRECTUS_HOME=str(home), PATH=path)
    with server.loading(settings) as loaded:
        with pytest.raises(subprocess.TimeoutExpired):
            loaded.process.wait(0.3)
        with pytest.raises(PrivateServerFailed) as caught, server.private(settings, ADMINISTRATOR, loaded=loaded):
            pytest.fail("there is no server")
    assert "loaded\n         started" in str(caught.value)


def test_a_loaded_directus_that_ended_is_replaced(load: Load, home: Path) -> None:
    path = node(home, f"echo one >> {home}/starts; exit 1")
    settings = load(DIRECTUS_HOME=str(home), PATH=path)
    with server.loading(settings) as loaded:
        loaded.process.wait(10)
        with pytest.raises(PrivateServerFailed), server.private(settings, ADMINISTRATOR, loaded=loaded):
            pytest.fail("there is no server")
    assert (home / "starts").read_text(encoding="utf-8") == "one\n" * 2


@pytest.mark.parametrize("own", ["", "-c work_mem=8MB"])
def test_directus_s_sessions_end_when_it_is_killed_and_see_only_the_schema_public(
    load: Load, home: Path, own: str
) -> None:
    path = node(home, f'echo "$PGOPTIONS" > {home}/options; exit 1')
    with pytest.raises(BootstrapFailed):
        bootstrap.bootstrap(load(DIRECTUS_HOME=str(home), PATH=path, PGOPTIONS=own))
    options = (home / "options").read_text(encoding="utf-8").strip()
    assert options == f"{own} {database.WHEN_CLIENT_IS_GONE} -c search_path=public,pg_temp".strip()


def test_a_loaded_directus_that_is_not_needed_is_stopped(load: Load, home: Path) -> None:
    with server.loading(load(DIRECTUS_HOME=str(home), PATH=node(home, "exec cat"))) as loaded:
        assert loaded.process.poll() is None
    assert loaded.process.returncode is not None


@pytest.mark.parametrize(
    ("limit", "used", "room"),
    [("max", "0", True), (str(2 << 30), str(1 << 30), True), (str(2 << 30), str(3 << 29), False)],
)
def test_two_directus_run_at_once_only_if_there_is_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, used: str, room: bool
) -> None:
    files = (tmp_path / "memory.max", tmp_path / "memory.current")
    for file, text in zip(files, (limit, used), strict=True):
        file.write_text(f"{text}\n", encoding="ascii")
    monkeypatch.setattr(bootstrap, "_LIMITS", (files, (tmp_path / "none", tmp_path / "none")))
    assert bootstrap.has_room_for_two() is room


def test_directus_gets_the_settings_and_does_not_see_alembic_s_tables(load: Load, home: Path) -> None:
    path = node(home, f"env > {home}/environment; echo $2 > {home}/verb")
    bootstrap.bootstrap(load(DIRECTUS_HOME=str(home), PATH=path, DB_CLIENT="mysql", TELEMETRY="true"))
    environment = (home / "environment").read_text(encoding="utf-8").splitlines()
    assert "DB_HOST=db.example" in environment
    assert "DB_CLIENT=pg" in environment
    assert "TELEMETRY=false" in environment
    assert "DB_EXCLUDE_TABLES=spatial_ref_sys,sysdiagrams,positions,last_positions,recompute_requests" in environment
    assert (home / "verb").read_text(encoding="utf-8") == "bootstrap\n"


def test_a_long_tmpdir_does_not_make_the_sockets_path_too_long(
    load: Load, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with server.loading(load(DIRECTUS_HOME=str(home), PATH=node(home, "exec cat"))) as loaded:
        assert len(bytes(loaded.socket)) <= 107
        assert loaded.socket.parent.stat().st_mode & 0o777 == 0o700


def test_a_named_pipe_among_the_socket_folders_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    pipe = short / f"{sockets.PREFIX}pipe"
    os.mkfifo(pipe)
    os.utime(pipe, (0, 0))

    def make() -> None:
        with sockets.folder():
            pass

    making = threading.Thread(target=make, daemon=True)
    making.start()
    making.join(5)
    assert not making.is_alive()
    shutil.rmtree(short)


def test_the_folder_of_a_killed_run_is_removed_by_the_next_run(
    load: Load, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    left, fresh = short / f"{sockets.PREFIX}left", short / f"{sockets.PREFIX}fresh"
    for folder in (left, fresh):
        folder.mkdir()
        (folder / "directus.sock").touch()
    os.utime(left, (0, 0))
    settings = load(DIRECTUS_HOME=str(home), PATH=node(home, "exec cat"))
    with server.loading(settings) as running:
        os.utime(running.socket.parent, (0, 0))
        with server.loading(settings) as another:
            assert not left.exists()
            assert fresh.exists()
            assert running.socket.parent.exists()
            assert another.socket.parent != running.socket.parent
    shutil.rmtree(short)


def test_the_installed_version_is_read_from_package_json(load: Load, home: Path) -> None:
    assert installation.version(load(DIRECTUS_HOME=str(home))) == "11.17.4"


def test_the_error_without_url_and_home_names_both(load: Load) -> None:
    with pytest.raises(WrongSettings) as caught:
        installation.version(load())
    assert "DIRECTUS_URL" in str(caught.value)
    assert "DIRECTUS_HOME" in str(caught.value)


def test_a_home_without_directus_is_named(load: Load, tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"no cli\.js") as caught:
        installation.version(load(DIRECTUS_HOME=str(tmp_path)))
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json"])
def test_a_home_with_a_broken_package_is_named(load: Load, home: Path, content: str) -> None:
    (home / "package.json").write_text(content, encoding="utf-8")
    with pytest.raises(WrongSettings) as caught:
        installation.version(load(DIRECTUS_HOME=str(home)))
    assert caught.value.where == str(home / "package.json")
