from __future__ import annotations

from tests.conftest import Tool


def test_the_tables_lie_out_of_directus_sight(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0002").code == 0
    assert empty.database.rows(
        "SELECT table_schema::text, table_name::text FROM information_schema.tables"
        " WHERE table_name IN ('snapshot_history', 'deploys', 'alembic_version') ORDER BY 2"
    ) == [("directus_sync", "alembic_version"), ("directus_sync", "deploys"), ("directus_sync", "snapshot_history")]


def test_downgrade_keeps_recorded_snapshots(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "pre_0003").code == 0
    assert deployed.alembic("downgrade", "pre_0002").code == 0
    refused = deployed.alembic("downgrade", "pre_0001")
    assert refused.code != 0
    assert "dropping it loses the guard's base" in refused.err
    assert deployed.database.value("SELECT count(*) FROM directus_sync.snapshot_history") == 1
