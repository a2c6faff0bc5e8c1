"""Boots: `deploy` against the chain that it replaces."""

from __future__ import annotations

from contextlib import contextmanager

from tools.bench import commands, templates
from tools.bench.bench_setup import BenchSetup
from tools.bench.result import Peer
from tools.bench.scenario import Contestant
from tools.bench.scenarios.parts import Setup, fresh, steady

UNIQUE = ("SELECT count(*) FROM pg_constraint WHERE conname = 'entries_event_id_race_number_key'", 1)
NOTED = (f"SELECT count(*) FROM directus_fields WHERE note = '{templates.NOTE}'", 1)


@contextmanager
def idle(bench: BenchSetup) -> Setup:
    """Deploy to a database that is up to date, as a container does when it starts."""
    mine, theirs = templates.deployed(bench), templates.chained(bench)
    with bench.databases.fresh(mine) as left, bench.databases.fresh(theirs) as right:
        deploy = commands.boot(bench, left)
        chain = commands.chain(bench, right, templates.committed(bench).yaml)
        # The first boot on a copy may still record something; later ones find nothing to do.
        bench.run(deploy)
        bench.run(chain)
        yield Contestant(Peer.OURS, steady(deploy)), Contestant(Peer.CHAIN, steady(chain))


@contextmanager
def first(bench: BenchSetup, *, whole: bool) -> Setup:
    """Deploy to an empty database. whole: also deploy access and resources, which the chain does not."""
    templates.prepare_chain(bench)
    snapshot = templates.committed(bench).yaml
    mine = snapshot if whole else templates.without_access(bench).yaml
    yield (
        Contestant(
            Peer.OURS, fresh(bench, None, lambda name: commands.ours(bench, name, "deploy", "--snapshot", mine), UNIQUE)
        ),
        Contestant(Peer.CHAIN, fresh(bench, None, lambda name: commands.chain(bench, name, snapshot), UNIQUE)),
    )


@contextmanager
def changed(bench: BenchSetup) -> Setup:
    """Deploy a snapshot in which one note differs."""
    mine, theirs = templates.deployed(bench), templates.chained(bench)
    snapshot = templates.changed(bench).yaml
    yield (
        Contestant(
            Peer.OURS,
            fresh(bench, mine, lambda name: commands.ours(bench, name, "deploy", "--snapshot", snapshot), NOTED),
        ),
        Contestant(Peer.CHAIN, fresh(bench, theirs, lambda name: commands.chain(bench, name, snapshot), NOTED)),
    )
