from __future__ import annotations

from typing import Any

import psycopg

FOREIGN_KEYS = {
    "entry_devices.device_id", "entry_crossings.segment_id", "entry_crossings.geofence_id",
    "entry_crossings.waypoint_id", "entry_penalties.stage_id", "stage_results.entry_id", "position_flags.device_id",
}  # fmt: skip


def test_each_foreign_key_is_the_first_column_of_an_index(session: psycopg.Connection[Any]) -> None:
    found = session.execute(
        "SELECT attrelid::regclass::text || '.' || attname FROM pg_index"
        " JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
    )
    assert {column for (column,) in found} >= FOREIGN_KEYS
