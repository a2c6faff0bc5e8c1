from __future__ import annotations

from tests.course import ROWS, insert, insert_all
from tests.migrations.revising import Standing, refusal


def test_nulls_in_a_key_are_counted_as_equal(standing_at: Standing) -> None:
    revised = standing_at("post_0007")
    with revised.database.connect() as connection:
        insert_all(connection)
        insert(connection, "entry_crossings", ROWS["entry_crossings"])
    refused = refusal(revised.upgrade, "post_0008")
    assert "entry_crossings_target_direction_ts_key can't be added: 1 key of entry_crossings" in refused
    assert "None, …, …)  2 rows" in refused
