from __future__ import annotations

from tests.migrations.revising import Standing

COLUMNS = (
    "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'directus_sync'"
    " AND table_name = 'deploys' AND column_name IN ('account', 'image', 'commit', 'approved') ORDER BY 1"
)


def test_the_columns_and_the_table_come_and_go(standing_at: Standing) -> None:
    there = "SELECT to_regclass('directus_sync.failures') IS NOT NULL"
    revised = standing_at("pre_0013")
    assert (revised.database.value(there), len(revised.database.rows(COLUMNS))) == (False, 0)
    revised.upgrade("pre_0014")
    assert (revised.database.value(there), len(revised.database.rows(COLUMNS))) == (True, 4)
