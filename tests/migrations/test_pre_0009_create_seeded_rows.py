from __future__ import annotations

from tests.migrations.revising import Standing

COLUMNS = (
    "SELECT column_name::text, data_type::text, is_nullable::text FROM information_schema.columns"
    " WHERE table_schema = 'directus_sync' AND table_name = 'seeded_rows' ORDER BY ordinal_position"
)
EXPECTED = [
    ("collection", "text", "NO"),
    ("item", "text", "NO"),
    ("fields", "jsonb", "NO"),
    ("seeded_at", "timestamp with time zone", "NO"),
]


def test_the_table_comes_once_keeps_its_rows_and_goes_on_downgrade(standing_at: Standing) -> None:
    revised = standing_at("pre_0008")
    assert revised.database.rows(COLUMNS) == []
    revised.upgrade("pre_0009")
    assert revised.database.rows(COLUMNS) == EXPECTED
    revised.database.execute("INSERT INTO directus_sync.seeded_rows (collection, item, fields) VALUES ('a', '1', '{}')")
    revised.forget("pre_0008")
    revised.upgrade("pre_0009")
    assert revised.database.value("SELECT count(*) FROM directus_sync.seeded_rows") == 1
