from __future__ import annotations

from tests.migrations.revising import Standing, refusal


def test_a_constraint_that_is_checked_at_once_is_another_one(standing_at: Standing) -> None:
    revised = standing_at("post_0003")
    name = "segments_stage_id_sort_order_key"
    revised.database.execute(f"ALTER TABLE segments ADD CONSTRAINT {name} UNIQUE (stage_id, sort_order)")
    refused = refusal(revised.upgrade, "post_0004")
    assert f"segments has another constraint named {name}: UNIQUE (stage_id, sort_order)" in refused
