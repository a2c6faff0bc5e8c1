from __future__ import annotations

from tests.migrations.revising import Standing, refusal

FIX = (
    "INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,"
    " attributes) VALUES ('350000000000001', '2026-06-06T08:00:00Z', 41.33, 19.82, 110, 90, 72.5, 11, 0, '8E', '{}')"
)


def test_an_existing_table_with_rows_becomes_the_hypertable(standing_at: Standing) -> None:
    revised = standing_at("pre_0003")
    revised.database.execute("CREATE TABLE kept (LIKE positions INCLUDING ALL)")
    revised.downgrade("pre_0002")
    revised.database.execute("ALTER TABLE kept RENAME TO positions")
    revised.database.execute(FIX)
    revised.upgrade("pre_0003")
    assert revised.database.value("SELECT count(*) FROM positions") == 1
    assert revised.database.value("SELECT count(*) FROM show_chunks('positions')") == 1


def test_a_hypertable_with_other_chunks_is_refused(standing_at: Standing) -> None:
    revised = standing_at("pre_0003")
    revised.database.execute("SELECT set_chunk_time_interval('positions', INTERVAL '7 days')")
    revised.forget("pre_0002")
    assert "its chunks are not one day of ts" in refusal(revised.upgrade, "pre_0003")


def test_a_table_that_lacks_columns_is_refused(standing_at: Standing) -> None:
    revised = standing_at("pre_0002")
    revised.database.execute("CREATE TABLE positions (device_id text NOT NULL, ts timestamptz NOT NULL)")
    assert "columns ingested_at, latitude, longitude" in refusal(revised.upgrade, "pre_0003")
    assert revised.database.value("SELECT version_num FROM directus_sync.alembic_version") == "pre_0002"


def test_a_downgrade_is_refused_while_positions_has_rows(standing_at: Standing) -> None:
    revised = standing_at("pre_0003")
    revised.database.execute(FIX)
    assert "positions has rows" in refusal(revised.downgrade, "pre_0002")
    assert revised.database.value("SELECT count(*) FROM positions") == 1
