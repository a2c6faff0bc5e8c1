"""A flag marks positions as faulty and then requests their recomputation, with a real Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code
from tests.processes import until
from tests.redis import Redis

STREAM = "recompute:requests"
IMEI = f"35000000000000{ord('A') % 10}"
START = "2026-06-07T06:00:00"
FLAG = {
    "event_id": key("event A"),
    "device_id": key("device A"),
    "from_ts": f"{START}Z",
    "to_ts": "2026-06-07T06:09:59Z",
    "reason": "jumps",
}
UNSENT = "SELECT count(*) FROM public.position_flags WHERE emitted_at IS NULL"
FAULTY = "SELECT count(*) FROM public.positions WHERE faulty"


@pytest.fixture
def flagging(rally_of: Rally, stream: Redis) -> Iterator[Rally]:
    """The rally with 600 positions of one device, and an empty Redis."""
    rally_of.directus.database.execute(
        "INSERT INTO public.positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites,"
        f" priority, codec, attributes) SELECT '{IMEI}', timestamptz '{START}Z' + n * interval '1 s', 41, 19, 0, 0, 0,"
        " 9, 0, '8E', '{}' FROM generate_series(0, 599) AS n"
    )
    stream.start()
    yield rally_of
    stream.kill()


def test_a_flag_marks_positions_and_requests_their_recomputation(flagging: Rally, stream: Redis) -> None:
    database = flagging.directus.database
    with flagging.as_user("marshal-of-a") as http:
        # The extension sets these fields and ignores the user's values.
        said = {"rows_affected": 7, "emitted_at": "2026-06-07T06:00:00Z"}
        flag = http.post("/items/position_flags", json={**FLAG, **said}).json()["data"]
        assert (flag["rows_affected"], database.value(FAULTY)) == (600, 600)
        until(lambda: database.value(UNSENT) == 0, 30)
        (message,) = stream.messages(STREAM)
        expected = {
            "v": "1",
            "request_id": flag["id"],
            "kind": "positions_faulty",
            "organization_id": key("A"),
            "event_id": key("event A"),
            "stage_id": "",
            "entry_id": "",
            "device_id": IMEI,
            "from_ts": f"{START}.000Z",
            "to_ts": "2026-06-07T06:09:59.000Z",
            "faulty": "true",
            "rows_affected": "600",
            "requested_by": key("marshal-of-a"),
        }
        assert {name: message[name] for name in expected} == expected

        # The first half is marked as good again.
        back = {**FLAG, "faulty": False, "to_ts": "2026-06-07T06:04:59Z"}
        assert http.post("/items/position_flags", json=back).json()["data"]["rows_affected"] == 300
        assert database.value(FAULTY) == 300


REFUSED: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "longer than a day": ({"to_ts": "2026-06-08T06:00:01Z"}, (400, "WINDOW_TOO_LARGE")),
    "before the event": (
        {"from_ts": "2026-06-04T00:00:00Z", "to_ts": "2026-06-04T01:00:00Z"},
        (400, "WINDOW_TOO_LARGE"),
    ),
    "without positions": ({"from_ts": "2026-06-07T05:00:00Z", "to_ts": "2026-06-07T05:01:00Z"}, (400, "NO_POSITIONS")),
    "of another organisation": ({"device_id": key("device B")}, (403, "TENANT_FORBIDDEN")),
    "backwards": ({"to_ts": "2026-06-07T05:00:00Z"}, (400, "CONSTRAINT_VIOLATED")),
}


def test_a_refused_flag_changes_nothing(flagging: Rally, stream: Redis) -> None:
    database = flagging.directus.database
    with flagging.as_user("marshal-of-a") as http:
        for case, (change, wanted) in REFUSED.items():
            bad = {**FLAG, **change}
            assert code(http.post("/items/position_flags", json=bad)) == wanted, case
            # In a list, the first flag has already marked its positions.
            assert code(http.post("/items/position_flags", json=[FLAG, bad])) == wanted, case
    assert (database.value(FAULTY), database.value("SELECT count(*) FROM public.position_flags")) == (0, 0)
    assert stream.messages(STREAM) == []


def test_a_flag_of_a_new_device_is_refused(flagging: Rally) -> None:
    device = {"imei": "350000000000099", "model": "FMB920"}
    with flagging.as_user("admin-of-a") as http:
        for client in (http, flagging.directus.http):
            answer = client.post("/items/position_flags", json={**FLAG, "device_id": device})
            assert code(answer) == (403, "TENANT_FORBIDDEN")
    assert flagging.directus.database.value("SELECT count(*) FROM public.position_flags") == 0


def test_a_flag_is_answered_at_once_and_sent_when_redis_is_there(flagging: Rally, stream: Redis) -> None:
    database = flagging.directus.database
    stream.kill()
    with flagging.as_user("marshal-of-a") as http:
        began = time.monotonic()
        flag = http.post("/items/position_flags", json=FLAG)
        assert (flag.status_code, time.monotonic() - began < 1) == (200, True)
        assert database.value(FAULTY) == 600
        assert database.value(UNSENT) == 1
        assert http.get("/items/events").status_code == 200
    stream.start()
    until(lambda: database.value(UNSENT) == 0, 60)
    assert [message["request_id"] for message in stream.messages(STREAM)] == [flag.json()["data"]["id"]]


def test_two_replicas_send_each_request_once(flagging: Rally, replica: Rally, stream: Redis) -> None:
    database = flagging.directus.database
    stream.kill()
    for server in (flagging, replica):
        for _ in range(10):
            server.directus.create("position_flags", **FLAG)
    assert database.value(UNSENT) == 20
    stream.start()
    until(lambda: database.value(UNSENT) == 0, 60)
    sent = [message["request_id"] for message in stream.messages(STREAM)]
    wanted = [row[0] for row in database.rows("SELECT id::text FROM public.position_flags")]
    assert sorted(sent) == sorted(wanted)
