from __future__ import annotations

from tests.migrations.revising import Standing


def test_the_column_is_dropped_on_downgrade_and_may_already_exist(standing_at: Standing) -> None:
    revised = standing_at("pre_0006")
    assert "pulled" not in revised.columns("deploys")
    revised.database.execute("ALTER TABLE directus_sync.deploys ADD pulled boolean")
    revised.upgrade("pre_0007")
