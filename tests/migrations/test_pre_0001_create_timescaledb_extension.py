from __future__ import annotations

from tests.migrations.revising import Standing


def test_the_extension_stays_on_downgrade_and_may_already_exist(standing_at: Standing) -> None:
    revised = standing_at("pre_0001")
    revised.downgrade("pre@base")
    assert revised.database.value("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
    revised.upgrade("pre_0001")
