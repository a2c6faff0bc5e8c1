from __future__ import annotations

from tests.conftest import Tool
from tests.migrations.revising import Revised, refusal


def test_a_downgrade_is_refused_while_triggers_record_into_the_trail(deployed: Tool) -> None:
    assert "alembic downgrade post_0012" in refusal(Revised(deployed).downgrade, "pre_0014")


def test_the_trail_is_created_once_and_dropped_only_while_it_is_empty(bootstrapped: Tool) -> None:
    revised = Revised(bootstrapped)
    database = revised.database
    revised.forget("pre_0014")
    revised.upgrade("pre_0015")
    database.execute("INSERT INTO audit.changes (collection, item, action) VALUES ('events', '1', 'delete')")
    assert "the audit trail has 1 changes, and dropping it loses them" in refusal(revised.downgrade, "pre_0014")
    database.execute("TRUNCATE audit.changes")
    revised.downgrade("pre_0014")
    assert database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'audit'") == 0
