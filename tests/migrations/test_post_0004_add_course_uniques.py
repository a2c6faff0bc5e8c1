from __future__ import annotations

from tests.migrations.revising import Standing, refusal


def test_a_unique_that_is_not_deferrable_counts_as_another_constraint(standing_at: Standing) -> None:
    revised = standing_at("post_0003")
    name = "segments_stage_id_sort_order_key"
    revised.database.execute(f"ALTER TABLE segments ADD CONSTRAINT {name} UNIQUE (stage_id, sort_order)")
    refused = refusal(revised.upgrade, "post_0004")
    assert f"segments has another constraint named {name}: UNIQUE (stage_id, sort_order)" in refused
