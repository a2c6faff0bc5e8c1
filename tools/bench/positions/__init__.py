"""Compares the hypertable of positions with a plain table: loading, size, the processor's queries."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import psycopg2

from tools.bench import templates
from tools.bench.bench_setup import BenchSetup
from tools.bench.errors import BenchError
from tools.bench.positions import course, load, queries
from tools.bench.positions.load import Connections
from tools.bench.positions.outcome import Kind, Outcome, Size
from tools.devstack.progress import say, step

ID: Final = "positions"
TITLE: Final = "ten million positions (one season) and fifty, in the hypertable and in a plain table"
SIZE: Final = Size(devices=200, days=8, seconds=6250)
# Shows how the cost grows.
FIVE_SEASONS: Final = replace(SIZE, days=40, earlier=32)
ROUNDS: Final = 200


def measure(bench: BenchSetup, rounds: int) -> list[Outcome]:
    """Fill both tables and query them, at both sizes. With fewer rounds than usual, do so at the smaller size only.

    rounds: how often each query runs.

    Raises BenchError if a statement fails, or if rows or answers of the two tables differ.
    """
    return [_measure(bench, rounds, size) for size in (SIZE, *([FIVE_SEASONS] if rounds == ROUNDS else []))]


def _measure(bench: BenchSetup, rounds: int, size: Size) -> Outcome:
    say(f"{ID}: {size.rows:,} positions in the hypertable, and in a plain table")
    template, databases = templates.deployed(bench), bench.databases
    with (
        databases.fresh(template) as ours,
        databases.fresh(template) as theirs,
        closing(databases.connect(ours)) as hypertable,
        closing(databases.connect(theirs)) as plain,
    ):
        return compare({Kind.HYPERTABLE: hypertable, Kind.PLAIN: plain}, size, rounds, bench.folder)


def compare(connections: Connections, size: Size, rounds: int, folder: Path) -> Outcome:
    """Compare two deployed databases, one of which gets the plain table. folder: for a file with a day's rows."""
    try:
        load.make_plain(connections[Kind.PLAIN])
        for connection in connections.values():
            load.register(connection, size.devices)
            course.lay(connection, size)
        loaded = load.fill(connections, size, folder)
        with step(f"  queries, {rounds} rounds"):
            readings = queries.ask(connections, size, rounds)
        return Outcome(size, loaded, load.sizes(connections), readings)
    except psycopg2.Error as error:
        raise BenchError("PostgreSQL refused a statement", str(error)) from error
