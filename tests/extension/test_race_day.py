"""A race day from registration to official results. Each step is done by the user whose job it is.

The users have the project's own role, to show that access files, extension and schema fit together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import ROLE, key
from tests.extension.test_tenant_guard import code

# The role of every member, from snapshots/access/access.yaml.
MEMBER = "6f2b5c1e-0d3a-5b8e-9a51-3c0d5f6b7a01"
PEOPLE = ("admin", "director", "marshal", "timekeeper", "participant", "viewer")
STAGE = f"stages/{key('stage A')}"


class Person:
    """A user's requests to the API."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def does(self, method: str, path: str, **body: object) -> Any:
        answer = self.http.request(method, path, json=body or None)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def creates(self, collection: str, **row: object) -> Any:
        return self.does("POST", f"/items/{collection}", **row)

    def changes(self, item: str, **values: object) -> Any:
        return self.does("PATCH", f"/items/{item}", **values)


@pytest.fixture
def people(rally_of: Rally) -> Iterator[dict[str, Person]]:
    directus = rally_of.directus
    role = "UPDATE public.directus_users SET role = '{}' WHERE email LIKE '%-of-a@example.com'"
    with ExitStack() as clients:
        clients.callback(directus.forget)
        clients.callback(directus.database.execute, role.format(ROLE))
        directus.database.execute(role.format(MEMBER))
        directus.forget()
        yield {name: Person(clients.enter_context(rally_of.as_user(f"{name}-of-a"))) for name in PEOPLE}


def test_a_race_day_needs_no_administrator(rally_of: Rally, people: dict[str, Person]) -> None:
    database = rally_of.directus.database
    admin, director, marshal, timekeeper, participant, viewer = (people[name] for name in PEOPLE)
    admin.changes(f"events/{key('event A')}", notes="Scrutineering at 18:00")

    # Registration, by the rider and then by the organisers.
    body = {"event_id": key("event A"), "class_id": key("class A"), "vehicle_id": key("vehicle A"), "role": "rider"}
    entry = participant.does("POST", "/trm/entries", **body)["id"]
    participant.creates("entry_crew", entry_id=entry, user_id=key("marshal-of-a"), role="mechanic")
    director.creates("entry_devices", entry_id=entry, device_id=key("device A"))
    director.changes(f"entries/{entry}", status="confirmed")

    # The stage opens. Its course exists, and it is already published.
    director.changes(STAGE, status="open")
    (start,) = viewer.does("GET", f"/items/entry_segment_starts?filter[entry_id][_eq]={entry}")
    assert (start["start_position"], start["target_at"]) == (1, "2026-06-07T06:00:00.000Z")
    timekeeper.changes(f"entry_segment_starts/{start['id']}", target_at="2026-06-07T06:05:00Z", manual_override=True)
    director.changes(f"entries/{entry}", status="started")

    # During the stage: a manual crossing, a range of faulty positions, a penalty.
    passage = {"entry_id": entry, "direction": "pass", "source": "manual", "status": "confirmed"}
    timekeeper.creates("entry_crossings", **passage, ts="2026-06-07T06:30:00Z", waypoint_id=key("waypoint A"))
    database.execute(
        "INSERT INTO public.positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites,"
        " priority, codec, attributes) SELECT imei, '2026-06-07 06:20Z', 41, 19, 0, 0, 0, 9, 0, '8E', '{}'"
        f" FROM public.devices WHERE id = '{key('device A')}'"
    )
    stretch = {"from_ts": "2026-06-07T06:19:00Z", "to_ts": "2026-06-07T06:21:00Z", "reason": "tunnel"}
    flag = marshal.creates("position_flags", event_id=key("event A"), device_id=key("device A"), **stretch)
    assert flag["rows_affected"] == 1
    penalty = director.creates(
        "entry_penalties", entry_id=entry, stage_id=key("stage A"), type="manual", penalty_seconds=60, source="manual",
        status="proposed",
    )  # fmt: skip
    assert (penalty["issued_by"], penalty["formula_snapshot"]) == (key("director-of-a"), {})

    # In the evening: the processor has computed the results, the director decides the penalty and publishes.
    director.changes(STAGE, status="closed")
    database.execute(
        "INSERT INTO public.stage_results (id, stage_id, entry_id, class_id, status, raw_time_ms, total_time_ms)"
        f" VALUES ('{key('result')}', '{key('stage A')}', '{entry}', '{key('class A')}', 'finished', 1500000, 1560000)"
    )
    result = f"/items/stage_results/{key('result')}"
    refused = director.http.patch(result, json={"publication": "official"})
    assert code(refused) == (409, "PENALTIES_PROPOSED")
    director.changes(f"entry_penalties/{penalty['id']}", status="confirmed")
    assert director.does("PATCH", result, publication="official")["published_by"] == key("director-of-a")
    director.changes(STAGE, status="official")
    assert viewer.does("GET", result)["publication"] == "official"
