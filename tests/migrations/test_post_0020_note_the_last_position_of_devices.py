from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from tests.course import ROWS, insert_all
from tests.migrations.revising import Standing

IMEI = ROWS["devices"]["imei"]
NOTED = "SELECT to_char(last_position_at AT TIME ZONE 'UTC', 'HH24:MI:SS') FROM devices"


def arriving(times: Sequence[str], imei: str = IMEI) -> str:
    rows = ", ".join(f"('{imei}', '2026-06-07T{time}Z', 41, 19, 0, 0, 0, 9, 0, '8E', '{{}}')" for time in times)
    return (
        "INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority,"
        f" codec, attributes) VALUES {rows}"
    )


def test_the_last_position_is_updated_at_most_every_half_minute(session: psycopg.Connection[Any]) -> None:
    insert_all(session)
    steps = {"06:00:00": "06:00:00", "06:00:29": "06:00:00", "06:00:30": "06:00:30", "06:02:00": "06:02:00"}
    for arrived, noted in steps.items():
        session.execute(arriving([arrived]))
        assert session.execute(NOTED).fetchone() == (noted,)
    # Positions that arrive late, and those of an unregistered device, change nothing.
    session.execute(arriving(["06:01:00"]))
    session.execute(arriving(["07:00:00"], "350000000000099"))
    assert session.execute(NOTED).fetchone() == ("06:02:00",)
    session.execute("UPDATE positions SET faulty = true WHERE ts >= '2026-06-07T06:01:00Z'")
    assert session.execute(NOTED).fetchone() == ("06:00:30",)


def test_a_writer_of_positions_needs_no_right_on_devices(session: psycopg.Connection[Any]) -> None:
    insert_all(session)
    session.execute("SET LOCAL ROLE trm_processor")
    session.execute(arriving(["06:00:00"]))
    session.execute("RESET ROLE")
    assert session.execute(NOTED).fetchone() == ("06:00:00",)


def test_existing_positions_are_noted(standing_at: Standing) -> None:
    revised = standing_at("post_0019")
    with revised.database.connect() as connection:
        insert_all(connection)
    revised.database.execute(arriving(["06:00:00", "06:00:10"]))
    assert revised.database.value(NOTED) is None
    revised.upgrade("post_0020")
    assert revised.database.value(NOTED) == "06:00:10"
    revised.downgrade("post_0019")
    revised.database.execute(arriving(["07:00:00"]))
    assert revised.database.value(NOTED) == "06:00:10"
