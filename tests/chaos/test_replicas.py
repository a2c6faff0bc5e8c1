"""Eight replicas boot at once, twenty times: one does the work, all come up, and the end is the same each time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.boots import booting
from tests.chaos.moments import MIDDLE_OF_BOOTSTRAP
from tests.chaos.runs import FULL, End, Line, Run, assert_nothing_left, kill_tool, wait_for
from tests.conftest import Cloning, Finished, Tool
from tests.processes import until

REPLICAS = 8
ROUNDS = 20
WORK = "SELECT count(*) FROM directus_sync.deploys WHERE changes > 0 OR revisions > 0"


def _pre_only(clone: Cloning, _: Path) -> Tool:
    tool = Tool(clone("empty"))
    assert tool.alembic("upgrade", "pre_0003").code == 0
    return tool


def _half_bootstrapped(clone: Cloning, folder: Path) -> Tool:
    """Directus can't go on with such a one by itself: it takes tables for a finished installation."""
    line = Line(Tool(clone("empty")), folder)
    with line.running() as run:
        wait_for(MIDDLE_OF_BOOTSTRAP, run)
        kill_tool(run)
        run.process.wait()
        assert_nothing_left(run, set())
    return line.tool


def _bootstrapped(clone: Cloning, _: Path) -> Tool:
    return Tool(clone("bootstrapped"))


def _post_missing(clone: Cloning, _: Path) -> Tool:
    tool = Tool(clone("deployed"))
    assert tool.alembic("downgrade", "post@base").code == 0
    return tool


def _post_half_done(clone: Cloning, folder: Path) -> Tool:
    tool = _bootstrapped(clone, folder)
    assert tool("push").code == 0
    assert tool.alembic("upgrade", "post_0001").code == 0
    return tool


HALF_MIGRATED = (_post_missing, _pre_only, _half_bootstrapped, _bootstrapped, _post_half_done)


def _boot(tool: Tool, folder: Path) -> list[Finished]:
    line = Line(tool, folder)
    with ExitStack() as runs:
        started: list[Run] = [runs.enter_context(line.running()) for _ in range(REPLICAS)]
        finished = [run.ended() for run in started]
        for run in started:
            assert_nothing_left(run, set())
    return finished


@pytest.mark.parametrize("round_", range(ROUNDS if FULL else 1))
def test_replicas_of_an_empty_database(first_deploy: Line, end_of_first_deploy: End, round_: int) -> None:
    _assert_one_works(first_deploy.tool, first_deploy.folder, end_of_first_deploy)


@pytest.mark.parametrize("round_", range(ROUNDS if FULL else 1))
def test_replicas_of_a_half_migrated_database(
    clone: Cloning, end_of_first_deploy: End, tmp_path: Path, round_: int
) -> None:
    tool = HALF_MIGRATED[round_ % len(HALF_MIGRATED)](clone, tmp_path)
    _assert_one_works(tool, tmp_path, end_of_first_deploy)


@pytest.mark.parametrize("round_", range(ROUNDS if FULL else 1))
def test_replicas_of_a_current_database(deployed: Tool, end_of_first_deploy: End, tmp_path: Path, round_: int) -> None:
    finished = _boot(deployed, tmp_path)
    assert {(done.code, done.out[:13], done.err) for done in finished} == {(0, "Nothing to do", "")}
    assert deployed.database.value("SELECT count(*) FROM directus_sync.deploys") == 1
    assert End.of(deployed.database) == end_of_first_deploy


@pytest.mark.skipif(not FULL, reason="eight servers take minutes; make test-chaos runs it")
@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("state", ["empty", "half-migrated", "current"])
def test_all_replicas_serve(clone: Cloning, end_of_first_deploy: End, tmp_path: Path, state: str, round_: int) -> None:
    if state == "half-migrated":
        tool = HALF_MIGRATED[round_ % len(HALF_MIGRATED)](clone, tmp_path)
    else:
        tool = Tool(clone("empty" if state == "empty" else "deployed"))
    with ExitStack() as boots:
        booted = [boots.enter_context(booting(tool.environ, tmp_path)) for _ in range(REPLICAS)]
        until(lambda: all(boot.serves for boot in booted), 600)
        assert sum("Deployed in" in boot.output for boot in booted) == (state != "current")
        assert End.of(tool.database) == end_of_first_deploy


def _assert_one_works(tool: Tool, folder: Path, end: End) -> None:
    before = _works(tool)
    finished = _boot(tool, folder)
    assert [done.code for done in finished] == [0] * REPLICAS, "\n".join(done.text for done in finished)
    assert sorted(done.out.split()[0] for done in finished) == ["Deployed"] + ["Nothing"] * (REPLICAS - 1)
    assert _works(tool) == before + 1
    assert End.of(tool.database) == end


def _works(tool: Tool) -> int:
    """How many deploys changed something."""
    if not tool.database.value("SELECT to_regclass('directus_sync.deploys') IS NOT NULL"):
        return 0
    return int(tool.database.value(WORK))
