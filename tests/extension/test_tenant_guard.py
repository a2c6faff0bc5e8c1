"""No API gives access to another organisation. The test policy allows everything, so only the guard refuses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.extension.conftest import Rally, reset
from tests.extension.rally import key
from tools.devstack.node import node

Door = Callable[[httpx.Client], httpx.Response]

EVENT_OF_B = {
    "organization_id": key("B"),
    "name": "Mine",
    "slug": "mine",
    "discipline": "rally",
    "starts_at": "2026-07-01T00:00:00Z",
    "ends_at": "2026-07-02T00:00:00Z",
}
EVENT_OF_A = {**EVENT_OF_B, "organization_id": key("A")}
ENTRY_OF_B = {"event_id": key("event B"), "class_id": key("class B"), "race_number": 7, "status": "registered"}
CLASS_OF_B = {"event_id": key("event B"), "code": "Q-1", "name": "Quad"}
GRAPHQL_EVENT = """mutation { create_events_item(data: {name: "Mine", slug: "mine", discipline: "rally",
  organization_id: {id: "%s", name: "B", slug: "b"},
  starts_at: "2026-07-01T00:00:00Z", ends_at: "2026-07-02T00:00:00Z"}) { id } }"""

# A write by query is refused for all rows, because its outcome could reveal other rows.
REFUSALS = {"TENANT_FORBIDDEN", "QUERY_REFUSED", "INVALID_KEY"}


def item(collection: str, name: str) -> str:
    """Return the path of an item."""
    return f"/items/{collection}/{key(name)}"


def imported(collection: str, content: str, kind: str) -> Door:
    name = "rows.json" if kind == "application/json" else "rows.csv"
    return lambda http: http.post(f"/utils/import/{collection}", files={"file": (name, content, kind)})


DOORS: dict[str, Door] = {
    "create": lambda http: http.post("/items/events", json=EVENT_OF_B),
    "create a list, the foreign one last": lambda http: http.post("/items/events", json=[EVENT_OF_A, EVENT_OF_B]),
    "create one's own membership": lambda http: http.post(
        "/items/organization_users",
        json={"organization_id": key("B"), "user_id": key("admin-of-a"), "role": "org-admin"},
    ),
    "create a child": lambda http: http.post("/items/entries", json=ENTRY_OF_B),
    "create with an invalid parent": lambda http: http.post("/items/entries", json={**ENTRY_OF_B, "event_id": "x"}),
    "create without a parent": lambda http: http.post("/items/classes", json={"code": "Q-1", "name": "Quad"}),
    "change": lambda http: http.patch(item("entries", "entry B"), json={"notes": "mine"}),
    "change by keys": lambda http: http.patch(
        "/items/entries", json={"keys": [key("entry A"), key("entry B")], "data": {"notes": "mine"}}
    ),
    "change by query": lambda http: http.patch(
        "/items/entries", json={"query": {"filter": {"race_number": {"_eq": 1}}}, "data": {"notes": "mine"}}
    ),
    "change a list": lambda http: http.patch(
        "/items/entries", json=[{"id": key("entry A"), "notes": "x"}, {"id": key("entry B"), "notes": "mine"}]
    ),
    "change a missing row": lambda http: http.patch(item("entries", "no entry"), json={"notes": "mine"}),
    "move": lambda http: http.patch(item("classes", "class A"), json={"event_id": key("event B")}),
    "move without a parent": lambda http: http.patch(item("classes", "class A"), json={"event_id": None}),
    "move with the parent": lambda http: http.patch(
        item("classes", "class A"), json={"event_id": {"id": key("event A"), "organization_id": key("B")}}
    ),
    "delete": lambda http: http.delete(item("entry_crew", "crew B")),
    "delete a list": lambda http: http.request("DELETE", "/items/classes", json=[key("class A2"), key("class B")]),
    "create children": lambda http: http.post(
        "/items/vehicles", json={"make": "KTM", "model": "1", "organization_vehicles": [{"organization_id": key("B")}]}
    ),
    "take over children": lambda http: http.patch(item("stages", "stage A"), json={"segments": [key("segment B")]}),
    "change children": lambda http: http.patch(
        item("stages", "stage A"), json={"segments": {"update": [{"id": key("segment B"), "name": "mine"}]}}
    ),
    "change the parent": lambda http: http.post(
        "/items/classes", json={"event_id": {"id": key("event B"), "name": "mine"}, "code": "Q-1", "name": "Quad"}
    ),
    "create the parent": lambda http: http.post(
        "/items/classes", json={"event_id": EVENT_OF_B, "code": "Q-1", "name": "Quad"}
    ),
    "create an organisation": lambda http: http.post("/items/organizations", json={"name": "C", "slug": "c"}),
    "create an organisation as a parent": lambda http: http.post(
        "/items/events", json={**EVENT_OF_B, "organization_id": {"name": "C", "slug": "c"}}
    ),
    "import JSON": imported("classes", json.dumps([CLASS_OF_B]), "application/json"),
    "import CSV": imported("classes", f"event_id,code,name\n{key('event B')},Q-1,Quad\n", "text/csv"),
    "GraphQL": lambda http: http.post("/graphql", json={"query": GRAPHQL_EVENT % key("B")}),
    "GraphQL change": lambda http: http.post(
        "/graphql",
        json={"query": f'mutation {{ update_entries_item(id: "{key("entry B")}", data: {{notes: "mine"}}) {{ id }} }}'},
    ),
    "GraphQL delete": lambda http: http.post(
        "/graphql", json={"query": f'mutation {{ delete_classes_item(id: "{key("class B")}") {{ id }} }}'}
    ),
}


def code(response: httpx.Response) -> tuple[int, str]:
    """Return status and error code. GraphQL answers some errors with status 200."""
    errors = response.json().get("errors", [{"extensions": {"code": "none"}}])
    return response.status_code, str(errors[0]["extensions"]["code"])


def state(rally_of: Rally) -> list[Any]:
    tables = ("organizations", "events", "classes", "entries", "entry_crew", "organization_users", "stages", "segments")
    hashes = [f"SELECT '{t}', md5(string_agg(x::text, ' ' ORDER BY x::text)) FROM public.{t} x" for t in tables]
    return rally_of.directus.database.rows(" UNION ALL ".join(hashes))


@pytest.mark.parametrize("user", ["admin-of-a", "stranger"])
def test_no_request_writes_to_another_organisation(rally_of: Rally, user: str) -> None:
    before, opened = state(rally_of), {}
    with rally_of.as_user(user) as http:
        for name, door in DOORS.items():
            status, found = code(door(http))
            if found not in REFUSALS or status not in {200, 400, 403} or state(rally_of) != before:
                opened[name] = status, found
                reset(rally_of.directus)
                before = state(rally_of)
    assert opened == {}


def test_an_update_does_not_delete_children_of_a_foreign_row(rally_of: Rally) -> None:
    # Directus searches for them only among the children of the updated row.
    with rally_of.as_user("admin-of-a") as http:
        http.patch(item("stages", "stage A"), json={"segments": {"delete": [key("segment B")]}})
    assert rally_of.directus.database.value("SELECT count(*) FROM public.segments") == 2


def test_no_request_writes_without_logging_in(rally_of: Rally) -> None:
    before = state(rally_of)
    with rally_of.as_user("") as http:
        for name, door in DOORS.items():
            assert door(http).json()["errors"], name
    assert state(rally_of) == before


WEBSOCKET = """
const [url, token, message] = process.argv.slice(1);
const socket = new WebSocket(url);
socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', access_token: token }));
socket.onmessage = ({ data }) => {
  const answer = JSON.parse(data);
  if (answer.type === 'auth' && answer.status === 'ok') return socket.send(message);
  if (answer.type === 'ping') return;
  console.log(data);
  process.exit();
};
setTimeout(() => { console.log('{"error": "no answer"}'); process.exit(1); }, 20000);
"""


@pytest.mark.parametrize(
    "message",
    [
        {"action": "create", "data": EVENT_OF_B, "collection": "events"},
        {"action": "update", "id": key("entry B"), "data": {"notes": "mine"}, "collection": "entries"},
        {"action": "delete", "id": key("class B"), "collection": "classes"},
    ],
)
def test_no_websocket_message_writes_to_another_organisation(rally_of: Rally, message: dict[str, Any]) -> None:
    before = state(rally_of)
    url = str(rally_of.directus.http.base_url).replace("http", "ws").rstrip("/") + "/websocket"
    command = [str(node()), "-e", WEBSOCKET, url, "admin-of-a", json.dumps({"type": "items", **message})]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout)
    assert (answer["status"], answer["error"]["code"]) == ("error", "TENANT_FORBIDDEN")
    assert state(rally_of) == before


def test_each_role_can_write_only_what_the_map_allows(rally_of: Rally) -> None:
    notes = {"notes": "seen"}
    allowed = {
        "admin-of-a": ("POST", "/items/events", EVENT_OF_A),
        "director-of-a": ("PATCH", item("events", "event A"), notes),
        "marshal-of-a": ("PATCH", item("entries", "entry A"), notes),
        "participant-of-a": ("PATCH", item("entries", "entry A"), notes),
        "admin-of-b": ("POST", "/items/entries", {**ENTRY_OF_B, "vehicle_id": key("vehicle B")}),
        "admin-of-a-participant-of-b": ("DELETE", item("classes", "class A2"), None),
    }
    refused = {
        "director-of-a": ("POST", "/items/events", EVENT_OF_A),
        "marshal-of-a": ("PATCH", item("events", "event A"), notes),
        "timekeeper-of-a": ("PATCH", item("entries", "entry A"), notes),
        "viewer-of-a": ("PATCH", item("entries", "entry A"), notes),
        "admin-of-a-participant-of-b": ("PATCH", item("entries", "entry B"), notes),
    }
    for cases, wanted in ((refused, "TENANT_FORBIDDEN"), (allowed, "none")):
        for user, (method, path, body) in cases.items():
            with rally_of.as_user(user) as http:
                answer = http.request(method, path, json=body)
                assert (code(answer)[1] if answer.content else "none") == wanted, (user, answer.text)


def test_a_participant_can_change_their_crew_while_the_entry_is_registered(rally_of: Rally) -> None:
    database = rally_of.directus.database
    mate = {"entry_id": key("entry A"), "user_id": key("stranger"), "role": "mechanic"}
    with rally_of.as_user("participant-of-a") as http:
        created = http.post("/items/entry_crew", json=mate)
        assert created.status_code == 200, created.text
        database.execute("UPDATE public.entries SET status = 'confirmed'")
        for answer in (
            http.post("/items/entry_crew", json={**mate, "user_id": key("viewer-of-a")}),
            http.delete(f"/items/entry_crew/{created.json()['data']['id']}"),
        ):
            assert code(answer) == (403, "TENANT_FORBIDDEN")
        database.execute("UPDATE public.entries SET status = 'registered'")
        assert http.delete(f"/items/entry_crew/{created.json()['data']['id']}").status_code == 204
        database.execute(f"DELETE FROM public.entry_crew WHERE id = '{key('crew')}'")
        assert code(http.post("/items/entry_crew", json=mate)) == (403, "TENANT_FORBIDDEN")


def test_a_vehicle_can_be_created_and_registered_only_in_one_s_own_organisation(rally_of: Rally) -> None:
    vehicle = {"make": "Honda", "model": "CRF"}
    with rally_of.as_user("director-of-a") as http:
        mine = {**vehicle, "organization_vehicles": [{"organization_id": key("A")}]}
        made = http.post("/items/vehicles", json=mine)
        assert made.status_code == 200, made.text
        assert http.patch(f"/items/vehicles/{made.json()['data']['id']}", json={"year": 2020}).status_code == 200
        theirs = {**vehicle, "organization_vehicles": [{"organization_id": key("B")}]}
        assert code(http.post("/items/vehicles", json=theirs)) == (403, "TENANT_FORBIDDEN")
        assert code(http.patch(item("vehicles", "vehicle B"), json={"year": 2020})) == (403, "TENANT_FORBIDDEN")
    with rally_of.as_user("stranger") as http:
        assert code(http.post("/items/vehicles", json=vehicle)) == (403, "TENANT_FORBIDDEN")


def test_a_removed_membership_ends_access_at_once(rally_of: Rally) -> None:
    with rally_of.as_user("admin-of-a") as http:
        assert http.patch(item("events", "event A"), json={"notes": "x"}).status_code == 200
        rally_of.directus.database.execute(
            f"DELETE FROM public.organization_users WHERE user_id = '{key('admin-of-a')}'"
        )
        assert code(http.patch(item("events", "event A"), json={"notes": "y"})) == (403, "TENANT_FORBIDDEN")


def test_a_collection_outside_the_map_is_closed_to_members(rally_of: Rally) -> None:
    http = rally_of.directus.http
    field = {"field": "id", "type": "uuid", "schema": {"is_primary_key": True}, "meta": {"special": ["uuid"]}}
    made = http.post("/collections", json={"collection": "loose", "schema": {}, "meta": {}, "fields": [field]})
    assert made.status_code == 200, made.text
    try:
        permission = {"policy": key("everything"), "collection": "loose", "action": "create", "fields": ["*"]}
        assert http.post("/permissions", json={**permission, "permissions": {}}).status_code == 200
        with rally_of.as_user("admin-of-a") as client:
            assert code(client.post("/items/loose", json={})) == (403, "TENANT_FORBIDDEN")
        assert http.post("/items/loose", json={}).status_code == 200
    finally:
        assert http.delete("/collections/loose").status_code == 204


def test_the_health_endpoint_lists_the_registered_hooks(rally_of: Rally) -> None:
    answer = httpx.get(rally_of.directus.http.base_url.join("/trm/health"))
    assert answer.status_code == 200
    assert answer.json()["missing"] == []
    assert "trm-tenant-guard" in answer.json()["registered"]
