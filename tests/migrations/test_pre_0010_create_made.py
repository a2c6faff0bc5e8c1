from __future__ import annotations

from tests.migrations.revising import Standing


def test_the_table_comes_and_goes_on_downgrade(standing_at: Standing) -> None:
    there = "SELECT to_regclass('directus_sync.made') IS NOT NULL"
    revised = standing_at("pre_0009")
    assert revised.database.value(there) is False
    revised.upgrade("pre_0010")
    assert revised.database.value(there) is True
