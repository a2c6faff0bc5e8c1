from __future__ import annotations

from tests.migrations.revising import Standing

COLUMNS = {"collection": "text", "item": "text", "fields": "jsonb", "seeded_at": "timestamp with time zone"}


def test_the_table_is_created_once_keeps_its_rows_and_is_dropped_on_downgrade(standing_at: Standing) -> None:
    revised = standing_at("pre_0008")
    assert revised.columns("seeded_rows") == {}
    revised.upgrade("pre_0009")
    assert revised.columns("seeded_rows") == COLUMNS
    revised.database.execute("INSERT INTO directus_sync.seeded_rows (collection, item, fields) VALUES ('a', '1', '{}')")
    revised.forget("pre_0008")
    revised.upgrade("pre_0009")
    assert revised.database.value("SELECT count(*) FROM directus_sync.seeded_rows") == 1
