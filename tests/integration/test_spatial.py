"""The SQL of docs/spatial.md gives the right answers, and its plans use the indexes that the page names.

The test data is a small season, with enough rows for the planner to prefer indexes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Copying, Database
from tests.course import ENTRY, EVENT, POINT, ROWS, SEGMENT, an_id, insert, insert_all
from tests.spatial import INDEXES
from tools.bench.positions import queries

IMEI = ROWS["devices"]["imei"]

# The route goes east along 41.3 degrees north, from 19.8 to 19.9 degrees east: 8,374 m. The track follows it about a
# metre further north, with a fix every ten seconds or 167 m, then turns round and ends at 19.84.
HOUR = ("2026-06-06T08:00:00Z", "2026-06-06T09:00:00Z")
SEASON = """
INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,
  attributes)
SELECT '350000000000001', timestamptz '2026-06-06 08:00Z' + n * INTERVAL '10 seconds', 41.30001,
  CASE WHEN n <= 50 THEN 19.8 + n * 0.002 ELSE 19.9 - (n - 50) * 0.002 END, 0, 90, 60, 9, 0, '8', '{}'
FROM generate_series(0, 80) AS n;
-- Without satellites, and faulty: neither passed anything.
INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,
  attributes, faulty)
SELECT '350000000000001', timestamptz '2026-06-06 08:50Z' + n * INTERVAL '1 second', 41.5, 19.5, 0, 90, 0, n, 0, '8',
  '{}', n = 9
FROM unnest(ARRAY[0, 9]) AS n;
-- The others: 40 devices on two days.
INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,
  attributes)
SELECT (350000000001000 + device)::text, timestamptz '2026-06-06 08:00Z' + fix * INTERVAL '80 seconds',
  42 + device * 0.001, 19 + fix * 0.0001, 0, 90, 60, 9, 0, '8', '{}'
