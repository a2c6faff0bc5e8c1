from __future__ import annotations

import pytest

from tests.conftest import Tool

INDEXES = {
    "geofences_geometry_geography_idx": ("geofences", "geometry"),
    "segments_route_geography_idx": ("segments", "route"),
    "waypoints_location_geography_idx": ("waypoints", "location"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_serves_a_search_by_metres(deployed: Tool, name: str) -> None:
    table, column = INDEXES[name]
    with deployed.database.connect() as connection:
        connection.execute("SET enable_seqscan TO off")
        plan = connection.execute(
            f"EXPLAIN SELECT id FROM {table} WHERE ST_DWithin({column}::geography, ST_MakePoint(20, 41)::geography, 90)"
        ).fetchall()
    assert any(f"Index Scan using {name}" in line for (line,) in plan), plan
