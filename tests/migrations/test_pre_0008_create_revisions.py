from __future__ import annotations

from tests.conftest import Tool

RECORDED = "SELECT id FROM directus_sync.revisions ORDER BY id"


def test_the_table_comes_with_every_applied_revision_and_goes_on_downgrade(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0007").code == 0
    assert empty.alembic("upgrade", "pre_0008").code == 0
    assert empty.database.rows(RECORDED) == [(f"pre_{number:04d}",) for number in range(1, 9)]
    known = "SELECT id FROM directus_sync.revisions WHERE applied_at IS NOT NULL"
    assert empty.database.rows(known) == [("pre_0008",)]
    assert empty.alembic("downgrade", "pre_0007").code == 0
    assert empty.database.value("SELECT to_regclass('directus_sync.revisions') IS NULL")


def test_a_table_that_is_there_is_left_alone(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0008").code == 0
    empty.database.execute("UPDATE directus_sync.alembic_version SET version_num = 'pre_0007'")
    before = empty.database.rows(RECORDED)
    done = empty.alembic("upgrade", "pre_0008")
    assert done.code == 0, done.text
    assert empty.database.rows(RECORDED) == before
