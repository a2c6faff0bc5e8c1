from __future__ import annotations

from tests.migrations.revising import Standing, refusal

COLUMNS = {
    "id": "bigint", "recorded_at": "timestamp with time zone", "source": "text", "family": "text", "items": "jsonb",
}  # fmt: skip


def test_the_table_is_created_and_cannot_be_dropped_while_it_has_a_base(standing_at: Standing) -> None:
    revised = standing_at("pre_0012")
    assert revised.columns("resource_history") == {}
    revised.upgrade("pre_0013")
    assert revised.columns("resource_history") == COLUMNS
    revised.database.execute(
        "INSERT INTO directus_sync.resource_history (source, family, items) VALUES ('push', 'access', '{}')"
    )
    assert "dropping it loses the base" in refusal(revised.downgrade, "pre_0012")
    assert revised.database.value("SELECT count(*) FROM directus_sync.resource_history") == 1
