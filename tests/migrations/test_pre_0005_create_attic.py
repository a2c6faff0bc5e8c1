from __future__ import annotations

from tests.conftest import Tool

COPY = (
    "INSERT INTO directus_sync.attic_copies (run, command, host, sha256, collection, rows, primary_key)"
    " VALUES (gen_random_uuid(), 'push', 'here', '0', 'events', 0, '{id}')"
)


def test_a_copy_is_traced_to_its_deploy_by_the_run(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0005").code == 0
    assert empty.database.value("SELECT to_regnamespace('attic')::text") == "attic"
    assert empty.database.rows(
        "SELECT table_name::text, is_nullable::text FROM information_schema.columns"
        " WHERE table_schema = 'directus_sync' AND column_name = 'run' AND data_type = 'uuid' ORDER BY 1"
    ) == [("attic_copies", "NO"), ("deploys", "YES")]


def test_the_table_of_a_copy_is_named_after_its_id(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0005").code == 0
    empty.database.execute(COPY)
    assert empty.database.rows("SELECT id, table_name FROM directus_sync.attic_copies") == [(1, "copy_1")]


def test_upgrading_again_changes_nothing(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0005").code == 0
    wanted = empty.database.schema()
    empty.database.execute("UPDATE directus_sync.alembic_version SET version_num = 'pre_0004'")
    again = empty.alembic("upgrade", "pre_0005")
    assert again.code == 0, again.text
    assert empty.database.schema() == wanted


def test_downgrade_keeps_copies(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0004").code == 0
    before = empty.database.schema()
    assert empty.alembic("upgrade", "pre_0005").code == 0
    empty.database.execute(COPY)
    refused = empty.alembic("downgrade", "pre_0004")
    assert refused.code != 0
    assert "the attic holds 1 copies, and dropping it loses them" in refused.err
    empty.database.execute("DELETE FROM directus_sync.attic_copies")
    assert empty.alembic("downgrade", "pre_0004").code == 0
    assert empty.database.schema() == before
