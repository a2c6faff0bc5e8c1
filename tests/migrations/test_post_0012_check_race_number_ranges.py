from __future__ import annotations

from tests.course import CLASS, insert_all
from tests.migrations.revising import Standing, refusal


def test_the_revision_refuses_an_empty_range_of_numbers(standing_at: Standing) -> None:
    revised = standing_at("post_0011")
    with revised.database.connect() as connection:
        insert_all(connection)
        connection.execute(
            "UPDATE classes SET race_number_min = 300, race_number_max = 299 WHERE id = %s",
            (CLASS,),
        )
    refused = refusal(revised.upgrade, "post_0012")
    assert "classes_race_number_max_check can't be added: 1 row of classes violates CHECK (race_number_max" in refused
