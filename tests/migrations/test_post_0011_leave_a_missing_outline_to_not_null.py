from __future__ import annotations

from tests.migrations.revising import Standing


def test_the_trigger_does_not_check_a_missing_outline(standing_at: Standing) -> None:
    """tests/integration/test_constraints.py checks the message for a missing outline."""
    definition = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'geofences_refuse_invalid_outline'"
    revised = standing_at("post_0010")
    assert "WHEN (" not in revised.database.value(definition)
    revised.upgrade("post_0011")
    assert "WHEN ((new.geometry IS NOT NULL))" in revised.database.value(definition)
