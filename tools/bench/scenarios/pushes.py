"""Pushes: without a running Directus against Directus's command line, to a running one against npm's directus-sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tools.bench import commands, templates
from tools.bench.bench_setup import BenchSetup, Files
from tools.bench.process import Command
from tools.bench.result import Peer
from tools.bench.scenario import Contestant, PreparedRound
from tools.bench.scenarios.parts import Check, Setup, fresh, serving
from tools.bench.servers import Server

COLLECTIONS = "SELECT count(*) FROM directus_collections WHERE left(collection, 6) = 'bench_'"
EXTRA = "SELECT count(*) FROM directus_fields WHERE field = 'extra'"
NOTED = f"SELECT count(*) FROM directus_fields WHERE note = '{templates.NOTE}'"


@contextmanager
def first(size: int, bench: BenchSetup) -> Setup:
    """Push new collections."""
    yield _started(bench, templates.bootstrapped(bench), templates.generated(bench, size), (COLLECTIONS, size))


@contextmanager
def fields(size: int, new: int, bench: BenchSetup) -> Setup:
    """Push new fields on existing collections."""
    files = templates.generated(bench, size, extra_fields=new)
    yield _started(bench, templates.pushed(bench, size), files, (EXTRA, new))


@contextmanager
def served_first(size: int, bench: BenchSetup) -> Setup:
    """Push new collections to a running Directus. Each round has its own Directus."""
    template, files = templates.bootstrapped(bench), templates.generated(bench, size)

    def to_a_new_one(command: Callable[[str, Server], Command]) -> PreparedRound:
        @contextmanager
        def attempt(_number: int) -> Iterator[Command]:
            with serving(bench, template) as (name, server):
                yield command(name, server)
                bench.databases.require(name, COLLECTIONS, size)

        return attempt

    yield (
        Contestant(Peer.OURS, to_a_new_one(lambda name, server: _ours(bench, name, files, server))),
        Contestant(Peer.NPM, to_a_new_one(lambda _, server: _package(bench, server, files))),
    )


@contextmanager
def served_changed(bench: BenchSetup) -> Setup:
    """Push a changed note, and in every second round the original. Each side has its own running Directus."""
    files = (templates.changed(bench), templates.committed(bench))
    template = templates.deployed(bench)
    with serving(bench, template) as (mine, left), serving(bench, template) as (theirs, right):

        @contextmanager
        def ours(number: int) -> Iterator[Command]:
            yield _ours(bench, mine, files[number % 2], left)
            bench.databases.require(mine, NOTED, 1 - number % 2)

        @contextmanager
        def package(number: int) -> Iterator[Command]:
            yield _package(bench, right, files[number % 2])
            bench.databases.require(theirs, NOTED, 1 - number % 2)

        yield Contestant(Peer.OURS, ours), Contestant(Peer.NPM, package)


def _started(bench: BenchSetup, template: str, files: Files, check: Check) -> tuple[Contestant, Contestant]:
    def cli(name: str) -> Command:
        push = commands.cli(bench, name, "schema", "apply", "--yes", files.yaml)
        return replace(push, check=commands.cli(bench, name, "schema", "apply", "--dry-run", files.yaml))

    return (
        Contestant(Peer.OURS, fresh(bench, template, lambda name: _ours(bench, name, files), check)),
        Contestant(Peer.CLI, fresh(bench, template, cli, check)),
    )


def _ours(bench: BenchSetup, name: str, files: Files, server: Server | None = None) -> Command:
    return commands.ours(bench, name, "push", "--snapshot", files.yaml, server=server)


def _package(bench: BenchSetup, server: Server, files: Files) -> Command:
    push = commands.package(bench, server, "push", files.dump)
    return replace(push, check=commands.package(bench, server, "diff", files.dump))
