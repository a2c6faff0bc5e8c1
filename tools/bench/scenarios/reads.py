"""`diff` and `pull` if nothing differs and no Directus is running, against Directus's command line."""

from __future__ import annotations

from contextlib import contextmanager

from tools.bench import commands, templates
from tools.bench.arena import Arena
from tools.bench.result import Peer
from tools.bench.scenario import Contestant
from tools.bench.scenarios.parts import Setup, steady


@contextmanager
def idle(verb: str, arena: Arena) -> Setup:
    """Compare or capture a schema that has not changed since this tool's last run."""
    snapshot = templates.committed(arena).yaml
    arguments = {"diff": ("apply", "--dry-run", snapshot), "pull": ("snapshot", "--yes", arena.folder / "captured")}
    with arena.databases.fresh(templates.deployed(arena)) as name:
        ours = commands.ours(arena, name, verb, "--snapshot", snapshot)
        arena.run(ours)
        theirs = commands.cli(arena, name, "schema", *arguments[verb])
        yield Contestant(Peer.OURS, steady(ours)), Contestant(Peer.CLI, steady(theirs))
