from __future__ import annotations

from tests.conftest import Tool

COLUMNS = (
    "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'directus_sync'"
    " AND table_name = 'deploys' AND column_name IN ('account', 'image', 'commit', 'approved') ORDER BY 1"
)


def test_the_columns_and_the_table_come_and_go(empty: Tool) -> None:
    there = "SELECT to_regclass('directus_sync.failures') IS NOT NULL"
    for arguments, expected in ((("upgrade", "pre_0014"), True), (("downgrade", "pre_0013"), False)):
        done = empty.alembic(*arguments)
        assert done.code == 0, done.text
        assert empty.database.value(there) is expected
        assert len(empty.database.rows(COLUMNS)) == (4 if expected else 0)
