from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.course import AREA, EVENT, POINT, SEGMENT, STAGE, insert_all
from tests.migrations.revising import Standing

ASKED = "SELECT event_id::text, stage_id::text, kind FROM recompute_requests"
MOVED = "geometry = ST_Translate(geometry, 0.01, 0)"
CHANGES = {
    f"geofences SET {MOVED} WHERE id = '{AREA}'": None,
    f"waypoints SET tolerance_meters = 2 WHERE id = '{POINT}'": STAGE,
    "waypoints SET location = ST_SetSRID(ST_MakePoint(19.86, 41.3), 4326)": STAGE,
    "speed_limit_zones SET speed_limit_kmh = 2": None,
    f"speed_limit_zones SET segment_id = '{SEGMENT}'": STAGE,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_place_requests_one_recomputation(session: psycopg.Connection[Any], change: str) -> None:
    insert_all(session)
    for _ in range(2):
        # Repeating a change has no effect, except for the outline, which would move again.
        if MOVED not in change or not session.execute(ASKED).fetchall():
            session.execute(f"UPDATE {change}")
    assert session.execute(ASKED).fetchall() == [(EVENT, CHANGES[change], "geometry")]


def test_other_changes_request_nothing(session: psycopg.Connection[Any]) -> None:
    insert_all(session)
    for change in ("geofences SET name = 'x', geometry = geometry", "waypoints SET name = 'x'"):
        session.execute(f"UPDATE {change}")
    assert session.execute(ASKED).fetchall() == []


def test_changed_places_request_a_recomputation_only_after_the_revision(standing_at: Standing) -> None:
    revised = standing_at("post_0018")
    with revised.database.connect() as connection:
        insert_all(connection)
    change = "UPDATE speed_limit_zones SET speed_limit_kmh = speed_limit_kmh + 1"
    revised.database.execute(change)
    assert revised.database.rows(ASKED) == []
    revised.upgrade("post_0019")
    revised.database.execute(change)
    assert len(revised.database.rows(ASKED)) == 1
    revised.downgrade("post_0018")
    revised.database.execute(change)
    assert len(revised.database.rows(ASKED)) == 1
