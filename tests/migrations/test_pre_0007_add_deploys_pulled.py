from __future__ import annotations

from tests.conftest import Tool

COLUMN = (
    "SELECT data_type::text, is_nullable::text FROM information_schema.columns"
    " WHERE table_schema = 'directus_sync' AND table_name = 'deploys' AND column_name = 'pulled'"
)


def test_the_column_comes_once_and_goes_on_downgrade(empty: Tool) -> None:
    for arguments, there in (("upgrade", "pre_0007"), True), (("downgrade", "pre_0006"), False):
        assert empty.alembic(*arguments).code == 0
        assert empty.database.rows(COLUMN) == [("boolean", "YES")] * there


def test_a_column_that_is_there_is_left_alone(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0006").code == 0
    empty.database.execute("ALTER TABLE directus_sync.deploys ADD pulled boolean")
    done = empty.alembic("upgrade", "pre_0007")
    assert done.code == 0, done.text
    assert empty.database.rows(COLUMN) == [("boolean", "YES")]
