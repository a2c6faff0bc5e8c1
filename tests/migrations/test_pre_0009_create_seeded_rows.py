from __future__ import annotations

from tests.conftest import Tool

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


def test_the_table_comes_once_and_goes_on_downgrade(empty: Tool) -> None:
    for arguments, there in (("upgrade", "pre_0009"), EXPECTED), (("downgrade", "pre_0008"), []):
        assert empty.alembic(*arguments).code == 0
        assert empty.database.rows(COLUMNS) == there


def test_a_table_that_is_there_keeps_its_rows(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0009").code == 0
    empty.database.execute("INSERT INTO directus_sync.seeded_rows (collection, item, fields) VALUES ('a', '1', '{}')")
    empty.database.execute("UPDATE directus_sync.alembic_version SET version_num = 'pre_0008'")
    done = empty.alembic("upgrade", "pre_0009")
    assert done.code == 0, done.text
    assert empty.database.value("SELECT count(*) FROM directus_sync.seeded_rows") == 1
