from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.course import DEVICE, EVENT, ROWS, an_id, insert, insert_all
from tests.migrations.revising import Standing, refusal

OTHER = an_id("other entry")
SWAP = "2026-06-07T12:00:00Z"


def with_another_entry(connection: psycopg.Connection[Any]) -> None:
    insert_all(connection)
    insert(connection, "entries", {**ROWS["entries"], "id": OTHER, "race_number": 2})


def test_the_revision_refuses_a_device_that_serves_two_entries(standing_at: Standing) -> None:
    revised = standing_at("post_0015")
    with revised.database.connect() as connection:
        with_another_entry(connection)
        insert(connection, "entry_devices", {"entry_id": OTHER, "device_id": DEVICE})
    refused = refusal(revised.upgrade, "post_0016")
    assert "entry_devices_device_id_excl can't be added: devices serve two entries" in refused
    assert f"{ROWS['devices']['imei']}: entries " in refused
    revised.database.execute(
        f"UPDATE entry_devices SET until_at = '{SWAP}' WHERE entry_id <> '{OTHER}';"
        f"UPDATE entry_devices SET from_at = '{SWAP}' WHERE entry_id = '{OTHER}'"
    )
    revised.upgrade("post_0016")


def test_a_device_can_serve_one_entry_after_another(session: psycopg.Connection[Any]) -> None:
    with_another_entry(session)
    second = {"entry_id": OTHER, "device_id": DEVICE, "from_at": SWAP}
    with pytest.raises(psycopg.errors.ExclusionViolation), session.transaction():
        insert(session, "entry_devices", second)
    session.execute("UPDATE entry_devices SET until_at = %s", (SWAP,))
    insert(session, "entry_devices", second)


def test_a_device_can_serve_in_two_events(session: psycopg.Connection[Any]) -> None:
    insert_all(session)
    event, of_it = an_id("other event"), an_id("other class")
    insert(session, "events", {**ROWS["events"], "id": event, "slug": "other"})
    insert(session, "classes", {**ROWS["classes"], "id": of_it, "event_id": event})
    insert(session, "entries", {**ROWS["entries"], "id": OTHER, "event_id": event, "class_id": of_it})
    insert(session, "entry_devices", {"entry_id": OTHER, "device_id": DEVICE})


@pytest.mark.parametrize("zone", ["Mars/Phobos", "posix/Europe/Tirane", "+02:00", "FOO5"])
def test_an_invalid_time_zone_is_refused(session: psycopg.Connection[Any], zone: str) -> None:
    insert_all(session)
    with pytest.raises(psycopg.errors.CheckViolation, match="is no time zone") as caught, session.transaction():
        session.execute("UPDATE events SET timezone = %s WHERE id = %s", (zone, EVENT))
    assert caught.value.diag.constraint_name == "events_timezone_check"
    session.execute("UPDATE events SET timezone = 'America/Argentina/Buenos_Aires'")
