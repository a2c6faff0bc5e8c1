from __future__ import annotations

from tests.migrations.revising import Standing

RECORDED = "SELECT id FROM directus_sync.revisions ORDER BY id"


def test_the_table_is_created_once_with_all_applied_revisions_and_dropped_on_downgrade(standing_at: Standing) -> None:
    revised = standing_at("pre_0007")
    assert revised.database.value("SELECT to_regclass('directus_sync.revisions') IS NULL")
    revised.upgrade("pre_0008")
    assert revised.database.rows(RECORDED) == [(f"pre_{number:04d}",) for number in range(1, 9)]
    known = "SELECT id FROM directus_sync.revisions WHERE applied_at IS NOT NULL"
    assert revised.database.rows(known) == [("pre_0008",)]
    revised.forget("pre_0007")
    before = revised.database.rows(RECORDED)
    revised.upgrade("pre_0008")
    assert revised.database.rows(RECORDED) == before
