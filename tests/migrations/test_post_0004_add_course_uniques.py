from __future__ import annotations

import psycopg
import pytest

from tests.conftest import Tool
from tests.course import ROWS, STAGE, an_id, insert, insert_all


def test_rows_change_places_within_a_transaction_and_not_beyond(deployed: Tool) -> None:
    with deployed.database.connect() as connection:
        insert_all(connection)
        insert(connection, "stages", {**ROWS["stages"], "id": an_id("next"), "name": "Next", "sort_order": 20})
        with connection.transaction():
            connection.execute("UPDATE stages SET sort_order = 20 WHERE id = %s", (STAGE,))
            connection.execute("UPDATE stages SET sort_order = 10 WHERE id = %s", (an_id("next"),))
        with pytest.raises(psycopg.errors.UniqueViolation, match="stages_event_id_sort_order_key"):
            connection.execute("UPDATE stages SET sort_order = 7")
    assert sorted(deployed.database.rows("SELECT sort_order, name FROM stages")) == [(10, "Next"), (20, "Stage")]


def test_a_constraint_that_is_checked_at_once_is_another_one(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0003").code == 0
    name = "segments_stage_id_sort_order_key"
    deployed.database.execute(f"ALTER TABLE segments ADD CONSTRAINT {name} UNIQUE (stage_id, sort_order)")
    refused = deployed.alembic("upgrade", "post_0004")
    assert refused.code != 0
    assert f"segments has another constraint named {name}: UNIQUE (stage_id, sort_order)" in refused.err
