from __future__ import annotations

from tests.conftest import Tool
from tests.course import POINT, insert_all


def test_a_crossing_of_two_targets_is_in_the_way(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0008").code == 0
    with deployed.database.connect() as connection:
        insert_all(connection)
        connection.execute("UPDATE entry_crossings SET waypoint_id = %s", (POINT,))
    refused = deployed.alembic("upgrade", "post_0009")
    assert refused.code != 0
    assert "entry_crossings_target_check can't be added: 1 row of entry_crossings violates CHECK (num_no" in refused.err
