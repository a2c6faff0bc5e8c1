from __future__ import annotations

from tests.migrations.revising import Standing


def test_the_table_stays_on_downgrade_and_may_already_exist(standing_at: Standing) -> None:
    revised = standing_at("pre_0010")
    assert revised.database.value("SELECT to_regclass('directus_sync.lock') IS NOT NULL")
    revised.upgrade("pre_0011")
