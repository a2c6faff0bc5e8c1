"""Single commands on the real schema, pushes aside. Owns nothing beyond the set-up of these scenarios."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.bench import commands, servers, templates
from tools.bench.arena import Arena, Files
from tools.bench.errors import BenchError
from tools.bench.scenario import Attempt, Command, Contestant, Peer
from tools.bench.scenarios.parts import Setup, serving, steady


@contextmanager
def idle(verb: str, arena: Arena) -> Setup:
    """Compare or capture what did not move since our last; each starts its own Directus, if any."""
    files = templates.committed(arena)
    captured = arena.folder / "captured.yaml"
    with arena.databases.fresh(templates.deployed(arena)) as name:
        command = commands.ours(arena, name, verb, "--snapshot", files.yaml)
        arena.run(command)
        yield (
            Contestant(Peer.OURS, steady(command)),
            Contestant(Peer.CLI, steady(_cli(arena, name, verb, files.yaml if verb == "diff" else captured))),
        )


@contextmanager
def served_idle(verb: str, arena: Arena) -> Setup:
    """Compare, capture or push what did not move since our last, with a running Directus."""
    files = templates.committed(arena)
    with serving(arena, templates.deployed(arena)) as (name, url):
        command = commands.ours(arena, name, verb, "--snapshot", files.yaml, url=url)
        # The npm package's extension makes a table at the server's start.
        for each in commands.ours(arena, name, "deploy", "--snapshot", files.yaml, url=url), command:
            arena.run(each)
        yield (
            Contestant(Peer.OURS, steady(command)),
            Contestant(Peer.NPM, steady(commands.package(arena, url, verb, files.dump))),
        )


@contextmanager
def changed_pull(arena: Arena) -> Setup:
    """Capture a note that was changed on the server; each starts its own Directus."""
    files = templates.committed(arena)
    captured = arena.folder / "captured.yaml"
    with serving(arena, templates.deployed(arena)) as (name, url):
        edit = _editor(arena, url, files)
        ours = commands.ours(arena, name, "pull", "--snapshot", files.yaml)
        yield (
            Contestant(Peer.OURS, _capturing(ours, files.yaml, edit)),
            Contestant(Peer.CLI, _capturing(_cli(arena, name, "pull", captured), captured, edit)),
        )


@contextmanager
def served_changed_pull(arena: Arena) -> Setup:
    """Capture a note that was changed on the running Directus."""
    files = templates.committed(arena)
    with serving(arena, templates.deployed(arena)) as (name, url):
        edit = _editor(arena, url, files)
        ours = commands.ours(arena, name, "pull", "--snapshot", files.yaml, url=url)
        package = commands.package(arena, url, "pull", files.dump)
        yield (
            Contestant(Peer.OURS, _capturing(ours, files.yaml, edit)),
            Contestant(Peer.NPM, _capturing(package, files.dump / "snapshot" / "snapshot.json", edit)),
        )


def _cli(arena: Arena, name: str, verb: str, snapshot: Path) -> Command:
    arguments = {"diff": ("apply", "--dry-run"), "pull": ("snapshot", "--yes")}
    return commands.cli(arena, name, "schema", *arguments[verb], snapshot)


def _editor(arena: Arena, url: str, files: Files) -> Callable[[], str]:
    """Return what changes a field's note on a server, to another one at each call, which it returns."""
    notes = (f"{templates.NOTE}, number {number}" for number in itertools.count(1))

    def edit() -> str:
        note = next(notes)
        servers.edit(url, arena.base["ADMIN_TOKEN"], templates.first_field(files), note)
        return note

    return edit


def _capturing(command: Command, file: Path, edit: Callable[[], str]) -> Attempt:
    @contextmanager
    def attempt(_number: int) -> Iterator[Command]:
        note = edit()
        yield command
        if note not in file.read_text(encoding="utf-8"):
            raise BenchError(f"{' '.join(command.arguments)} did not capture the note", note)

    return attempt


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
