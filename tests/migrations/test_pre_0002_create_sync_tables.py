from __future__ import annotations

from tests.conftest import Tool
from tests.migrations.revising import Revised, Standing, refusal


def test_the_tables_are_in_a_schema_that_directus_does_not_see(standing_at: Standing) -> None:
    revised = standing_at("pre_0002")
    tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'directus_sync'::regnamespace AND relkind = 'r'"
    # A downgrade keeps the table `lock`, because the downgrade itself holds the lock.
    wanted = {"alembic_version", "deploys", "lock", "snapshot_history"}
    assert {name for (name,) in revised.database.rows(tables)} == wanted


def test_a_downgrade_keeps_recorded_snapshots(deployed: Tool) -> None:
    revised = Revised(deployed)
    deployed.database.execute("TRUNCATE directus_sync.resource_history, audit.changes")
    revised.downgrade("post_0012")
    revised.downgrade("pre_0002")
    assert "dropping it loses the guard's base" in refusal(revised.downgrade, "pre_0001")
    assert deployed.database.value("SELECT count(*) FROM directus_sync.snapshot_history") == 1
