from __future__ import annotations

from tests.conftest import Tool

COLUMNS = [
    ("device_id", "text", "NO", None),
    ("ts", "timestamp with time zone", "NO", None),
    ("ingested_at", "timestamp with time zone", "NO", "now()"),
    ("latitude", "double precision", "NO", None),
    ("longitude", "double precision", "NO", None),
    ("altitude", "real", "NO", None),
    ("angle", "real", "NO", None),
    ("speed", "real", "NO", None),
    ("satellites", "smallint", "NO", None),
    ("priority", "smallint", "NO", None),
    ("codec", "text", "NO", None),
    ("attributes", "jsonb", "NO", None),
]

FIX = (
    "INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,"
    " attributes) VALUES ('350000000000001', '2026-06-06T08:00:00Z', 41.33, 19.82, 110, 90, 72.5, 11, 0, '8E', '{}')"
)


def test_positions_has_its_columns_and_indexes(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0003").code == 0
    assert (
        empty.database.rows(
            "SELECT column_name::text, data_type::text, is_nullable::text, column_default::text"
            " FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'positions'"
            " ORDER BY ordinal_position"
        )
        == COLUMNS
    )
    assert empty.database.rows(
        "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'positions'"
        " ORDER BY 1"
    ) == [
        (
            "positions_device_ts",
            "CREATE UNIQUE INDEX positions_device_ts ON public.positions USING btree (device_id, ts)",
        ),
        ("positions_ts", "CREATE INDEX positions_ts ON public.positions USING btree (ts DESC)"),
    ]


def test_a_fix_is_written_once(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0003").code == 0
    for _ in range(2):
        empty.database.execute(f"{FIX} ON CONFLICT (device_id, ts) DO NOTHING")
    assert empty.database.value("SELECT count(*) FROM positions") == 1
    assert empty.database.value("SELECT count(*) FROM show_chunks('positions')") == 1


def test_a_table_that_exists_with_rows_becomes_the_hypertable(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0003").code == 0
    empty.database.execute("CREATE TABLE kept (LIKE positions INCLUDING ALL)")
    assert empty.alembic("downgrade", "pre_0002").code == 0
    empty.database.execute("ALTER TABLE kept RENAME TO positions")
    empty.database.execute(FIX)
    again = empty.alembic("upgrade", "pre_0003")
    assert again.code == 0, again.text
    assert empty.database.value("SELECT count(*) FROM positions") == 1
    assert empty.database.value("SELECT count(*) FROM show_chunks('positions')") == 1


def test_a_hypertable_of_other_chunks_is_refused(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0003").code == 0
    empty.database.execute("SELECT set_chunk_time_interval('positions', INTERVAL '7 days')")
    empty.database.execute("DELETE FROM directus_sync.alembic_version")
    empty.database.execute("INSERT INTO directus_sync.alembic_version VALUES ('pre_0002')")
    refused = empty.alembic("upgrade", "pre_0003")
    assert refused.code != 0
    assert "its chunks are not one day of ts" in refused.err


def test_a_table_that_lacks_columns_is_refused(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0002").code == 0
    empty.database.execute("CREATE TABLE positions (device_id text NOT NULL, ts timestamptz NOT NULL)")
    refused = empty.alembic("upgrade", "pre_0003")
    assert refused.code != 0
    assert "columns ingested_at, latitude, longitude" in refused.err
    assert empty.alembic("current").out == "pre_0002\n"


def test_downgrade_keeps_positions_that_have_rows(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0003").code == 0
    empty.database.execute(FIX)
    refused = empty.alembic("downgrade", "pre_0002")
    assert refused.code != 0
    assert "positions has rows" in refused.err
    assert empty.database.value("SELECT count(*) FROM positions") == 1
