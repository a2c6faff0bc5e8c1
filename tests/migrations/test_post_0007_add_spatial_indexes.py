from __future__ import annotations

from typing import Any

import psycopg
import pytest

INDEXES = {
    "geofences_geometry_geography_idx": ("geofences", "geometry"),
    "segments_route_geography_idx": ("segments", "route"),
    "waypoints_location_geography_idx": ("waypoints", "location"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_serves_a_search_by_metres(session: psycopg.Connection[Any], name: str) -> None:
    table, column = INDEXES[name]
    session.execute("SET LOCAL enable_seqscan TO off")
    plan = session.execute(
        f"EXPLAIN SELECT id FROM {table} WHERE ST_DWithin({column}::geography, ST_MakePoint(20, 41)::geography, 90)"
    ).fetchall()
    assert any(f"Index Scan using {name}" in line for (line,) in plan), plan
