from __future__ import annotations

from typing import Any

import psycopg


def test_shapes_are_indexed_as_geographies(session: psycopg.Connection[Any]) -> None:
    """tests/integration/test_spatial.py checks that query plans use the indexes."""
    found = session.execute("SELECT tablename::text FROM pg_indexes WHERE indexdef ~ 'USING gist .*::.*geography'")
    assert {table for (table,) in found} == {"geofences", "segments", "waypoints"}
