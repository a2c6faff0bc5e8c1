from __future__ import annotations

from tests.migrations.revising import Standing, refusal
from tests.migrations.test_pre_0003_create_positions_hypertable import FIX


def test_existing_positions_are_not_faulty(standing_at: Standing) -> None:
    revised = standing_at("pre_0003")
    revised.database.execute(FIX)
    revised.upgrade("pre_0004")
    assert revised.database.rows("SELECT faulty FROM positions") == [(False,)]


def test_a_downgrade_is_refused_while_positions_are_marked_faulty(standing_at: Standing) -> None:
    revised = standing_at("pre_0004")
    revised.database.execute(f"{FIX}; UPDATE positions SET faulty = true")
    assert "1 positions are marked faulty" in refusal(revised.downgrade, "pre_0003")
    revised.database.execute("UPDATE positions SET faulty = false")
    revised.downgrade("pre_0003")
