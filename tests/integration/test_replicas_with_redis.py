"""Two Directus on one database and one Redis, like compose's profile `replicas`, but without containers.

Directus caches the schema until it learns of a change. It learns of another server's changes only through Redis.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.boots import Boot, booting
from tests.conftest import ROOT, Tool, extension_settings
from tests.processes import until
from tests.redis import program
from tests.snapshots import edited, with_firmware, without_field
from tools.devstack import ports

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "compose.dev.yaml").read_bytes())["services"]
ADDRESS = "redis:6379"
PASSWORD = "passwordofthetests"

# Slow: two complete Directus start, and a third pushes.
pytestmark = pytest.mark.slow

# In seconds. A change arrives after one or two, on a busy machine later, and without Redis never.
SOON = 30.0
TICK = "it ticks"
TICKS = 8


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis started with compose's command and probed with compose's health check; its address."""
    tmp_path = tmp_path_factory.mktemp("logs")
    folder = tmp_path / "redis"
    folder.mkdir()
    port = str(ports.choose())
    *shell, script = SERVICES["redis"]["command"]
    server = f"{shlex.quote(program('redis-server'))} --bind {ports.HOST} --port {port} -"
    start = [*shell, script.replace("$$", "$").replace("redis-server -", server)]
    _, probe, *words = SERVICES["redis"]["healthcheck"]["test"]
    ask = [program(probe), "-p", port, *words]
    environment = {**os.environ, "REDISCLI_AUTH": PASSWORD}
    with (
        (tmp_path / "redis.log").open("w") as log,
        subprocess.Popen(start, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            until(lambda: b"PONG" in subprocess.run(ask, env=environment, capture_output=True, check=False).stdout, 10)
            assert process.poll() is None, "another Redis answers at this port"
            stranger = subprocess.run(ask, env={**os.environ, "REDISCLI_AUTH": ""}, capture_output=True, check=False)
            assert b"NOAUTH" in stranger.stdout + stranger.stderr
            arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
            assert not any(PASSWORD.encode() in line for line in arguments)
            yield f"{ports.HOST}:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    assert not list(folder.iterdir()), "Redis must not write files"


@pytest.fixture(scope="module")
def tool(settled: Tool, redis: str) -> Tool:
    """The tool, with the settings that compose's `replica` has and `directus` does not."""
    alone = SERVICES["directus"]["environment"]
    added = {name: value for name, value in SERVICES["replica"]["environment"].items() if alone.get(name) != value}
    secret = re.compile(r"\$\{COMPOSE_REDIS_PASSWORD[^}]*\}")
    settings = {name: secret.sub(PASSWORD, value).replace(ADDRESS, redis) for name, value in added.items()}
    # Otherwise both answer 503 while the machine is busy.
    return settled.with_settings(PRESSURE_LIMITER_ENABLED="false", **extension_settings(), **settings)


@pytest.fixture(scope="module")
def replicas(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Boot, Boot]]:
    """Two servers that booted together. The tests are consecutive steps."""
    tmp_path = tmp_path_factory.mktemp("replicas")
    with booting(tool.environ, tmp_path) as one, booting(tool.environ, tmp_path) as other:
        until(lambda: one.serves and other.serves)
        yield one, other


def test_every_replica_learns_of_a_schema_change(tool: Tool, replicas: tuple[Boot, Boot], snapshot_file: Path) -> None:
    one, other = replicas
    assert not _knows(tool, other, "firmware")
    edited(snapshot_file, with_firmware)
    tool.with_settings(DIRECTUS_URL=_url(one)).done("push", "--snapshot", snapshot_file)
    # Wait before `check`, which makes Directus read the schema again even without Redis.
    until(lambda: _knows(tool, other, "firmware"), SOON)
    tool.with_settings(DIRECTUS_URL=_url(other)).done("check", "--snapshot", snapshot_file)

    assert not _knows(tool, one, "battery")
    _post(tool, other, "/fields/devices", field="battery", type="integer")
    until(lambda: _knows(tool, one, "battery"), SOON)

    # A newer image pushes when it starts, with a private Directus.
    assert tool("pull", "--snapshot", snapshot_file).code == 0
    edited(snapshot_file, without_field("devices", "firmware"))
    tool.done("deploy", "--snapshot", snapshot_file, "--allow-destroy", "devices.firmware")
    until(lambda: not any(_knows(tool, boot, "firmware") for boot in replicas), SOON)


def test_one_replica_runs_a_scheduled_flow_and_continues_without_the_other(
    tool: Tool, replicas: tuple[Boot, Boot]
) -> None:
    one, other = replicas
    operation = str(uuid.uuid4())
    log = {"id": operation, "key": "log", "type": "log", "options": {"message": TICK}, "position_x": 1, "position_y": 1}
    schedule = {"trigger": "schedule", "options": {"cron": "* * * * * *"}, "status": "active"}
    _post(tool, one, "/flows", name="Clock", operation=operation, operations=[log], **schedule)
    until(lambda: len(_ticks(*replicas)) >= TICKS, 30)
    ticks = _ticks(*replicas)
    # Without Redis both would run it every second. A late run is logged in the next second, and each start of a flow
    # forgets which server was first, so some doubles are allowed.
    assert len(ticks) < 1.5 * len(set(ticks)), ticks

    assert one.stop().code == -signal.SIGTERM
    before = len(_ticks(other))
    until(lambda: len(_ticks(other)) > before, 30)
    assert other.stop().code == -signal.SIGTERM


def _url(boot: Boot) -> str:
    return f"http://127.0.0.1:{boot.port}"


def _post(tool: Tool, boot: Boot, path: str, **values: object) -> None:
    headers = {"Authorization": f"Bearer {tool.settings.token}"}
    response = httpx.post(f"{_url(boot)}{path}", json=values, headers=headers, timeout=30, trust_env=False)
    assert response.status_code == 200, response.text


def _knows(tool: Tool, boot: Boot, field: str) -> bool:
    answer = boot.get(f"/items/devices?fields={field}", tool.settings.token)
    assert answer.status_code in {200, 403}, answer.text
    return answer.status_code == 200


def _ticks(*boots: Boot) -> list[str]:
    """Return the seconds in which the flow ran, according to the logs."""
    return [second for boot in boots for second in re.findall(rf"\[(\S+)\.\d+\] INFO: {TICK}", boot.output)]
