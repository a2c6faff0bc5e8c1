"""Eight replicas boot at once: one deploys, all serve, and the end is always the same."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.boots import booting
from tests.chaos.runs import End
from tests.conftest import Cloning, Tool
from tests.processes import until

REPLICAS = 8


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(3))
@pytest.mark.parametrize("stage", ["empty", "bootstrapped", "deployed"])
def test_all_simultaneous_replicas_serve(
    clone: Cloning, end_of_first_deploy: End, tmp_path: Path, stage: str, round_: int
) -> None:
    tool = Tool(clone(stage))
    with ExitStack() as boots:
        booted = [boots.enter_context(booting(tool.environ, tmp_path)) for _ in range(REPLICAS)]
        until(lambda: all(boot.serves for boot in booted), 600)
        assert sum("Deployed in" in boot.output for boot in booted) == (stage != "deployed")
        assert End.of(tool.database) == end_of_first_deploy
