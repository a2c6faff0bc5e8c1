from __future__ import annotations

import pytest

from tests.conftest import RunningDirectus

INDEXES = [
    ("entry_devices", "device_id"),
    ("entry_crossings", "segment_id"),
    ("entry_crossings", "geofence_id"),
    ("entry_crossings", "waypoint_id"),
    ("entry_penalties", "stage_id"),
    ("stage_results", "entry_id"),
    ("position_flags", "device_id"),
]


@pytest.mark.parametrize(("table", "column"), INDEXES)
def test_a_foreign_key_is_found_by_an_index_that_directus_does_not_see(
    directus: RunningDirectus, table: str, column: str
) -> None:
    with directus.database.connect() as connection:
        connection.execute("SET enable_seqscan TO off")
        plan = connection.execute(
            f"EXPLAIN SELECT FROM {table} WHERE {column} = '00000000-0000-4000-8000-000000000001'"
        ).fetchall()
    assert any(f"{table}_{column}_" in line for (line,) in plan), plan
    field = directus.http.get(f"/fields/{table}/{column}").json()["data"]
    assert field["schema"]["is_indexed"] is False
