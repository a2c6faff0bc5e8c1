from __future__ import annotations

from tests.migrations.revising import Standing


def test_the_table_is_created_and_dropped_on_downgrade(standing_at: Standing) -> None:
    revised = standing_at("pre_0009")
    assert not revised.columns("made")
    revised.upgrade("pre_0010")
    assert revised.columns("made")
