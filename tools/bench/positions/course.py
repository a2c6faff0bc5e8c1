"""The course that the devices drive: a stage a day, with segments along the way. Owns its ids."""

from __future__ import annotations

from typing import Final

from directus_sync.postgres.database import Connection
from tools.bench.positions.load import EVENT, LATITUDE, LONGITUDE
from tools.bench.positions.outcome import Size

SEGMENTS: Final = 4
WAYPOINTS: Final = 20
ZONES: Final = 5
# Waypoints are on the path of the middle device; half of the devices pass within this distance.
TOLERANCE_METRES: Final = 40

_POINT: Final = f"ST_SetSRID(ST_MakePoint({LONGITUDE.sql}, {LATITUDE.sql}), 4326)"
# Part 0 is the stage, the others are its segments. A route has a point every ten seconds. A zone is 0.01 degrees wide.
_SQL: Final = f"""
CREATE FUNCTION pg_temp.id(stage bigint, part bigint, number bigint) RETURNS uuid RETURN
  ('00000000-0000-4000-8000-' || to_char((stage * 10000 + part) * 10000 + number, 'FM000000000000'))::uuid;
CREATE TEMPORARY TABLE parts AS
SELECT stage, part, pg_temp.id(stage, part, 0) AS id, {{devices}} / 2 AS device,
  (part - 1) * {{seconds}} / {SEGMENTS} AS first, part * {{seconds}} / {SEGMENTS} AS last
FROM generate_series(1, {{days}}) AS stage, generate_series(0, {SEGMENTS}) AS part;

INSERT INTO stages (id, event_id, name, sort_order, role, status, start_order_strategy)
SELECT id, '{EVENT}', 'Stage ' || stage, stage, 'regular', 'draft', 'manual' FROM parts WHERE part = 0;

INSERT INTO segments (id, stage_id, sort_order, type, target_duration_seconds, route)
SELECT id, pg_temp.id(stage, 0, 0), part, 'liaison', 3600,
  (SELECT ST_MakeLine({_POINT} ORDER BY second) FROM generate_series(first, last, 10) AS second)
FROM parts WHERE part > 0;

INSERT INTO waypoints (id, segment_id, sort_order, type, location, tolerance_meters)
SELECT pg_temp.id(stage, part, number), id, number, 'WPM', {_POINT}, {TOLERANCE_METRES}
FROM parts, generate_series(1, {WAYPOINTS}) AS number,
  LATERAL (SELECT first + number * (last - first) / {WAYPOINTS + 1} AS second) AS reached
WHERE part > 0;

INSERT INTO geofences (id, event_id, name, kind, geometry)
SELECT pg_temp.id(stage, 0, number), '{EVENT}', format('Stage %s, zone %s', stage, number), 'speed_limit_zone',
  ST_Expand({_POINT}, 0.005)
FROM parts, generate_series(1, {ZONES}) AS number, LATERAL (SELECT number * {{seconds}} / {ZONES} AS second) AS reached
WHERE part = 0;
INSERT INTO speed_limit_zones (id, event_id, name, geofence_id, speed_limit_kmh)
SELECT id, event_id, name, id, 50 FROM geofences;

INSERT INTO entry_segment_starts (id, entry_id, segment_id, start_position)
SELECT gen_random_uuid(), entries.id, segments.id, race_number FROM entries, segments;
ANALYZE;
"""


def segment(stage: int, number: int) -> str:
    """Return the id of a stage's segment; both numbers start at 1."""
    return waypoint(stage, number, 0)


def waypoint(stage: int, segment: int, number: int) -> str:
    """Return the id of a segment's waypoint; all numbers start at 1."""
    return f"00000000-0000-4000-8000-{stage:04}{segment:04}{number:04}"


def lay(connection: Connection, size: Size) -> None:
    """Create the course for the event and the entries that `load.register` made."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL.format(devices=size.devices, days=size.days, seconds=size.seconds))
