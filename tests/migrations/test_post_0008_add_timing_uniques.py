from __future__ import annotations

from tests.conftest import Tool
from tests.course import ROWS, insert, insert_all


def test_keys_with_empty_parts_are_counted_as_equal(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0007").code == 0
    with deployed.database.connect() as connection:
        insert_all(connection)
        insert(connection, "entry_crossings", ROWS["entry_crossings"])
    refused = deployed.alembic("upgrade", "post_0008")
    assert refused.code != 0
    assert "entry_crossings_target_direction_ts_key can't be added: 1 key of entry_crossings" in refused.err
    assert ", None, enter, 2026-06-06 06:00:00+00:00)  2 rows" in refused.err
