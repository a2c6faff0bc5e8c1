"""A change of the course requests that results are computed again, with a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.processes import until
from tests.redis import Redis

STREAM = "recompute:requests"
WAITING = "SELECT count(*) FROM public.recompute_requests"
POINT: Final = {"type": "Point", "coordinates": [19.001, 41.0]}


@pytest.fixture
def listening(rally_of: Rally, stream: Redis) -> Iterator[Rally]:
    """The rally, and an empty Redis."""
    stream.start()
    yield rally_of
    stream.kill()


def sent(rally: Rally, stream: Redis, count: int) -> list[tuple[str, ...]]:
    """Return the requests, once that many messages are there and no request waits."""
    until(lambda: len(stream.messages(STREAM)) >= count, 60)
    until(lambda: rally.directus.database.value(WAITING) == 0, 60)
    names = ("kind", "organization_id", "event_id", "stage_id", "requested_by")
    return [tuple(message[name] for name in names) for message in stream.messages(STREAM)]


def test_a_change_of_the_course_requests_a_recomputation(listening: Rally, stream: Redis) -> None:
    database = listening.directus.database
    of_a = ("geometry", key("A"), key("event A"))
    with listening.as_user("director-of-a") as http:
        # Neither a change elsewhere nor an equal value causes a request.
        for change in ({"name": "First"}, {"tolerance_meters": 90}):
            assert http.patch(f"/items/waypoints/{key('waypoint A')}", json=change).status_code == 200
        assert database.value(WAITING) == 0
        assert http.patch(f"/items/waypoints/{key('waypoint A')}", json={"location": POINT}).status_code == 200
    assert sent(listening, stream, 1) == [(*of_a, key("stage A"), key("director-of-a"))]

    # SQL has no user of Directus.
    database.execute(
        "UPDATE public.geofences SET geometry = ST_Translate(geometry, 0.1, 0)"
        f" WHERE event_id = '{key('event A')}'; UPDATE public.geofences SET name = 'Elsewhere'"
    )
    assert sent(listening, stream, 2)[1:] == [(*of_a, "", "")]


def test_a_rolled_back_change_requests_nothing(listening: Rally, stream: Redis) -> None:
    changes = [
        {"id": key("waypoint A"), "tolerance_meters": 70},
        # A row that the user cannot change.
        {"id": key("waypoint B"), "tolerance_meters": 70},
    ]
    with listening.as_user("director-of-a") as http:
        assert http.patch("/items/waypoints", json=changes).status_code == 403
    assert listening.directus.database.value(WAITING) == 0
    assert stream.messages(STREAM) == []
