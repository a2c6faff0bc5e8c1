"""Commands are sent to the devices' stream and their answers come back, with a real Redis and the project's flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import COMMANDS_TOKEN, OUTBOX_SECONDS
from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_position_flags import IMEI
from tests.extension.test_race_day import Person, people  # noqa: F401 - a fixture
from tests.extension.test_tenant_guard import code
from tests.processes import until
from tests.redis import Redis
from tests.serving import client_of, switched_off

STREAM = "commands:outbound"
COMMAND = {"event_id": key("event A"), "device_id": key("device A"), "command": "setdigout", "params": "1? 10"}
QUEUED = "SELECT count(*) FROM public.device_commands WHERE status = 'queued'"
STATE = "SELECT status, answer, error, sent_at IS NOT NULL, answered_at IS NOT NULL FROM public.device_commands"


@pytest.fixture
def listening(rally_of: Rally, stream: Redis) -> Iterator[Rally]:
    """The rally, and an empty Redis."""
    stream.start()
    yield rally_of
    stream.kill()


def answered(rally: Rally, command: str, *, token: str | None = COMMANDS_TOKEN, **body: Any) -> httpx.Response:
    """Answer a command like the gateway, which is no user of Directus."""
    with client_of(rally.directus.http.base_url) as http:
        headers = {} if token is None else {"X-TRM-Token": token}
        return http.post(f"/trm/commands/{command}/answer", json=body, headers=headers)


@pytest.mark.parametrize("is_loaded_again", [False, True], ids=["as started", "reloaded"])
def test_the_flow_sends_a_new_command_to_the_stream(listening: Rally, stream: Redis, is_loaded_again: bool) -> None:
    database, made = listening.directus.database, list[str]()
    if is_loaded_again:
        with switched_off(listening.directus, "trm-relations"):
            pass

    def sent_by_the_flow() -> bool:
        with listening.as_user("director-of-a") as http:
            made.append(http.post("/items/device_commands", json=COMMAND).json()["data"]["id"])
        until(lambda: database.value(QUEUED) == 0, 30)
        seconds = "SELECT extract(epoch FROM sent_at - created_at) FROM public.device_commands WHERE id = %s"
        return bool(database.value(seconds, made[-1]) < float(OUTBOX_SECONDS))

    # The first command can come before the server has noticed that Redis is there.
    until(sent_by_the_flow, 60)
    *_, message = stream.messages(STREAM)
    assert message.pop("requested_at").startswith("20")
    assert message == {
        "v": "1",
        "command_id": made[-1],
        "organization_id": key("A"),
        "event_id": key("event A"),
        "entry_id": "",
        "device_id": IMEI,
        "command": "setdigout",
        "params": "1? 10",
        "requested_by": key("director-of-a"),
    }
    assert {*database.rows(STATE)} == {("sent", None, None, True, False)}


def test_an_answer_is_recorded_once(listening: Rally, people: dict[str, Person]) -> None:  # noqa: F811
    database = listening.directus.database
    made = people["director"].creates("device_commands", **COMMAND)["id"]
    until(lambda: database.value(QUEUED) == 0, 60)
    for _ in range(2):
        done = answered(listening, made, status="acknowledged", answer="DOUT1:1")
        assert (done.status_code, done.json()) == (200, {"data": {"id": made, "status": "acknowledged"}})
    assert database.rows(STATE) == [("acknowledged", "DOUT1:1", None, True, True)]
    for other in ({"status": "failed", "error": "late"}, {"status": "acknowledged", "answer": "DOUT1:0"}):
        assert code(answered(listening, made, **other)) == (409, "COMMAND_ANSWERED")
    assert people["marshal"].does("GET", f"/items/device_commands/{made}")["answer"] == "DOUT1:1"

    # The trail names the user of the request. The answers of devices have no user.
    trail = people["director"].does("GET", f"/trm/audit?organization_id={key('A')}&item={made}")
    steps = [(change["action"], change["after"]["status"], change["user"]) for change in reversed(trail)]
    assert steps == [
        ("insert", "queued", key("director-of-a")),
        ("update", "sent", None),
        ("update", "acknowledged", None),
    ]


def test_an_answer_can_arrive_before_the_command_is_marked_as_sent(rally_of: Rally) -> None:
    with rally_of.as_user("director-of-a") as http:
        made = http.post("/items/device_commands", json=COMMAND).json()["data"]["id"]
    assert answered(rally_of, made, status="acknowledged").status_code == 200
    assert rally_of.directus.database.rows(STATE) == [("acknowledged", None, None, True, True)]


REFUSED: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "no token": ({"token": None, "status": "acknowledged"}, (401, "UNAUTHORIZED")),
    "another token": ({"token": "of-the-gatewaY", "status": "acknowledged"}, (401, "UNAUTHORIZED")),
    "an unknown command": ({"command": key("no such"), "status": "acknowledged"}, (404, "COMMAND_NOT_FOUND")),
    "an invalid id": ({"command": "1", "status": "acknowledged"}, (404, "COMMAND_NOT_FOUND")),
    "no answer": ({"status": "sent"}, (400, "INVALID_BODY")),
}


def test_a_refused_answer_changes_nothing(rally_of: Rally) -> None:
    with rally_of.as_user("director-of-a") as http:
        made = http.post("/items/device_commands", json=COMMAND).json()["data"]["id"]
    for case, (change, wanted) in REFUSED.items():
        assert code(answered(rally_of, **{"command": made, **change})) == wanted, case
    assert rally_of.directus.database.rows(STATE) == [("queued", None, None, False, False)]


def test_answers_are_refused_if_no_token_is_set(replica: Rally) -> None:
    for token in ("", COMMANDS_TOKEN):
        answer = answered(replica, key("x"), token=token, status="acknowledged")
        assert code(answer) == (401, "UNAUTHORIZED")


def test_only_organisers_can_command_devices(rally_of: Rally, people: dict[str, Person]) -> None:  # noqa: F811
    refused: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
        "a marshal": ("marshal", {}, (403, "TENANT_FORBIDDEN")),
        "a participant": ("participant", {}, (403, "TENANT_FORBIDDEN")),
        "another organisation's event": ("director", {"event_id": key("event B")}, (403, "TENANT_FORBIDDEN")),
        "another organisation's device": ("director", {"device_id": key("device B")}, (400, "CROSS_EVENT_REFERENCE")),
        "another event's entry": ("director", {"entry_id": key("entry B")}, (400, "CROSS_EVENT_REFERENCE")),
        "a state": ("director", {"status": "sent"}, (403, "FORBIDDEN")),
    }
    for case, (name, change, wanted) in refused.items():
        answer = people[name].http.post("/items/device_commands", json={**COMMAND, **change})
        assert code(answer) == wanted, case
    made = people["admin"].creates("device_commands", **COMMAND, entry_id=key("entry A"))
    assert (made["status"], made["requested_by"]) == ("queued", key("admin-of-a"))
    assert code(people["admin"].http.patch(f"/items/device_commands/{made['id']}", json={"params": "x"}))[0] == 403


def test_a_command_waits_until_redis_is_there(listening: Rally, stream: Redis) -> None:
    database = listening.directus.database
    stream.kill()
    with listening.as_user("director-of-a") as http:
        made = http.post("/items/device_commands", json=COMMAND)
    assert (made.status_code, database.value(QUEUED)) == (200, 1)
    stream.start()
    until(lambda: database.value(QUEUED) == 0, 60)
    assert [message["command_id"] for message in stream.messages(STREAM)] == [made.json()["data"]["id"]]
