"""The private Directus loads faster than Node alone would, and loads the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMPARE = Path(__file__).parent.parent / "fixtures" / "compare_hooks.mjs"
PROGRAM = ROOT / "directus_sync" / "directus" / "directus.mjs"


@pytest.mark.parametrize("verb", ["start", pytest.param("bootstrap", marks=pytest.mark.slow)])
def test_modules_are_resolved_as_node_does(stack_environ: dict[str, str], verb: str) -> None:
    done = subprocess.run(
        ["node", "--import", COMPARE, PROGRAM, verb],
        env=stack_environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["different"] == []
    # Without the hooks each of them costs Node a millisecond.
    assert found["answered"] > 200
    assert found["asked"] < 10
