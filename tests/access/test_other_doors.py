"""The same rights over GraphQL and WebSocket, refusals by Directus alone, and the end of a membership."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.access import matrix, new_rows
from tests.access.clubs import labels, row_id
from tests.access.conftest import Clubs, Row, path
from tests.access.matrix import COLLECTIONS, READ
from tests.access.people import (
    AWAY,
    BOTH,
    CLUBS,
    FOREIGN_RIDER,
    HOME,
    MEMBERS,
    PUBLIC,
    STEWARD,
    STRANGER,
    Person,
)
from tests.access.sockets import talk
from tests.serving import switched_off

# A sample of the people in test_matrix, because requests take as long here. Users have their own endpoint.
SAMPLE = pytest.mark.parametrize("person", [BOTH, MEMBERS["timekeeper"], MEMBERS["viewer"], STRANGER], ids=str)
ITEMS = [collection for collection in COLLECTIONS if collection != "directus_users"]


def readable(person: Person, collection: str) -> set[str]:
    found = {club: matrix.rows(person, club, collection, READ) for club in CLUBS}
    return {row_id(collection, label, club) for club, rows in found.items() for label in rows}


@SAMPLE
def test_graphql_shows_the_same_rows_as_rest(guarded_clubs: Clubs, person: Person) -> None:
    query = "{" + " ".join(f"{collection}(limit: -1) {{id}}" for collection in ITEMS) + "}"
    found = guarded_clubs.as_(person).post("/graphql", json={"query": query}).json()["data"]
    for collection in ITEMS:
        assert {row["id"] for row in found[collection]} == readable(person, collection), collection


@SAMPLE
def test_a_websocket_allows_the_same_reads_and_changes_as_rest(
    guarded_clubs: Clubs, stored: Mapping[str, Mapping[str, Row]], person: Person
) -> None:
    sample = ITEMS[::3]
    changes = [
        (collection, row_id(collection, label, club), matrix.changed(person, club, collection, label))
        for collection in sample
        for club in CLUBS
        for label in labels(collection, club)[:1]
    ]
    reads = [{"type": "items", "action": "read", "collection": name, "query": {"limit": -1}} for name in sample]
    writes = [change(stored, *tried) for tried in changes]
    answers = talk(guarded_clubs, person, [*reads, *writes])
    for collection, answer in zip(sample, answers, strict=False):
        assert {row["id"] for row in answer["data"]} == readable(person, collection), collection
    for tried, answer in zip(changes, answers[len(reads) :], strict=True):
        assert ("error" in answer) is not bool(tried[2]), (tried, answer)


def change(stored: Mapping[str, Mapping[str, Row]], collection: str, key: str, fields: set[str]) -> dict[str, Any]:
    """Return a message that sets one of the fields, or any field, to its current value."""
    row = stored[collection][key]
    field = sorted(fields)[0] if fields else next(name for name in row if name not in {"id", "organization_users"})
    return {"type": "items", "action": "update", "collection": collection, "id": key, "data": {field: row[field]}}


def test_a_websocket_refuses_writes_by_query_and_filtered_subscriptions(guarded_clubs: Clubs) -> None:
    found = {"filter": {"name": {"_eq": "point running"}}}
    write = {"type": "items", "action": "update", "collection": "waypoints", "query": found, "data": {"name": "x"}}
    listen = {"type": "subscribe", "collection": "segments", "query": {"filter": {"waypoints": found["filter"]}}}
    answers = talk(guarded_clubs, MEMBERS["viewer"], [write, {**write, "action": "delete"}, listen])
    assert [answer["error"]["code"] for answer in answers] == ["QUERY_REFUSED"] * 3


def test_graphql_shows_nothing_to_the_public(guarded_clubs: Clubs) -> None:
    answer = guarded_clubs.as_(PUBLIC).post("/graphql", json={"query": "{events {id}}"})
    assert "errors" in answer.json()


@pytest.mark.parametrize(
    "collection", ["organization_users", "events", "classes", "entries", "stages", "position_flags"]
)
def test_directus_alone_refuses_new_rows_in_another_club(guarded_clubs: Clubs, collection: str) -> None:
    with switched_off(guarded_clubs.served, "trm-tenant-guard"):
        for person in (MEMBERS["org-admin"], STRANGER):
            answer = guarded_clubs.as_(person).post(path(collection), json=new_rows.new_row(collection, AWAY))
            assert "FAILED_VALIDATION" in answer.text, answer.text


def test_a_deleted_membership_ends_access_at_the_next_request(guarded_clubs: Clubs) -> None:
    client = guarded_clubs.as_(BOTH)
    key = row_id("organization_users", BOTH.name)
    assert client.get(path("events", row_id("events", "now"))).status_code == 200
    with guarded_clubs.kept("organization_users", key):
        assert guarded_clubs.served.http.delete(path("organization_users", key)).status_code == 204
        assert client.get(path("events", row_id("events", "now"))).status_code == 403
        assert client.patch(path("events", row_id("events", "now")), json={"notes": "x"}).status_code == 403
        assert client.get(path("events", row_id("events", "now", AWAY))).status_code == 200
    assert client.get(path("events", row_id("events", "now"))).status_code == 200


def test_a_batch_with_a_forbidden_row_changes_nothing(guarded_clubs: Clubs) -> None:
    client = guarded_clubs.as_(MEMBERS["org-admin"])
    mine, others = row_id("entries", "own"), row_id("entries", "own", AWAY)
    changes: list[Any] = [
        [{"id": mine, "notes": "changed"}, {"id": others, "notes": "changed"}],
        {"keys": [mine, others], "data": {"notes": "changed"}},
    ]
    for body in changes:
        assert client.patch("/items/entries", json=body).status_code == 403
    event = new_rows.new_row("events", HOME)
    assert client.post("/items/events", json=[event, new_rows.new_row("events", AWAY)]).status_code == 403
    found = guarded_clubs.served.database.rows(
        "SELECT notes, (SELECT count(*) FROM public.events WHERE slug = 'new') FROM public.entries WHERE id = %s", mine
    )
    assert found == [(None, 0)]


def test_a_marshal_can_record_only_manually_and_during_the_event(guarded_clubs: Clubs) -> None:
    client = guarded_clubs.as_(MEMBERS["marshal"])
    crossing, flag = (new_rows.new_row(name, HOME) for name in ("entry_crossings", "position_flags"))
    for collection, row in (
        ("entry_crossings", {**crossing, "source": "gps"}),
        ("entry_crossings", {**crossing, "entry_id": row_id("entries", "past")}),
        ("position_flags", {**flag, "event_id": row_id("events", "past")}),
    ):
        answer = client.post(path(collection), json=row)
        assert answer.status_code == 403, answer.text


def test_the_studio_shows_a_marshal_no_system_rows_of_others(guarded_clubs: Clubs) -> None:
    client = guarded_clubs.as_(STEWARD)
    me = client.get("/users/me", params={"fields": "id,policies,email"}).json()["data"]
    assert me["id"] == STEWARD.id
    collections = {row["collection"] for row in client.get("/collections").json()["data"]}
    assert {"entries", "events", "stages"} <= collections
    for place in ("/policies", "/flows", "/revisions", "/access", "/permissions"):
        assert client.get(place).json().get("data", []) == [], place
    assert client.patch("/users/me", json={"appearance": "dark"}).is_success
    assert client.patch("/users/me", json={"role": None}).status_code == 403
    preset = {"collection": "entries", "user": FOREIGN_RIDER.id, "bookmark": "mine"}
    assert client.post("/presets", json=preset).status_code in {400, 403}
    assert client.patch(path("entries", row_id("entries", "own")), json={"notes": "seen"}).is_success


def test_members_see_relations_to_users_without_the_reverse_fields(guarded_clubs: Clubs) -> None:
    """Otherwise the Studio shows no names for the crew of an entry, and offers no users to add."""
    seen = {}
    for name, client in (("marshal", guarded_clubs.as_(STEWARD)), ("administrator", guarded_clubs.served.http)):
        relations = client.get("/relations").json()["data"]
        lists = {(row["collection"], row["field"]): row["meta"]["one_field"] for row in relations if row["meta"]}
        seen[name] = [lists["entry_crew", field] for field in ("user_id", "entry_id")]
    assert seen == {"marshal": [None, "entry_crew"], "administrator": ["entry_crew", "entry_crew"]}
