from __future__ import annotations

from tests.migrations.revising import Standing, refusal

COLUMNS = (
    "SELECT column_name::text, data_type::text, is_nullable::text FROM information_schema.columns"
    " WHERE table_schema = 'directus_sync' AND table_name = 'resource_history' ORDER BY ordinal_position"
)
EXPECTED = [
    ("id", "bigint", "NO"),
    ("recorded_at", "timestamp with time zone", "NO"),
    ("source", "text", "NO"),
    ("family", "text", "NO"),
    ("items", "jsonb", "NO"),
]


def test_the_table_comes_and_goes_unless_it_has_a_base(standing_at: Standing) -> None:
    revised = standing_at("pre_0012")
    assert revised.database.rows(COLUMNS) == []
    revised.upgrade("pre_0013")
    assert revised.database.rows(COLUMNS) == EXPECTED
    revised.database.execute(
        "INSERT INTO directus_sync.resource_history (source, family, items) VALUES ('push', 'access', '{}')"
    )
    assert "dropping it loses the base" in refusal(revised.downgrade, "pre_0012")
    assert revised.database.value("SELECT count(*) FROM directus_sync.resource_history") == 1
