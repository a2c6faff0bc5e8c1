from __future__ import annotations

from tests.conftest import Tool


def test_the_table_comes_once_and_goes_on_downgrade(empty: Tool) -> None:
    there = "SELECT to_regclass('directus_sync.made') IS NOT NULL"
    for arguments, expected in ((("upgrade", "pre_0010"), True), (("downgrade", "pre_0009"), False)):
        assert empty.alembic(*arguments).code == 0
        assert empty.database.value(there) is expected
