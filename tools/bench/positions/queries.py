"""Runs the processor's queries on both tables. Owns their values and the clock; raises if answers differ."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from directus_sync.postgres.database import Connection
from tools.bench.errors import BenchError
from tools.bench.positions import course, load
from tools.bench.positions.load import Connections
from tools.bench.positions.outcome import Case, Kind, Reading, Size
from tools.bench.scenario import in_turn
from tools.positions.store import QUERIES

Arguments = tuple[str | float | datetime | timedelta, ...]

WINDOW: Final = timedelta(minutes=10)
NEAR_METRES: Final = 100
# From the sixth execution on PostgreSQL may use a generic plan, which does not depend on the values.
WARM_UP: Final = 10
CHUNK: Final = re.compile(r"^_hyper_\d+_\d+_chunk")
# The queries for a table without triggers: an index lookup for each device.
PLAIN: Final = """
DEALLOCATE last_position;
PREPARE last_position (text) AS
SELECT ts, latitude, longitude, altitude, angle, speed, satellites
FROM positions
WHERE device_id = $1 AND faulty = false
ORDER BY ts DESC
LIMIT 1;
DEALLOCATE last_positions_of_event;
PREPARE last_positions_of_event (uuid, timestamptz) AS
SELECT entries.race_number, devices.imei, last.ts, last.latitude, last.longitude, last.angle, last.speed
FROM entries
JOIN entry_devices ON entry_devices.entry_id = entries.id
JOIN devices ON devices.id = entry_devices.device_id
LEFT JOIN LATERAL (
    SELECT ts, latitude, longitude, angle, speed
    FROM positions
    WHERE device_id = devices.imei AND faulty = false
    ORDER BY ts DESC
    LIMIT 1
) AS last ON last.ts >= $2
WHERE entries.event_id = $1
ORDER BY entries.race_number, devices.imei;
"""
SPATIAL: Final = Path(__file__).parents[3] / "docs" / "spatial.md"


def ask(connections: Connections, size: Size, rounds: int) -> dict[Case, dict[Kind, Reading]]:
    """Run each query on both tables in turn. Both get the same values, which are new in each round.

    Raises BenchError if an answer differs.
    """
    return {case: _ask(connections, case, size, rounds) for case in arguments(Random(0), size)}


def statements() -> str:
    """Return all PREPARE statements of the project."""
    return QUERIES.read_text(encoding="utf-8") + spatial()


def spatial() -> str:
    """Return the statements in docs/spatial.md."""
    return "".join(re.findall(r"^```sql\n(.*?)^```$", SPATIAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))


def arguments(random: Random, size: Size) -> dict[Case, Arguments]:
    """Return random values for each case: a device in ten minutes of a day, or on a segment."""
    number, stage = random.randint(1, size.devices), random.randint(1, size.days)
    part, point = random.randint(1, course.SEGMENTS), random.randint(1, course.WAYPOINTS)
    second = random.randrange(max(1, size.seconds - int(WINDOW.total_seconds())))
    device, day = load.imei(number), load.START + timedelta(days=stage - 1)
    before = day + timedelta(seconds=second)
    window = (device, before, before + WINDOW)
    position = tuple(way.at(stage, second, number) for way in (load.LONGITUDE, load.LATITUDE))
    segment = course.segment(stage, part)
    begin, end = (day + timedelta(seconds=each * size.seconds // course.SEGMENTS) for each in (part - 1, part))
    about = f"{(end - begin).total_seconds() / 60:.0f} minutes"
    return {
        Case("last_position", "any device"): (device,),
        Case("last_positions_of_event", f"{size.devices} devices"): (load.EVENT, load.START),
        Case("position_before", "any time"): (device, before),
        Case("positions_in_window", "ten minutes"): window,
        Case("gaps_in_window", "ten minutes"): (*window, timedelta(seconds=10)),
        Case("zones_at_position", f"{size.days * course.ZONES} zones"): (*position, load.EVENT),
        Case("segments_near_position", f"{size.days * course.SEGMENTS} segments"): (*position, NEAR_METRES),
        Case("nearest_to_waypoint", about): (course.waypoint(stage, part, point), device, begin, end),
        Case("waypoints_passed", f"{course.WAYPOINTS} of them, {about}"): (segment, device, begin, end),
        Case("progress_on_segment", f"{size.devices} devices, {about}"): (segment, begin, end),
    }


def access(plan: Mapping[str, Any]) -> dict[str, int]:
    """Return how a plan reads positions and geometry: by an index, by last_positions, or by a scan.

    A chunk's index counts under its name on the hypertable. The number is that of the tables or chunks.
    """
    found: Counter[str] = Counter()
    for node in nodes(plan):
        index = CHUNK.sub("", node.get("Index Name", "")).lstrip("_")
        relation = CHUNK.sub("positions", node.get("Relation Name", ""))
        if index.startswith("positions_") or index.endswith("_geography_idx"):
            found[index] += 1
        elif relation == "positions" and node["Node Type"] == "Seq Scan":
            found["Seq Scan"] += 1
        elif relation == "last_positions":
            found[relation] += 1
    return dict(found)


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a node of EXPLAIN (FORMAT JSON), and all nodes below it."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def _ask(connections: Connections, case: Case, size: Size, rounds: int) -> dict[Kind, Reading]:
    for kind, connection in connections.items():
        with connection.cursor() as cursor:
            # Prepare again for each case. Otherwise a plan for the values of another case could stay.
            cursor.execute("DEALLOCATE ALL")
            cursor.execute(statements())
            if kind is Kind.PLAIN:
                cursor.execute(PLAIN)
    random = Random(0)
    taken: dict[Kind, list[float]] = {kind: [] for kind in Kind}
    for number in range(-WARM_UP, rounds):
        values = arguments(random, size)[case]
        answers = {}
        for kind in in_turn([*Kind], number):
            answers[kind], milliseconds = _execute(connections[kind], case.query, values)
            if number >= 0:
                taken[kind].append(milliseconds)
        if answers[Kind.HYPERTABLE] != answers[Kind.PLAIN]:
            raise BenchError(f"{case.query}{values} has another answer in the plain table")
    # By now the sessions keep one plan; this is that plan.
    return {kind: Reading(tuple(taken[kind]), _explained(connections[kind], case.query, values)) for kind in Kind}


def _execute(connection: Connection, name: str, values: Arguments) -> tuple[list[tuple[Any, ...]], float]:
    with connection.cursor() as cursor:
        statement = _statement(name, values)
        begun = time.perf_counter()
        cursor.execute(statement, values)
        rows = cursor.fetchall()
        return rows, (time.perf_counter() - begun) * 1000


def _explained(connection: Connection, name: str, values: Arguments) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {_statement(name, values)}", values)
        ((plans,),) = cursor.fetchall()
        return access(plans[0]["Plan"])


def _statement(name: str, values: Arguments) -> str:
    return f"EXECUTE {name} ({', '.join(['%s'] * len(values))})"
