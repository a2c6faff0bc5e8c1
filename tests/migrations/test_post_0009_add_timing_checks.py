from __future__ import annotations

from tests.course import POINT, insert_all
from tests.migrations.revising import Standing, refusal


def test_the_revision_refuses_a_crossing_with_two_targets(standing_at: Standing) -> None:
    revised = standing_at("post_0008")
    with revised.database.connect() as connection:
        insert_all(connection)
        connection.execute("UPDATE entry_crossings SET waypoint_id = %s", (POINT,))
    refused = refusal(revised.upgrade, "post_0009")
    assert "entry_crossings_target_check can't be added: 1 row of entry_crossings violates CHECK (num_no" in refused
