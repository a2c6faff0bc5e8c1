"""`diff` and `pull` if nothing differs and no Directus is running, against Directus's command line."""

from __future__ import annotations

from contextlib import contextmanager

from tools.bench import commands, templates
from tools.bench.bench_setup import BenchSetup
from tools.bench.result import Peer
from tools.bench.scenario import Contestant
from tools.bench.scenarios.parts import Setup, steady


@contextmanager
def idle(verb: str, bench: BenchSetup) -> Setup:
    """Compare or capture a schema that has not changed since this tool's last run."""
    snapshot = templates.committed(bench).yaml
    arguments = {"diff": ("apply", "--dry-run", snapshot), "pull": ("snapshot", "--yes", bench.folder / "captured")}
    with bench.databases.fresh(templates.deployed(bench)) as name:
        ours = commands.ours(bench, name, verb, "--snapshot", snapshot)
        bench.run(ours)
        theirs = commands.cli(bench, name, "schema", *arguments[verb])
        yield Contestant(Peer.OURS, steady(ours)), Contestant(Peer.CLI, steady(theirs))
