"""The local stack with a real PostgreSQL and Directus, in a separate checkout."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.commands import finished
from tests.conftest import ROOT, Finished
from tools.devstack import cache, directus_home, extension, packages, ports
from tools.devstack.directus import Directus
from tools.devstack.stack import Stack
from tools.devstack.state import State

Stacked = Callable[..., Finished]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("docker/directus", packages.PNPM):
        shutil.copytree(ROOT / name, folder / name)
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(ROOT / extension.FOLDER, folder / extension.FOLDER, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def stacked(checkout: Path) -> Iterator[Stacked]:
    """Return a function that runs the stack's command line on the checkout. Its database has Directus's tables."""
    code = "import sys, pathlib; from tools.devstack import cli; cli.ROOT = pathlib.Path(sys.argv[1]); "
    code += "sys.exit(cli.main(sys.argv[2:]))"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "DIRECTUS_"))}

    def run(*arguments: str) -> Finished:
        command = [sys.executable, "-c", code, str(checkout), *arguments]
        return finished(command, environ)

    made = run("run", "--", "sh", "-c", "node directus_sync/directus/directus.mjs bootstrap </dev/null")
    assert made.code == 0, made.text
    yield run
    run("down")


def running(checkout: Path) -> list[str]:
    return [name for name, server in Stack(checkout).status().items() if server.running]


def test_up_starts_directus_and_down_stops_it_for_good(stacked: Stacked, checkout: Path) -> None:
    up = stacked("up")
    assert up.code == 0, up.text
    stack = Stack(checkout)
    assert running(checkout) == ["postgres", "directus"]
    assert f"Directus: {stack.directus.url}  log in as " in up.err
    # The extension of this checkout is loaded.
    assert httpx.get(f"{stack.directus.url}/trm/health").json()["missing"] == []
    token = stack.state.secrets()["ADMIN_TOKEN"]
    assert httpx.get(f"{stack.directus.url}/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    shown = stacked("run", "--no-start", "--", "sh", "-c", "echo $DIRECTUS_URL")
    assert (shown.code, shown.out.strip()) == (0, stack.directus.url), shown.text

    assert stacked("down").code == 0
    status = stacked("status")
    assert (status.code, status.out.count("not running")) == (0, 2), status.text
    asked = stacked("run", "--no-start", "--", "echo", "ran")
    assert (asked.code, asked.out) == (0, ""), asked.text
    assert running(checkout) == []


@pytest.mark.slow
def test_two_directus_that_start_at_once_get_different_ports(stacked: Stacked, tmp_path: Path) -> None:
    home = directus_home.directus_home(ROOT)
    environ = dict(
        line.split("=", 1)
        for line in stacked("run", "--", "env").out.splitlines()
        if line.startswith(("DB_", "KEY=", "SECRET="))
    )
    # Otherwise a server answers 503 while the machine is busy.
    environ["PRESSURE_LIMITER_ENABLED"] = "false"
    for number in range(10):
        wanted = ports.choose()
        servers = [Directus(State(tmp_path / f"{name}-{number}", "dev"), preferred_port=wanted) for name in ("a", "b")]
        for server in servers:
            server.state.stack.parent.mkdir()
            server.state.create()
        threads = [threading.Thread(target=server.up, args=(home, environ)) for server in servers]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len({server.url for server in servers}) == 2
            assert [httpx.get(f"{server.url}/server/ping").text for server in servers] == ["pong", "pong"]
            assert None not in [server.running() for server in servers]
        finally:
            for server in servers:
                server.down()


def test_packages_without_the_program_of_esbuild_are_not_cached(tmp_path: Path) -> None:
    packages = extension.dependencies(ROOT)
    # The program is in a package beside it, which this copy leaves out.
    shutil.copytree((packages.ensure() / "node_modules/esbuild").resolve(), tmp_path / "node_modules/esbuild")
    build = cache.Build(tmp_path, packages.path, tmp_path / "log", 0)
    with pytest.raises(cache.BuildError):
        extension._check(build)
    assert "esbuild" in build.log.read_text()
