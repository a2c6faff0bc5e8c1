"""The cost of the audit trail: an INSERT of many crossings with and without its trigger. Owns the section about it."""

from __future__ import annotations

import statistics
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import psycopg2

from directus_sync.postgres.database import Connection
from tools.bench import report, templates
from tools.bench.bench_setup import BenchSetup
from tools.bench.errors import BenchError
from tools.bench.positions import load
from tools.bench.scenario import in_turn
from tools.devstack.progress import step

ID: Final = "audit"
ROWS: Final = 10_000
TITLE: Final = f"{ROWS:,} crossings, with and without the trigger of the audit trail"
ROUNDS: Final = 11
ENTRIES: Final = 200

_FENCE: Final = f"""
INSERT INTO geofences (id, event_id, name, kind, geometry)
VALUES ('{load.EVENT}', '{load.EVENT}', 'Finish', 'finish', 'SRID=4326;POLYGON((19 41, 19.1 41, 19.1 41.1, 19 41))')"""
_CROSSINGS: Final = f"""
INSERT INTO entry_crossings (id, entry_id, geofence_id, direction, ts, source, status)
SELECT gen_random_uuid(), id, '{load.EVENT}', 'pass', timestamptz '2026-06-06Z' + n * interval '1 s', 'gps', 'auto'
FROM entries, generate_series(1, {{rows}} / {ENTRIES}) AS n"""
_EMPTY: Final = "TRUNCATE entry_crossings, entry_penalties, audit.changes"
_TRIGGER: Final = "ALTER TABLE entry_crossings {} TRIGGER entry_crossings_audit_insert"
_RECORDED: Final = "SELECT (SELECT count(*) FROM entry_crossings), (SELECT count(*) FROM audit.changes)"


@dataclass(frozen=True)
class Cost:
    """The seconds of each round, with the trigger and without it."""

    rows: int
    with_trigger: tuple[float, ...]
    without_trigger: tuple[float, ...]


def measure(bench: BenchSetup, rounds: int) -> Cost:
    """Insert the crossings in a deployed database. Raises BenchError."""
    database = templates.deployed(bench)
    with (
        bench.databases.fresh(database) as name,
        closing(bench.databases.connect(name)) as connection,
        step(f"{ID}: {TITLE}, {rounds} rounds"),
    ):
        return compare(connection, ROWS, rounds)


def compare(connection: Connection, rows: int, rounds: int) -> Cost:
    """Insert with and without the trigger, in turns. Raises BenchError if a statement or the recording fails."""
    try:
        load.register(connection, ENTRIES)
        with connection.cursor() as cursor:
            cursor.execute(_FENCE)
        seconds: dict[bool, list[float]] = {True: [], False: []}
        # The first round is a warm-up and does not count.
        for number in range(rounds + 1):
            for recorded in in_turn((True, False), number):
                seconds[recorded].append(_insert(connection, rows, recorded=recorded))
    except psycopg2.Error as error:
        raise BenchError("PostgreSQL refused a statement", str(error)) from error
    return Cost(rows, tuple(seconds[True][1:]), tuple(seconds[False][1:]))


def _insert(connection: Connection, rows: int, *, recorded: bool) -> float:
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY)
        cursor.execute(_TRIGGER.format("ENABLE" if recorded else "DISABLE"))
        begun = time.perf_counter()
        cursor.execute(_CROSSINGS.format(rows=rows))
        taken = time.perf_counter() - begun
        cursor.execute(_RECORDED)
        found = cursor.fetchone()
    wanted = (rows, rows if recorded else 0)
    if found != wanted:
        raise BenchError(f"crossings and records are {found}, not {wanted}: the work was not done")
    return taken


def section(cost: Cost) -> str:
    """Return the section of the page, with its heading."""
    with_it, without = statistics.median(cost.with_trigger), statistics.median(cost.without_trigger)
    each = (with_it - without) / cost.rows * 1_000_000
    return (
        "## The audit trail\n\n"
        f"One INSERT of {cost.rows:,} crossings of {ENTRIES} entries,"
        f" {len(cost.without_trigger)} times each way, in turns.\n\n"
        "| | with the trigger | without | the trigger costs |\n|---|---|---|---|\n"
        f"| {cost.rows:,} crossings | {report.spread(cost.with_trigger)} | {report.spread(cost.without_trigger)}"
        f" | {report.seconds(with_it - without)}, {each:.0f} µs a row |\n"
    )
