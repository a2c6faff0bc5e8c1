from __future__ import annotations

from tests.migrations.revising import Standing, refusal

COPY = (
    "INSERT INTO directus_sync.attic_copies (run, command, host, sha256, collection, rows, primary_key)"
    " VALUES (gen_random_uuid(), 'push', 'here', '0', 'events', 0, '{id}')"
)


def test_upgrading_again_changes_nothing(standing_at: Standing) -> None:
    revised = standing_at("pre_0005")
    wanted = revised.database.schema()
    revised.forget("pre_0004")
    revised.upgrade("pre_0005")
    assert revised.database.schema() == wanted


def test_a_downgrade_is_refused_while_the_attic_has_copies(standing_at: Standing) -> None:
    revised = standing_at("pre_0005")
    revised.database.execute(COPY)
    assert revised.database.rows("SELECT id, table_name FROM directus_sync.attic_copies") == [(1, "copy_1")]
    refused = refusal(revised.downgrade, "pre_0004")
    assert "the attic holds 1 copies, and dropping it loses them" in refused
    revised.database.execute("DELETE FROM directus_sync.attic_copies")
    revised.downgrade("pre_0004")
    assert revised.database.value("SELECT to_regnamespace('attic') IS NULL")
