"""The revision that records changes. tests/extension/test_audit.py tests the records and who may read them."""

from __future__ import annotations

from tests.course import insert_all
from tests.migrations.revising import Standing

TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%\\_audit%'"


def test_changes_are_recorded_only_after_the_revision(standing_at: Standing) -> None:
    revised = standing_at("post_0012")
    database = revised.database
    assert database.value(TRIGGERS) == 0
    database.execute("TRUNCATE audit.changes")
    with database.connect() as connection:
        insert_all(connection)
    revised.upgrade("post_0013")
    assert database.value(TRIGGERS) == 28
    assert database.value("SELECT count(*) FROM public.audit_trail") == 0
    database.execute("UPDATE public.entry_penalties SET status = 'waived'")
    assert database.rows("SELECT collection, action FROM public.audit_trail") == [("entry_penalties", "update")]


def test_a_downgrade_keeps_the_audit_trail(standing_at: Standing) -> None:
    revised = standing_at("post_0013")
    with revised.database.connect() as connection:
        insert_all(connection)
    before = revised.database.value("SELECT count(*) FROM audit.changes")
    revised.downgrade("post_0012")
    assert revised.database.value("SELECT count(*) FROM audit.changes") == before > 0