FROM generate_series(1, 40) AS device, generate_series(1, 1500) AS fix;
INSERT INTO geofences (id, event_id, name, kind, geometry)
SELECT gen_random_uuid(), event_id, 'Area ' || n, 'checkpoint', ST_Translate(geometry, n * 0.01, 1)
FROM geofences, generate_series(1, 400) AS n WHERE name = 'Area';
INSERT INTO speed_limit_zones (id, event_id, name, geofence_id, speed_limit_kmh)
SELECT gen_random_uuid(), event_id, name, id, 90 FROM geofences WHERE name LIKE 'Area %';
INSERT INTO segments (id, stage_id, sort_order, type, route)
SELECT gen_random_uuid(), stage_id, 1000 + n, 'parc-ferme', ST_Translate(route, n * 0.2, 1)
FROM segments, generate_series(1, 300) AS n WHERE sort_order = 10;
INSERT INTO waypoints (id, segment_id, sort_order, type, location, tolerance_meters)
SELECT gen_random_uuid(), s.id, n, 'WPM', ST_LineInterpolatePoint(s.route, n / 20.0), 200
FROM segments s, generate_series(1, 15) AS n WHERE s.sort_order > 1000;
"""


@pytest.fixture(scope="module")
def season(copied: Copying) -> Iterator[Database]:
    with copied("deployed") as database:
        with database.connect() as connection:
            insert_all(connection)
            waypoint = {**ROWS["waypoints"], "tolerance_meters": 90}
            # Waypoints between two fixes, 100 m off the route, 150 m off with a tolerance of 200, and beyond the turn.
            for number, (longitude, latitude, tolerance) in enumerate(
                [(19.811, 41.30, 90), (19.84, 41.3009, 90), (19.86, 41.30135, 200), (19.95, 41.30, 90)], start=2
            ):
                location = {"type": "Point", "coordinates": [longitude, latitude]}
                row = {**waypoint, "id": an_id(f"point {number}"), "sort_order": number * 10, "location": location}
                insert(connection, "waypoints", {**row, "tolerance_meters": tolerance})
            connection.execute(SEASON)
            connection.execute("ANALYZE")
        yield database


def query(connection: psycopg.Connection[Any], name: str, *values: object, prefix: str = "") -> list[tuple[Any, ...]]:
    """Execute a query of docs/spatial.md by name."""
    connection.execute("DEALLOCATE ALL")
    connection.execute(queries.spatial())
    statement = f"{prefix}EXECUTE {name} ({', '.join(['%s'] * len(values))})"
    return psycopg.ClientCursor(connection).execute(statement, values).fetchall()


VALUES: dict[str, tuple[object, ...]] = {
    "zones_at_position": (19.81, 41.31, EVENT),
    "segments_near_position": (19.85, 41.3001, 50),
    "nearest_to_waypoint": (POINT, IMEI, *HOUR),
    "waypoints_passed": (SEGMENT, IMEI, *HOUR),
    "progress_on_segment": (SEGMENT, *HOUR),
}


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", INDEXES)
def test_a_plan_uses_the_indexes_that_the_page_names(season: Database, name: str, mode: str) -> None:
    with season.connect() as connection:
        connection.execute(f"SET plan_cache_mode = {mode}")
        plan = "\n".join(line for (line,) in query(connection, name, *VALUES[name], prefix="EXPLAIN "))
    for names in INDEXES[name]:
        assert re.search(rf"using (_hyper_\d+_\d+_chunk_)?({'|'.join(names)})\b", plan), plan
    assert "Seq Scan on _hyper" not in plan


@pytest.mark.parametrize(
    ("longitude", "latitude", "inside"), [(19.81, 41.31, True), (19.80, 41.31, True), (19.79999, 41.31, False)]
)
def test_zones_at_position_returns_the_zones_around_a_position(
    season: Database, longitude: float, latitude: float, inside: bool
) -> None:
    with season.connect() as connection:
        found = query(connection, "zones_at_position", longitude, latitude, EVENT)
        assert [(name, allowed) for _, name, allowed in found] == ([("Zone", 1)] if inside else [])
        assert query(connection, "zones_at_position", longitude, latitude, an_id("other")) == []


def test_segments_near_position_measures_the_distance_to_the_route(season: Database) -> None:
    with season.connect() as connection:
        ((key, metres),) = query(connection, "segments_near_position", 19.85, 41.3001, 50)
        assert (str(key), metres) == (SEGMENT, pytest.approx(11, abs=3))
        assert query(connection, "segments_near_position", 19.85, 41.3001, 5) == []


def test_nearest_to_waypoint_returns_the_distance_in_metres(season: Database) -> None:
    with season.connect() as connection:
        ((ts, metres),) = query(connection, "nearest_to_waypoint", POINT, IMEI, *HOUR)
    # Fix number 25, counted from 0, is at 19.85, a metre north of the waypoint.
    assert (ts.isoformat(), metres) == ("2026-06-06T08:04:10+00:00", pytest.approx(1.1, abs=0.1))


def test_waypoints_passed_also_considers_the_line_between_fixes(season: Database) -> None:
    with season.connect() as connection:
        passed = query(connection, "waypoints_passed", SEGMENT, IMEI, *HOUR)
    # Neither the waypoint 100 m off with a tolerance of 90, nor the one beyond the turn, is passed.
    assert [order for _, order, _, _ in passed] == [20, 40]
    assert [metres for _, _, _, metres in passed] == [pytest.approx(1.1, abs=0.2), pytest.approx(149, abs=3)]


def test_progress_on_segment_orders_entries_by_distance(season: Database) -> None:
    with season.connect() as connection, connection.transaction(force_rollback=True):
        # A second entry whose last fix is at 19.80, and a second device of the first entry with an earlier fix.
        second, devices = an_id("second"), (an_id("behind"), an_id("spare"))
        insert(connection, "entries", {**ROWS["entries"], "id": second, "race_number": 2})
        row = {**ROWS["entry_segment_starts"], "entry_id": second, "start_position": 2}
        insert(connection, "entry_segment_starts", row)
        for device, entry, imei, at in zip(
            devices, (second, ENTRY), ("350000000000008", "350000000000009"), ("08:20", "08:10"), strict=True
        ):
            insert(connection, "devices", {**ROWS["devices"], "id": device, "imei": imei})
            insert(connection, "entry_devices", {"entry_id": entry, "device_id": device})
            connection.execute(
                "INSERT INTO positions SELECT %s, %s, now(), 41.3, 19.8, 0, 0, 0, 9, 0, '8', '{}', false",
                (imei, f"2026-06-06T{at}:00Z"),
            )
        found = query(connection, "progress_on_segment", SEGMENT, *HOUR)
    assert [(race_number, ts.strftime("%H:%M:%S")) for _, race_number, ts, _ in found] == [
        (1, "08:13:20"), (2, "08:20:00"),
    ]  # fmt: skip
    assert [metres for *_, metres in found] == [pytest.approx(3350, abs=20), pytest.approx(0, abs=1)]


def test_the_page_has_a_query_for_each_index(season: Database) -> None:
    named = {name for indexes in INDEXES.values() for names in indexes for name in names}
    spatial = {
        name for (name,) in season.rows("SELECT indexname FROM pg_indexes WHERE indexname LIKE '%_geography_idx'")
    }
    assert named >= spatial
