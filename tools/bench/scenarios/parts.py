"""How one round is prepared: on a database that stays, on a new copy, or with a running Directus on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from tools.bench import servers
from tools.bench.arena import Arena
from tools.bench.scenario import Attempt, Command, Contestant

Setup = Iterator[Sequence[Contestant]]
# A query, and what it must give when the work was done.
Check = tuple[str, object]


def steady(command: Command) -> Attempt:
    """Run the same command in every round, where nothing changes by it."""

    @contextmanager
    def attempt(_number: int) -> Iterator[Command]:
        yield command

    return attempt


def fresh(arena: Arena, template: str | None, command: Callable[[str], Command], check: Check) -> Attempt:
    """Run the command on a new copy of the template each time."""

    @contextmanager
    def attempt(_number: int) -> Iterator[Command]:
        with arena.databases.fresh(template) as name:
            yield command(name)
            arena.databases.require(name, *check)

    return attempt


def served(arena: Arena, template: str, command: Callable[[str, str], Command], check: Check) -> Attempt:
    """Run the command on a new copy of the template each time, with a running Directus on it."""

    @contextmanager
    def attempt(_number: int) -> Iterator[Command]:
        with serving(arena, template) as (name, url):
            yield command(name, url)
            arena.databases.require(name, *check)

    return attempt


@contextmanager
def serving(arena: Arena, template: str) -> Iterator[tuple[str, str]]:
    """Have a running Directus on a new copy of the template; yield the database's name and the server's URL."""
    with arena.databases.fresh(template) as name, running(arena, name) as url:
        yield name, url


def running(arena: Arena, name: str) -> AbstractContextManager[str]:
    """Have a running Directus on a database."""
    environ = arena.environ(name, {"EXTENSIONS_PATH": str(arena.extensions)})
    return servers.running(environ, arena.home, arena.folder / f"directus-{name}.log")
