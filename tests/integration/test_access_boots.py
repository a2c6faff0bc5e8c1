"""Access in a deploy: on the fast path when nothing moved, converging when it was killed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import access_files
from tests.access_files import EVENTS, TOP
from tests.commands import finished
from tests.conftest import RunningDirectus, Serving

# Ends the process before or after its n-th request, as kill -9 does.
KILLED = """
import os, signal, sys
from directus_sync.__main__ import main
from directus_sync.directus.client import DirectusClient
moment, after = int(sys.argv.pop(1)), sys.argv.pop(1) == "after"
write, number = DirectusClient.write, 0
def counted(*arguments):
    global number
    number += 1
    if number == moment and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = write(*arguments)
    if number == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
DirectusClient.write = counted
main()
"""
# Another world: a policy and a role come, others go, and what stays changes.
PRESS_ID = "0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7b99"
OTHER_TOP = (
    TOP.replace("policies: [base, org-admin, marshal]", "policies: [org-admin, press]")
    .replace("name: Marshal,", "name: Marshals,")
    .replace("base: {id: 0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7b03, name: Base}", f"press: {{id: {PRESS_ID}, name: Press}}")
)
OTHER_EVENTS = EVENTS.replace("[id, name]", "'*'").replace("delete: true", "share: true") + (
    "public: {read: {fields: [name], rows: [{discipline: {_eq: rally}}]}}\n"
)
MOMENTS = [(number, when) for number in (1, 2, 3, 4, 5) for when in ("before", "after")]


def write(snapshot: Path, other: bool) -> None:
    top, events = (OTHER_TOP, OTHER_EVENTS) if other else (TOP, EVENTS)
    access_files.complete(snapshot, top, events=events)
    if other:
        for path in (snapshot.with_name("access") / "collections").glob("*.yaml"):
            path.write_text(path.read_text().replace("base: {}", "press: {}"))


def approved(*arguments: str | Path) -> list[str | Path]:
    return [*arguments, "--allow-destroy", "policy:base,policy:press"]


def rights(running: RunningDirectus) -> list[tuple[object, ...]]:
    return running.database.rows(
        "SELECT 'permission', policy::text, collection, action, fields FROM directus_permissions UNION ALL"
        " SELECT 'attached', role::text, policy::text, NULL, NULL FROM directus_access ORDER BY 1, 2, 3, 4"
    )


@pytest.fixture
def pushed(serve: Serving, snapshot_file: Path) -> Iterator[RunningDirectus]:
    write(snapshot_file, other=False)
    with serve("deployed", access_files.NOTHING) as running:
        running.tool.done("push", "--snapshot", snapshot_file, "--only", "access")
        yield running


@pytest.mark.parametrize(
    "moments", [MOMENTS[1:4:2], pytest.param(MOMENTS, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_a_killed_push_converges_and_never_gives_more_than_both_states(
    pushed: RunningDirectus, snapshot_file: Path, moments: list[tuple[int, str]]
) -> None:
    seen, other = rights(pushed), False
    for moment, when in moments:
        other = not other
        write(snapshot_file, other)
        command = approved("push", "--snapshot", snapshot_file, "--only", "access")
        killed = finished([sys.executable, "-c", KILLED, str(moment), when, *map(str, command)], pushed.tool.environ)
        assert killed.code == -signal.SIGKILL, killed.text
        halfway = rights(pushed)
        pushed.tool.done(*command)
        after = rights(pushed)
        assert set(halfway) <= {*seen, *after}, (moment, when)
        pushed.tool.done("diff", "--snapshot", snapshot_file, "--only", "access")
        seen = after
