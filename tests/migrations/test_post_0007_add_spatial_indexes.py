from __future__ import annotations

from typing import Any

import psycopg


def test_shapes_are_indexed_as_geographies(session: psycopg.Connection[Any]) -> None:
    """That the plans use them is in tests/integration/test_spatial.py."""
    found = session.execute("SELECT tablename::text FROM pg_indexes WHERE indexdef ~ 'USING gist .*::.*geography'")
    assert {table for (table,) in found} == {"geofences", "segments", "waypoints"}
