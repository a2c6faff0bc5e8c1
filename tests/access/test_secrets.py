"""No filter, sort, search, aggregate, count or write reveals rows or fields that a person cannot read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.access.clubs import row_id
from tests.access.conftest import Clubs, path
from tests.access.people import AWAY, FOREIGN_ADMIN, MEMBERS, STEWARD, Person

VIEWER, RIDER, MARSHAL = MEMBERS["viewer"], MEMBERS["participant"], MEMBERS["marshal"]

Filter = dict[str, Any]

AT_POINT = {
    "_intersects_bbox": {"type": "Polygon", "coordinates": [[[19, 41], [20, 41], [20, 42], [19, 42], [19, 41]]]}
}
RUNNING = {"name": {"_eq": "running"}}
SPECIAL = {"name": {"_eq": "special"}}
ELSEWHERE = {"organization_id": {"name": {"_eq": AWAY}}}
# By secret: a person, a collection and a filter. The filter must find nothing, although readable rows refer to the
# secret.
QUESTIONS: dict[str, tuple[Person, str, Filter]] = {
    "where a point of a running stage is": (VIEWER, "segments", {**SPECIAL, "waypoints": {"location": AT_POINT}}),
    "the same, by the stage": (RIDER, "stages", {**RUNNING, "segments": {"waypoints": {"location": AT_POINT}}}),
    "the same, by one of some segments": (
        RIDER,
        "stages",
        {**RUNNING, "segments": {"_some": {"waypoints": {"location": AT_POINT}}}},
    ),
    "whether a segment has points": (RIDER, "segments", {**SPECIAL, "waypoints": {"_nnull": True}}),
    "how many it has": (RIDER, "segments", {**SPECIAL, "count(waypoints)": {"_gt": 0}}),
    "whether a rival has a penalty": (
        RIDER,
        "entries",
        {"race_number": {"_eq": 302}, "entry_penalties": {"penalty_seconds": {"_gt": 0}}},
    ),
    "whether an event has a stage that is planned": (VIEWER, "events", {"stages": {"name": {"_eq": "planned"}}}),
    "who has which licence": (RIDER, "entry_crew", {"user_id": {"licence_number": {"_starts_with": "L"}}}),
    "whether a stage has a secret line": (VIEWER, "stages", {"segments": {"name": {"_eq": "special-with-line"}}}),
    "where a speed zone is": (VIEWER, "speed_limit_zones", {"geofence_id": {"geometry": AT_POINT}}),
    "a rider's phone": (VIEWER, "entry_crew", {"user_id": {"phone": {"_starts_with": "+355"}}}),
    "a rival's device": (RIDER, "entries", {"entry_devices": {"device_id": {"imei": {"_starts_with": "35"}}}}),
    "who is a member": (
        VIEWER,
        "classes",
        {"event_id": {"organization_id": {"organization_users": {"role": {"_eq": "marshal"}}}}},
    ),
    "everybody's e-mail address": (STEWARD, "directus_roles", {"users": {"email": {"_starts_with": "foreign-admin"}}}),
    "another club's name": (
        MARSHAL,
        "organizations",
        {"organization_vehicles": {"vehicle_id": {"organization_vehicles": ELSEWHERE}}},
    ),
}


def ask(client: httpx.Client, collection: str, found: Filter, **more: str) -> httpx.Response:
    place = "/roles" if collection == "directus_roles" else path(collection)
    return client.get(place, params={"limit": "-1", "fields": "id", "filter": json.dumps(found), **more})


@pytest.mark.parametrize("secret", QUESTIONS)
def test_no_filter_reveals_a_secret(guarded_clubs: Clubs, secret: str) -> None:
    person, collection, found = QUESTIONS[secret]
    answer = ask(guarded_clubs.as_(person), collection, found, meta="filter_count")
    if answer.status_code not in {400, 403}:
        assert answer.json() == {"meta": {"filter_count": 0}, "data": []}
    assert ask(guarded_clubs.served.http, collection, found).json()["data"], "an administrator finds it"


def test_nested_filters_and_sorts_reveal_nothing(guarded_clubs: Clubs) -> None:
    rider = guarded_clubs.as_(RIDER)
    deep = {"segments": {"_filter": {"waypoints": {"name": {"_eq": "point running"}}}}}
    stages = rider.get("/items/stages", params={"fields": "name,segments.name", "deep": json.dumps(deep)}).json()[
        "data"
    ]
    assert [stage["segments"] for stage in stages] == [[], []]
    for sort in ("segments.waypoints.name", "-event_id.name", "count(segments)"):
        assert rider.get("/items/stages", params={"sort": sort}).status_code == 400
    segments = rider.get("/items/segments", params={"fields": "name,count(waypoints)"}).json()["data"]
    assert {row["name"]: row["waypoints_count"] for row in segments} == {"over": "1", "special": "0", "liaison": "0"}


def test_counts_of_unreadable_lists_are_refused_or_empty(guarded_clubs: Clubs) -> None:
    rider = guarded_clubs.as_(RIDER)
    for collection, fields in (("entries", "count(entry_penalties)"), ("events", "count(stages)")):
        answer = rider.get(f"/items/{collection}", params={"fields": fields})
        assert answer.status_code == 403 or not any(value for row in answer.json()["data"] for value in row.values())


def test_a_filter_on_related_rows_finds_readable_ones(guarded_clubs: Clubs) -> None:
    rider = guarded_clubs.as_(RIDER)
    over = {"segments": {"waypoints": {"name": {"_eq": "point over"}}}}
    answer = ask(rider, "stages", over, meta="filter_count").json()
    assert answer == {"meta": {"filter_count": 1}, "data": [{"id": row_id("stages", "over")}]}
    both = {
        "class_id": {"code": {"_eq": "C-2"}},
        "entry_crew": {"user_id": {"_eq": RIDER.id}, "role": {"_eq": "pilot"}},
    }
    assert ask(rider, "entries", both).json()["data"] == [{"id": row_id("entries", "own")}]


def test_graphql_filters_reveal_nothing(guarded_clubs: Clubs) -> None:
    query = '{stages(filter: {segments: {waypoints: {name: {_starts_with: "point"}}}}) {name}}'
    answer = guarded_clubs.as_(RIDER).post("/graphql", json={"query": query}).json()
    assert answer == {"data": {"stages": [{"name": "over"}]}}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_write_by_query_is_refused_whether_it_would_find_rows_or_not(guarded_clubs: Clubs, method: str) -> None:
    for found in ({"location": AT_POINT}, {"name": {"_eq": "no such point"}}):
        body = {"query": {"filter": found}, "data": {"name": "found"}}
        answer = guarded_clubs.as_(FOREIGN_ADMIN).request(method, "/items/waypoints", json=body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"]["code"] == "QUERY_REFUSED"


@pytest.mark.parametrize("person", [VIEWER, RIDER, FOREIGN_ADMIN], ids=str)
def test_search_and_aggregates_cover_only_readable_waypoints(guarded_clubs: Clubs, person: Person) -> None:
    client = guarded_clubs.as_(person)
    seen: list[str | None] = [] if person is FOREIGN_ADMIN else ["point over"]
    mine = {
        "filter": json.dumps({"id": {"_in": [row_id("waypoints", name) for name in ("planned", "running", "over")]}})
    }
    found = client.get("/items/waypoints", params={"search": "point", "fields": "name", **mine}).json()["data"]
    assert [row["name"] for row in found] == seen
    asked = {"aggregate[max]": "name", "aggregate[min]": "name", **mine}
    (most,) = client.get("/items/waypoints", params=asked).json()["data"]
    assert {most["max"]["name"], most["min"]["name"]} == set(seen or [None])
    near = client.get(
        "/items/waypoints",
        params={"filter": json.dumps({"_and": [{"location": AT_POINT}, json.loads(mine["filter"])]})},
    )
    assert [row["name"] for row in near.json()["data"]] == seen


@pytest.mark.parametrize("person", [MARSHAL, VIEWER, STEWARD], ids=str)
@pytest.mark.parametrize("field", ["token", "password", "tfa_secret", "external_identifier", "auth_data", "birth_date"])
def test_users_cannot_be_filtered_by_secret_fields(guarded_clubs: Clubs, person: Person, field: str) -> None:
    answer = ask(guarded_clubs.as_(person), "directus_users", {field: {"_starts_with": "t"}})
    assert answer.status_code in {400, 403}
