"""The hypertable of positions against a plain table: loading, size, the processor's queries. Owns their order."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg2

from tools.bench import templates
from tools.bench.errors import BenchError
from tools.bench.positions import course, load, queries
from tools.bench.positions.outcome import Kind, Outcome, Size
from tools.devstack.progress import say, step

if TYPE_CHECKING:
    from tools.bench.arena import Arena
    from tools.bench.machine import Machine
    from tools.bench.positions.load import Connections

ID: Final = "positions"
TITLE: Final = "a season of ten million positions in the hypertable, and in a plain table"
SIZE: Final = Size(devices=200, days=8, seconds=6250)
ROUNDS: Final = 200


def measure(arena: Arena, machine: Machine, rounds: int) -> Outcome:
    """Fill both tables and query them. rounds: how often each query runs.

    Raises BenchError when a statement fails, or when the tables don't hold or answer the same.
    """
    say(f"{ID}: {TITLE}")
    template, databases = templates.deployed(arena), arena.databases
    with (
        databases.fresh(template) as ours,
        databases.fresh(template) as theirs,
        closing(databases.connect(ours)) as hypertable,
        closing(databases.connect(theirs)) as plain,
    ):
        return compare({Kind.HYPERTABLE: hypertable, Kind.PLAIN: plain}, machine, SIZE, rounds, arena.folder)


def compare(connections: Connections, machine: Machine, size: Size, rounds: int, folder: Path) -> Outcome:
    """Do so in two deployed databases, one of which gets the plain table. folder: for a day's rows."""
    try:
        load.make_plain(connections[Kind.PLAIN])
        for connection in connections.values():
            load.register(connection, size.devices)
            course.lay(connection, size)
        loaded = load.fill(connections, size, folder)
        with step(f"  queries, {rounds} rounds"):
            readings = queries.ask(connections, size, rounds)
        return Outcome(size, machine, loaded, load.sizes(connections), readings)
    except psycopg2.Error as error:
        raise BenchError("PostgreSQL refused a statement", str(error)) from error
