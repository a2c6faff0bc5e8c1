"""Single commands on the real schema, with nothing to do. Owns nothing beyond the set-up of these scenarios."""

from __future__ import annotations

from contextlib import contextmanager

from bench import commands, templates
from bench.arena import Arena
from bench.scenario import Contestant, Peer
from bench.scenarios.parts import Setup, serving, steady


@contextmanager
def idle(verb: str, arena: Arena) -> Setup:
    """Compare or capture; each starts its own Directus."""
    snapshot = templates.committed(arena).yaml
    theirs = {
        "diff": ("schema", "apply", "--dry-run", snapshot),
        "pull": ("schema", "snapshot", "--yes", arena.folder / "captured.yaml"),
    }
    with arena.databases.fresh(templates.deployed(arena)) as name:
        yield (
            Contestant(Peer.OURS, steady(commands.ours(arena, name, verb, "--snapshot", snapshot))),
            Contestant(Peer.CLI, steady(commands.cli(arena, name, *theirs[verb]))),
        )


@contextmanager
def served_idle(verb: str, arena: Arena) -> Setup:
    """Compare, capture or push, with a running Directus."""
    files = templates.committed(arena)
    with serving(arena, templates.deployed(arena)) as (name, url):
        yield (
            Contestant(Peer.OURS, steady(commands.ours(arena, name, verb, "--snapshot", files.yaml, url=url))),
            Contestant(Peer.NPM, steady(commands.package(arena, url, verb, files.dump))),
        )


@contextmanager
def alone(verb: str, arena: Arena) -> Setup:
    """Run what no peer has."""
    with arena.databases.fresh(templates.deployed(arena)) as name:
        yield (Contestant(Peer.OURS, steady(commands.ours(arena, name, verb))),)


@contextmanager
def served_check(arena: Arena) -> Setup:
    """Check with a running Directus, which no peer has."""
    with serving(arena, templates.deployed(arena)) as (name, url):
        yield (Contestant(Peer.OURS, steady(commands.ours(arena, name, "check", url=url))),)
