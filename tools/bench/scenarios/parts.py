"""Prepares one round, on the same database each time or on a new copy. Checks that the work was done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tools.bench import servers
from tools.bench.bench_setup import BenchSetup
from tools.bench.process import Command
from tools.bench.scenario import Contestant, PreparedRound
from tools.bench.servers import Server

Setup = Iterator[Sequence[Contestant]]
# A query, and the value that it must return after the work was done.
Check = tuple[str, object]


def steady(command: Command) -> PreparedRound:
    """Run the same command in every round. It must not change anything."""

    @contextmanager
    def attempt(_number: int) -> Iterator[Command]:
        yield command

    return attempt


def fresh(bench: BenchSetup, template: str | None, command: Callable[[str], Command], check: Check) -> PreparedRound:
    """Run the command on a new copy of the template in each round."""

    @contextmanager
    def attempt(_number: int) -> Iterator[Command]:
        with bench.databases.fresh(template) as name:
            yield command(name)
            bench.databases.require(name, *check)

    return attempt


@contextmanager
def serving(bench: BenchSetup, template: str) -> Iterator[tuple[str, Server]]:
    """Run a Directus on a new copy of the template; yield the database's name and the server."""
    with bench.databases.fresh(template) as name:
        environ = bench.environ(name, {"EXTENSIONS_PATH": str(bench.extensions)})
        with servers.running(environ, bench.home, bench.folder / f"directus-{name}.log") as server:
            yield name, server
