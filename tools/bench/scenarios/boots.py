"""Boots: `deploy` against the chain that it replaces."""

from __future__ import annotations

from contextlib import contextmanager

from tools.bench import commands, templates
from tools.bench.arena import Arena
from tools.bench.result import Peer
from tools.bench.scenario import Contestant
from tools.bench.scenarios.parts import Setup, fresh, steady

UNIQUE = ("SELECT count(*) FROM pg_constraint WHERE conname = 'entries_event_id_race_number_key'", 1)
NOTED = (f"SELECT count(*) FROM directus_fields WHERE note = '{templates.NOTE}'", 1)


@contextmanager
def idle(arena: Arena) -> Setup:
    """Deploy to a database that is up to date, as a container does when it starts."""
    mine, theirs = templates.deployed(arena), templates.chained(arena)
    with arena.databases.fresh(mine) as left, arena.databases.fresh(theirs) as right:
        deploy = commands.boot(arena, left)
        chain = commands.chain(arena, right, templates.committed(arena).yaml)
        # The first boot on a copy may still record something; later ones find nothing to do.
        arena.run(deploy)
        arena.run(chain)
        yield Contestant(Peer.OURS, steady(deploy)), Contestant(Peer.CHAIN, steady(chain))


@contextmanager
def first(arena: Arena, *, whole: bool) -> Setup:
    """Deploy to an empty database. whole: also deploy access and resources, which the chain does not."""
    templates.prepare_chain(arena)
    snapshot = templates.committed(arena).yaml
    mine = snapshot if whole else templates.alone(arena).yaml
    yield (
        Contestant(
            Peer.OURS, fresh(arena, None, lambda name: commands.ours(arena, name, "deploy", "--snapshot", mine), UNIQUE)
        ),
        Contestant(Peer.CHAIN, fresh(arena, None, lambda name: commands.chain(arena, name, snapshot), UNIQUE)),
    )


@contextmanager
def changed(arena: Arena) -> Setup:
    """Deploy a snapshot in which one note differs."""
    mine, theirs = templates.deployed(arena), templates.chained(arena)
    snapshot = templates.changed(arena).yaml
    yield (
        Contestant(
            Peer.OURS,
            fresh(arena, mine, lambda name: commands.ours(arena, name, "deploy", "--snapshot", snapshot), NOTED),
        ),
        Contestant(Peer.CHAIN, fresh(arena, theirs, lambda name: commands.chain(arena, name, snapshot), NOTED)),
    )
