"""The starting rows of these tests are valid. `reset` inserts them without triggers, so it would not notice."""

from __future__ import annotations

from tests.conftest import Tool
from tests.extension import rally


def test_the_rows_of_the_rally_pass_triggers_and_foreign_keys(deployed: Tool) -> None:
    deployed.database.execute(f"{rally.people()};{rally.rows()}")
    assert deployed.database.value("SELECT count(*) FROM public.entries") == 2
