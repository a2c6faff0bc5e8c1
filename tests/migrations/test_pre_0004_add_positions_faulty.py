from __future__ import annotations

from tests.conftest import Tool
from tests.migrations.test_pre_0003_create_positions_hypertable import FIX


def test_positions_written_before_are_not_faulty(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0003").code == 0
    empty.database.execute(FIX)
    assert empty.alembic("upgrade", "pre_0004").code == 0
    assert empty.database.rows("SELECT faulty FROM positions") == [(False,)]
    assert empty.database.value("SELECT indexdef FROM pg_indexes WHERE indexname = 'positions_faulty_idx'") == (
        "CREATE INDEX positions_faulty_idx ON public.positions USING btree (device_id, ts DESC) WHERE (faulty = false)"
    )


def test_downgrade_keeps_marks(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0004").code == 0
    empty.database.execute(FIX)
    empty.database.execute("UPDATE positions SET faulty = true")
    refused = empty.alembic("downgrade", "pre_0003")
    assert refused.code != 0
    assert "1 positions are marked faulty" in refused.err
    empty.database.execute("UPDATE positions SET faulty = false")
    assert empty.alembic("downgrade", "pre_0003").code == 0


def test_a_table_lock_that_others_hold_is_waited_for(empty: Tool) -> None:
    assert empty.alembic("upgrade", "pre_0003").code == 0
    with empty.database.connect() as reader:
        reader.autocommit = False
        reader.execute("SELECT count(*) FROM positions")
        migration = empty.start("upgrade", "pre_0004", program="alembic")
        # Longer than one lock_timeout, so that the first attempt has failed.
        waited = empty.database.value(
            "SELECT count(*) FROM generate_series(1, 6) AS second, LATERAL (SELECT pg_sleep(1 + second * 0)) AS pause"
        )
        assert (waited, migration.poll()) == (6, None)
        reader.rollback()
    done = empty.wait_for(migration)
    assert done.code == 0, done.text
    assert empty.alembic("current").out == "pre_0004\n"
