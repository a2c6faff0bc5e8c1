"""Pushes: without a running Directus against Directus's command line, to a running one against npm's directus-sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tools.bench import commands, templates
from tools.bench.arena import Arena, Files
from tools.bench.process import Command
from tools.bench.result import Peer
from tools.bench.scenario import Attempt, Contestant
from tools.bench.scenarios.parts import Check, Setup, fresh, serving
from tools.bench.servers import Server

COLLECTIONS = "SELECT count(*) FROM directus_collections WHERE left(collection, 6) = 'bench_'"
EXTRA = "SELECT count(*) FROM directus_fields WHERE field = 'extra'"
NOTED = f"SELECT count(*) FROM directus_fields WHERE note = '{templates.NOTE}'"


@contextmanager
def first(size: int, arena: Arena) -> Setup:
    """Push new collections."""
    yield _started(arena, templates.bootstrapped(arena), templates.generated(arena, size), (COLLECTIONS, size))


@contextmanager
def fields(size: int, new: int, arena: Arena) -> Setup:
    """Push new fields on existing collections."""
    files = templates.generated(arena, size, extra_fields=new)
    yield _started(arena, templates.pushed(arena, size), files, (EXTRA, new))


@contextmanager
def served_first(size: int, arena: Arena) -> Setup:
    """Push new collections to a running Directus. Each round has its own Directus."""
    template, files = templates.bootstrapped(arena), templates.generated(arena, size)

    def to_a_new_one(command: Callable[[str, Server], Command]) -> Attempt:
        @contextmanager
        def attempt(_number: int) -> Iterator[Command]:
            with serving(arena, template) as (name, server):
                yield command(name, server)
                arena.databases.require(name, COLLECTIONS, size)

        return attempt

    yield (
        Contestant(Peer.OURS, to_a_new_one(lambda name, server: _ours(arena, name, files, server))),
        Contestant(Peer.NPM, to_a_new_one(lambda _, server: _package(arena, server, files))),
    )


@contextmanager
def served_changed(arena: Arena) -> Setup:
    """Push a changed note, and in every second round the original. Each side has its own running Directus."""
    files = (templates.changed(arena), templates.committed(arena))
    template = templates.deployed(arena)
    with serving(arena, template) as (mine, left), serving(arena, template) as (theirs, right):

        @contextmanager
        def ours(number: int) -> Iterator[Command]:
            yield _ours(arena, mine, files[number % 2], left)
            arena.databases.require(mine, NOTED, 1 - number % 2)

        @contextmanager
        def package(number: int) -> Iterator[Command]:
            yield _package(arena, right, files[number % 2])
            arena.databases.require(theirs, NOTED, 1 - number % 2)

        yield Contestant(Peer.OURS, ours), Contestant(Peer.NPM, package)


def _started(arena: Arena, template: str, files: Files, check: Check) -> tuple[Contestant, Contestant]:
    def cli(name: str) -> Command:
        push = commands.cli(arena, name, "schema", "apply", "--yes", files.yaml)
        return replace(push, check=commands.cli(arena, name, "schema", "apply", "--dry-run", files.yaml))

    return (
        Contestant(Peer.OURS, fresh(arena, template, lambda name: _ours(arena, name, files), check)),
        Contestant(Peer.CLI, fresh(arena, template, cli, check)),
    )


def _ours(arena: Arena, name: str, files: Files, server: Server | None = None) -> Command:
    return commands.ours(arena, name, "push", "--snapshot", files.yaml, server=server)


def _package(arena: Arena, server: Server, files: Files) -> Command:
    push = commands.package(arena, server, "push", files.dump)
    return replace(push, check=commands.package(arena, server, "diff", files.dump))
