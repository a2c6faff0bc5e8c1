"""The rules for device commands. tests/integration/test_constraints.py tests each check."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.course import ENTRY, EVENT, ROWS, an_id, insert, insert_all
from tests.migrations.revising import Standing, refusal

STATES = {
    "queued": "sent_at = NULL, answered_at = NULL, answer = NULL, error = NULL",
    "sent": "sent_at = now(), answered_at = NULL, answer = NULL, error = NULL",
    "acknowledged": "sent_at = now(), answered_at = now(), answer = 'ok', error = NULL",
    "failed": "sent_at = now(), answered_at = now(), answer = NULL, error = 'no answer'",
}
# For each status, the statuses that may follow.
NEXT = {
    "queued": {"sent", "acknowledged", "failed"},
    "sent": {"acknowledged", "failed"},
    "acknowledged": set[str](),
    "failed": set[str](),
}


def become(connection: psycopg.Connection[Any], status: str) -> None:
    connection.execute(f"UPDATE device_commands SET status = '{status}', {STATES[status]}")


@pytest.mark.parametrize("before", STATES)
def test_the_status_of_a_command_only_moves_forward(session: psycopg.Connection[Any], before: str) -> None:
    insert_all(session)
    become(session, before)
    for after in STATES.keys() - {before}:
        try:
            with session.transaction(force_rollback=True):
                become(session, after)
            found = None
        except psycopg.errors.CheckViolation as error:
            found = error.diag.constraint_name
        assert found == (None if after in NEXT[before] else "device_commands_order_check"), after
    # An update to the same status is allowed.
    become(session, before)


def test_the_entry_of_a_command_must_belong_to_its_event(session: psycopg.Connection[Any]) -> None:
    insert_all(session)
    event, of_it, other = an_id("other event"), an_id("other class"), an_id("other entry")
    insert(session, "events", {**ROWS["events"], "id": event, "slug": "other"})
    insert(session, "classes", {**ROWS["classes"], "id": of_it, "event_id": event})
    insert(session, "entries", {**ROWS["entries"], "id": other, "event_id": event, "class_id": of_it})
    for change in (f"entry_id = '{other}'", f"event_id = '{event}'"):
        with pytest.raises(psycopg.errors.CheckViolation) as caught, session.transaction():
            session.execute(f"UPDATE device_commands SET {change}")
        assert caught.value.diag.constraint_name == "device_commands_same_event_check"
    session.execute(f"UPDATE device_commands SET event_id = '{event}', entry_id = '{other}'")
    session.execute("UPDATE device_commands SET entry_id = NULL")
    session.execute(f"UPDATE device_commands SET event_id = '{EVENT}'")
    session.execute(f"UPDATE device_commands SET entry_id = '{ENTRY}'")


def test_changes_of_commands_are_recorded(session: psycopg.Connection[Any]) -> None:
    insert_all(session)
    become(session, "sent")
    session.execute("DELETE FROM device_commands")
    found = session.execute(
        "SELECT action, after ->> 'status', organization_id IS NOT NULL FROM audit_trail"
        " WHERE collection = 'device_commands' ORDER BY id DESC LIMIT 3"
    ).fetchall()
    assert found == [("delete", None, True), ("update", "sent", True), ("insert", "queued", True)]


def test_the_revision_refuses_a_row_that_violates_a_check(standing_at: Standing) -> None:
    revised = standing_at("post_0017")
    with revised.database.connect() as connection:
        insert_all(connection)
    revised.database.execute("UPDATE device_commands SET status = 'sent'")
    assert "device_commands_sent_at_check can't be added" in refusal(revised.upgrade, "post_0018")
    revised.database.execute("UPDATE device_commands SET sent_at = now()")
    revised.upgrade("post_0018")
    revised.downgrade("post_0017")
    assert revised.database.value("SELECT status FROM device_commands") == "sent"
