"""A complete event, and for every collection a valid row that can be added beside the first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_DNS, uuid4, uuid5

import psycopg

Row = Mapping[str, Any]


def an_id(name: str) -> str:
    return str(uuid5(NAMESPACE_DNS, name))


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """Return a polygon as GeoJSON. Arguments in degrees."""
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


# Two triangles that touch in one point: invalid.
BOW_TIE = {"type": "Polygon", "coordinates": [[[19.8, 41.3], [19.9, 41.4], [19.9, 41.3], [19.8, 41.4], [19.8, 41.3]]]}
# Metres where the longitude should be.
FAR_AWAY = {"type": "Point", "coordinates": [384_500.0, 41.3]}

EVENT, STAGE, SEGMENT, AREA, POINT = map(an_id, ("event", "stage", "segment", "area", "point"))
ORGANIZATION, USER, VEHICLE, DEVICE, CLASS, ENTRY = map(
    an_id, ("organization", "user", "vehicle", "device", "class", "entry")
)

# Ordered so that each row comes after the rows it refers to. Every row is valid and has its own key.
ROWS: dict[str, dict[str, Any]] = {
    "organizations": {"id": ORGANIZATION, "name": "MCA", "slug": "mca"},
    "directus_users": {"id": USER, "email": "pilot@example.com", "status": "draft"},
    "vehicles": {"id": VEHICLE, "make": "Toyota", "model": "Land Cruiser"},
    "devices": {"id": DEVICE, "imei": "350000000000001", "model": "FMB920"},
    "organization_users": {"organization_id": ORGANIZATION, "user_id": USER, "role": "marshal"},
    "organization_vehicles": {"organization_id": ORGANIZATION, "vehicle_id": VEHICLE},
    "organization_devices": {"organization_id": ORGANIZATION, "device_id": DEVICE},
    "events": {
        "id": EVENT, "organization_id": ORGANIZATION, "name": "Rally", "slug": "rally", "discipline": "rally",
        "starts_at": "2026-06-06T06:00:00Z", "ends_at": "2026-06-13T18:00:00Z",
    },
    "classes": {"id": CLASS, "event_id": EVENT, "code": "C-2", "name": "C-2", "race_number_min": 1},
    "entries": {
        "id": ENTRY, "event_id": EVENT, "class_id": CLASS, "vehicle_id": VEHICLE, "race_number": 1,
        "status": "registered",
    },
    "entry_crew": {"entry_id": ENTRY, "user_id": USER, "role": "pilot"},
    "entry_devices": {"entry_id": ENTRY, "device_id": DEVICE},
    "stages": {
        "id": STAGE, "event_id": EVENT, "name": "Stage", "sort_order": 10, "role": "regular", "status": "draft",
        "start_order_strategy": "manual", "start_interval_seconds": 1, "mta_seconds": 1,
        "opened_at": "2026-06-06T06:00:00Z", "closed_at": "2026-06-06T06:00:00Z",
    },
    "geofences": {
        "id": AREA, "event_id": EVENT, "name": "Area", "kind": "start", "geometry": box(19.80, 41.30, 19.82, 41.32),
    },
    "segments": {
        "id": SEGMENT, "stage_id": STAGE, "sort_order": 10, "type": "special-stage", "entry_geofence_id": AREA,
        "exit_geofence_id": AREA, "target_duration_seconds": 1, "mta_seconds": 1, "distance_km": 0,
        "closing_buffer_seconds": 0, "route": {"type": "LineString", "coordinates": [[19.80, 41.30], [19.90, 41.30]]},
    },
    "waypoints": {
        "id": POINT, "segment_id": SEGMENT, "sort_order": 10, "type": "WPM",
        "location": {"type": "Point", "coordinates": [19.85, 41.30]}, "tolerance_meters": 1, "distance_km": 0,
        "closing_offset_seconds": 0,
    },
    "speed_limit_zones": {
        "event_id": EVENT, "name": "Zone", "geofence_id": AREA, "speed_limit_kmh": 1, "tolerance_kmh": 0,
        "entry_buffer_m": 0, "min_samples": 1,
    },
    "penalty_formulas": {
        "event_id": EVENT, "belongs_to_type": "event", "type": "slz_speed", "offence_unit": "kmh", "operator": "flat",
        "offence_min": 0, "offence_max": 0.001, "occurrence_min": 1, "occurrence_max": 1, "penalty": 0,
        "outcome": "none",
    },
    "entry_segment_starts": {"entry_id": ENTRY, "segment_id": SEGMENT, "start_position": 1},
    "entry_crossings": {
        "entry_id": ENTRY, "geofence_id": AREA, "direction": "enter", "ts": "2026-06-06T06:00:00Z", "source": "gps",
        "status": "auto", "speed_kmh": 0,
    },
    "entry_penalties": {
        "entry_id": ENTRY, "stage_id": STAGE, "type": "manual", "formula_snapshot": {}, "penalty_seconds": 0,
        "source": "manual", "status": "proposed", "dedupe_key": "manual:1", "offence_value": 0, "computed_seconds": 0,
        "override_seconds": 0, "override_reason": "held back", "outcome": "none",
    },
    "stage_results": {
        "stage_id": STAGE, "entry_id": ENTRY, "class_id": CLASS, "status": "finished", "publication": "provisional",
        "raw_time_ms": 0, "penalty_seconds": 0, "total_time_ms": 0, "waypoints_missed": 0, "position_overall": 1,
        "position_class": 1, "gap_ms": 0,
    },
    "position_flags": {
        "event_id": EVENT, "device_id": DEVICE, "from_ts": "2026-06-06T06:00:00Z", "to_ts": "2026-06-06T06:00:00Z",
        "faulty": True, "reason": "jumps", "rows_affected": 0,
    },
    "device_commands": {"event_id": EVENT, "device_id": DEVICE, "entry_id": ENTRY, "command": "getgps", "params": "~"},
}  # fmt: skip


def insert(connection: psycopg.Connection[Any], table: str, row: Row) -> None:
    """Insert a row as SQL other than Directus's would."""
    given = {"id": str(uuid4()), **row}
    values = [json.dumps(value) if isinstance(value, dict) else value for value in given.values()]
    marks = ", ".join(["%s"] * len(given))
    connection.execute(f"INSERT INTO {table} ({', '.join(given)}) VALUES ({marks})", values)


def insert_all(connection: psycopg.Connection[Any]) -> None:
    """Insert one row of every collection."""
    for table, row in ROWS.items():
        insert(connection, table, row)
