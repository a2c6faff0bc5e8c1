from __future__ import annotations

from tests.conftest import Tool


def test_the_table_comes_and_stays_on_downgrade_so_that_it_can_come_again(empty: Tool) -> None:
    for arguments in (("upgrade", "pre_0011"), ("downgrade", "pre_0010"), ("upgrade", "pre_0011")):
        done = empty.alembic(*arguments)
        assert done.code == 0, done.text
        assert empty.database.value("SELECT to_regclass('directus_sync.lock') IS NOT NULL")
