from __future__ import annotations

from tests.conftest import Tool
from tests.migrations.revising import Revised, refusal

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


def test_the_table_comes_once_and_goes_on_downgrade(empty: Tool) -> None:
    for arguments, there in (("upgrade", "pre_0013"), EXPECTED), (("downgrade", "pre_0012"), []):
        assert empty.alembic(*arguments).code == 0
        assert empty.database.rows(COLUMNS) == there


def test_a_downgrade_keeps_recorded_bases(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0013").code == 0
    empty.database.execute(
        "INSERT INTO directus_sync.resource_history (source, family, items) VALUES ('push', 'access', '{}')"
    )
    assert "dropping it loses the base" in refusal(Revised(empty).downgrade, "pre_0012")
    assert empty.database.value("SELECT count(*) FROM directus_sync.resource_history") == 1
