from __future__ import annotations

from tests.migrations.revising import Standing, refusal


def test_a_missing_column_is_named_and_the_revision_is_undone(standing_at: Standing) -> None:
    revised = standing_at("post_0001")
    revised.database.execute("ALTER TABLE entries DROP COLUMN race_number")
    refused = refusal(revised.upgrade, "post_0002")
    assert "columns race_number of table entries do not exist yet" in refused
    made_before = "SELECT count(*) FROM pg_constraint WHERE conname = 'classes_event_id_code_key'"
    assert revised.database.value(made_before) == 0
