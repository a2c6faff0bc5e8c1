from __future__ import annotations

from typing import Any

import psycopg
import pytest

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
def test_a_foreign_key_is_found_by_an_index(session: psycopg.Connection[Any], table: str, column: str) -> None:
    session.execute("SET LOCAL enable_seqscan TO off")
    nobody = "00000000-0000-4000-8000-000000000001"
    plan = session.execute(f"EXPLAIN SELECT FROM {table} WHERE {column} = '{nobody}'").fetchall()
    assert any(f"{table}_{column}_" in line for (line,) in plan), plan
