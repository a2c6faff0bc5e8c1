"""Pushes, mostly of generated snapshots. Owns nothing beyond the set-up of these scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tools.bench import commands, templates
from tools.bench.arena import Arena, Files
from tools.bench.scenario import Command, Contestant, Peer
from tools.bench.scenarios.parts import Check, Setup, fresh, served, serving, steady

COLLECTIONS = "SELECT count(*) FROM directus_collections WHERE left(collection, 6) = 'bench_'"
EXTRA = "SELECT count(*) FROM directus_fields WHERE field = 'extra'"
NOTED = f"SELECT count(*) FROM directus_fields WHERE note = '{templates.NOTE}'"


@contextmanager
def first(size: int, arena: Arena) -> Setup:
    """Push new collections; each starts its own Directus."""
    yield _started(arena, templates.bootstrapped(arena), templates.generated(arena, size), (COLLECTIONS, size))


@contextmanager
def fields(size: int, new: int, arena: Arena) -> Setup:
    """Push new fields on existing collections; each starts its own Directus."""
    files = templates.generated(arena, size, extra_fields=new)
    yield _started(arena, templates.pushed(arena, size), files, (EXTRA, new))


@contextmanager
def idle(size: int, arena: Arena) -> Setup:
    """Push what is there already; each starts its own Directus."""
    snapshot = templates.generated(arena, size).yaml
    with arena.databases.fresh(templates.pushed(arena, size)) as name:
        yield (
            Contestant(Peer.OURS, steady(commands.ours(arena, name, "push", "--snapshot", snapshot))),
            Contestant(Peer.CLI, steady(commands.cli(arena, name, "schema", "apply", "--yes", snapshot))),
        )


@contextmanager
def served_first(size: int, arena: Arena) -> Setup:
    """Push new collections to a running Directus, a new one each time."""
    yield _running(arena, templates.bootstrapped(arena), templates.generated(arena, size), (COLLECTIONS, size))


@contextmanager
def served_fields(size: int, new: int, arena: Arena) -> Setup:
    """Push new fields on existing collections to a running Directus, a new one each time."""
    files = templates.generated(arena, size, extra_fields=new)
    yield _running(arena, templates.pushed(arena, size), files, (EXTRA, new))


@contextmanager
def served_idle(size: int, arena: Arena) -> Setup:
    """Push what is there already to a running Directus."""
    files = templates.generated(arena, size)
    with serving(arena, templates.pushed(arena, size)) as (name, url):
        yield (
            Contestant(Peer.OURS, steady(commands.ours(arena, name, "push", "--snapshot", files.yaml, url=url))),
            Contestant(Peer.NPM, steady(commands.package(arena, url, "push", files.dump))),
        )


@contextmanager
def served_changed(arena: Arena) -> Setup:
    """Push a changed note, and in the next round the one before; each on a server of its own."""
    files = (templates.changed(arena), templates.committed(arena))
    template = templates.deployed(arena)
    with serving(arena, template) as (mine, left), serving(arena, template) as (theirs, right):

        @contextmanager
        def ours(number: int) -> Iterator[Command]:
            yield commands.ours(arena, mine, "push", "--snapshot", files[number % 2].yaml, url=left)
            arena.databases.require(mine, NOTED, 1 - number % 2)

        @contextmanager
        def package(number: int) -> Iterator[Command]:
            yield _package(arena, right, files[number % 2])
            arena.databases.require(theirs, NOTED, 1 - number % 2)

        yield Contestant(Peer.OURS, ours), Contestant(Peer.NPM, package)


def _started(arena: Arena, template: str, files: Files, check: Check) -> tuple[Contestant, Contestant]:
    def ours(name: str) -> Command:
        return commands.ours(arena, name, "push", "--snapshot", files.yaml)

    def cli(name: str) -> Command:
        push = commands.cli(arena, name, "schema", "apply", "--yes", files.yaml)
        return replace(push, look=commands.cli(arena, name, "schema", "apply", "--dry-run", files.yaml))

    return (
        Contestant(Peer.OURS, fresh(arena, template, ours, check)),
        Contestant(Peer.CLI, fresh(arena, template, cli, check)),
    )


def _running(arena: Arena, template: str, files: Files, check: Check) -> tuple[Contestant, Contestant]:
    def ours(name: str, url: str) -> Command:
        return commands.ours(arena, name, "push", "--snapshot", files.yaml, url=url)

    def package(_name: str, url: str) -> Command:
        return _package(arena, url, files)

    return (
        Contestant(Peer.OURS, served(arena, template, ours, check)),
        Contestant(Peer.NPM, served(arena, template, package, check)),
    )


def _package(arena: Arena, url: str, files: Files) -> Command:
    return replace(
        commands.package(arena, url, "push", files.dump), look=commands.package(arena, url, "diff", files.dump)
    )
