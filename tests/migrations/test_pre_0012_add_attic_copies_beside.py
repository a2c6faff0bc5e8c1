from __future__ import annotations

from tests.migrations.revising import Standing, refusal

COPY = """
INSERT INTO directus_sync.attic_copies (run, command, host, sha256, collection, primary_key, rows, beside)
VALUES (gen_random_uuid(), 'push', 'h', '', 'role:member', '{}', 1, '{"directus_roles": []}')"""


def test_the_column_is_created_and_cannot_be_dropped_while_it_holds_rows(standing_at: Standing) -> None:
    revised = standing_at("pre_0012")
    assert revised.columns("attic_copies")["beside"] == "jsonb?"
    revised.database.execute(COPY)
    assert "dropping the column loses them" in refusal(revised.downgrade, "pre_0011")
    revised.database.execute("DELETE FROM directus_sync.attic_copies")
    revised.downgrade("pre_0011")
    assert "beside" not in revised.columns("attic_copies")
