"""Registration and copying a crew, with each of their errors. openapi.json describes every answer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code

OPENAPI = json.loads((ROOT / "extensions/trm/openapi.json").read_text())
REGISTRATION = {
    "event_id": key("event A"),
    "class_id": key("class A"),
    "vehicle_id": key("vehicle A"),
    "role": "rider",
}
COUNTS = "SELECT (SELECT count(*) FROM public.entries), (SELECT count(*) FROM public.entry_crew)"


def require_documented(answer: httpx.Response) -> None:
    """Fail unless openapi.json describes this answer: its status, its error code, and the keys of its data."""
    path = "/trm/entries/{id}/copy-crew" if answer.request.url.path.endswith("copy-crew") else "/trm/entries"
    found = OPENAPI["paths"][path]["post"]["responses"][str(answer.status_code)]
    described = found["content"]["application/json"]["schema"]
    if answer.is_success:
        require_keys(described, answer.json())
    else:
        assert f"`{code(answer)[1]}`" in found["description"], answer.text


def require_keys(schema: dict[str, Any], value: Any) -> None:
    if "oneOf" in schema:
        schema = next(each for each in schema["oneOf"] if (each.get("type") == "null") is (value is None))
    if "$ref" in schema:
        schema = OPENAPI["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "object":
        assert value.keys() == set(schema["required"]) == schema["properties"].keys()
        for name, part in value.items():
            require_keys(schema["properties"][name], part)
    elif schema.get("type") == "array":
        for part in value:
            require_keys(schema["items"], part)


def post(rally_of: Rally, user: str, path: str, body: object) -> httpx.Response:
    with rally_of.as_user(user) as http:
        answer = http.post(f"/trm/entries{path}", json=body)
    require_documented(answer)
    return answer


def register(rally_of: Rally, user: str = "participant-of-a", **change: object) -> httpx.Response:
    return post(rally_of, user, "", {**REGISTRATION, **change})


def copy(rally_of: Rally, user: str = "director-of-a", target: str = "new entry", **body: object) -> httpx.Response:
    return post(rally_of, user, f"/{key(target)}/copy-crew", body)


def test_a_registered_participant_is_in_the_crew(rally_of: Rally) -> None:
    data = register(rally_of).json()["data"]
    assert (data["race_number"], data["status"], data["crew"]["user_id"]) == (2, "registered", key("participant-of-a"))
    rows = rally_of.directus.database.rows(
        "SELECT e.race_number, e.status::text, c.role::text FROM public.entries e"
        " JOIN public.entry_crew c ON c.entry_id = e.id WHERE e.id = %s",
        data["id"],
    )
    assert rows == [(2, "registered", "rider")]
    # Directus's activity names the user.
    activity = "SELECT count(*) FROM public.directus_activity WHERE \"user\" = %s AND action = 'create'"
    assert rally_of.directus.database.value(activity, key("participant-of-a")) == 2


def test_simultaneous_registrations_get_different_numbers(rally_of: Rally) -> None:
    with ThreadPoolExecutor(3) as pool:
        users = ("participant-of-a", "director-of-a", "admin-of-a")
        answers = list(pool.map(lambda user: register(rally_of, user), users))
    assert sorted(answer.json()["data"]["race_number"] for answer in answers) == [2, 3, 4]


@pytest.mark.parametrize(
    ("user", "change", "wanted"),
    [
        ("participant-of-a", {"race_number": 1}, (409, "RACE_NUMBER_TAKEN")),
        ("participant-of-a", {"race_number": 0}, (400, "INVALID_BODY")),
        ("participant-of-a", {"surprise": 1}, (400, "INVALID_BODY")),
        ("participant-of-a", {"vehicle_id": None}, (400, "VEHICLE_REQUIRED")),
        ("participant-of-a", {"vehicle_id": key("vehicle B")}, (400, "CROSS_EVENT_REFERENCE")),
        ("participant-of-a", {"class_id": key("class A2")}, (400, "CROSS_EVENT_REFERENCE")),
        ("participant-of-a", {"class_id": key("no class")}, (400, "INVALID_FOREIGN_KEY")),
        ("participant-of-a", {"role": "runner"}, (400, "CREW_ROLE_NOT_ALLOWED")),
        ("participant-of-a", {"copy_crew_from": key("no entry")}, (404, "ENTRY_NOT_FOUND")),
        ("participant-of-a", {"copy_crew_from": key("entry B")}, (403, "CROSS_ORG")),
        ("participant-of-a", {"event_id": key("event B")}, (403, "TENANT_FORBIDDEN")),
        ("participant-of-a", {"event_id": key("no event")}, (403, "TENANT_FORBIDDEN")),
        ("marshal-of-a", {}, (403, "TENANT_FORBIDDEN")),
        ("stranger", {}, (403, "TENANT_FORBIDDEN")),
    ],
)
def test_a_refused_registration_changes_nothing(
    rally_of: Rally, user: str, change: dict[str, object], wanted: tuple[int, str]
) -> None:
    before = rally_of.directus.database.rows(COUNTS)
    assert code(register(rally_of, user, **change)) == wanted
    assert rally_of.directus.database.rows(COUNTS) == before


def test_a_registration_gets_a_number_of_its_class(rally_of: Rally) -> None:
    rally_of.directus.database.execute("UPDATE public.classes SET race_number_min = 300, race_number_max = 301")
    assert code(register(rally_of, race_number=299)) == (400, "RACE_NUMBER_OUT_OF_RANGE")
    assert [register(rally_of).json()["data"]["race_number"] for _ in range(2)] == [300, 301]
    full = register(rally_of)
    assert code(full) == (409, "RACE_NUMBER_TAKEN")
    assert full.json()["errors"][0]["message"] == "All race numbers of this class are taken."


def test_registration_needs_a_log_in(rally_of: Rally) -> None:
    answer = httpx.post(rally_of.directus.http.base_url.join("/trm/entries"), json=REGISTRATION)
    require_documented(answer)
    assert code(answer) == (401, "UNAUTHORIZED")


@pytest.fixture
def second_event(rally_of: Rally) -> Rally:
    """The rally, with the same vehicle in the second event of A. Two members of the old crew cannot be copied."""
    rally_of.directus.database.execute(
        f"UPDATE public.events SET starts_at = '2027-06-06Z', ends_at = '2027-06-14Z' WHERE id = '{key('event A2')}';"
        "INSERT INTO public.entries (id, event_id, class_id, vehicle_id, race_number, status) VALUES"
        f" ('{key('new entry')}', '{key('event A2')}', '{key('class A2')}', '{key('vehicle A')}', 1, 'registered');"
        "INSERT INTO public.entry_crew (id, entry_id, user_id, role) VALUES"
        f" (gen_random_uuid(), '{key('entry A')}', '{key('viewer-of-a')}', 'runner'),"
        f" (gen_random_uuid(), '{key('entry A')}', '{key('stranger')}', 'navigator'),"
        f" (gen_random_uuid(), '{key('entry A')}', '{key('marshal-of-a')}', 'mechanic'),"
        f" (gen_random_uuid(), '{key('new entry')}', '{key('marshal-of-a')}', 'pilot')"
    )
    return rally_of


def test_a_crew_is_copied_and_skipped_members_are_named(second_event: Rally) -> None:
    tried = copy(second_event, dry_run=True).json()["data"]
    assert second_event.directus.database.rows(COUNTS) == [(3, 5)]
    data = copy(second_event).json()["data"]
    assert {**data, "dry_run": True} == {**tried, "copied": data["copied"]}
    assert data["source_entry_id"] == key("entry A")
    assert [(each["user_id"], each["role"]) for each in data["copied"]] == [(key("participant-of-a"), "pilot")]
    assert {each["user_id"]: each["reason"] for each in data["skipped"]} == {
        key("viewer-of-a"): "role_not_allowed",
        key("stranger"): "not_org_member",
        key("marshal-of-a"): "already_in_crew",
    }
    # The copied member is in the crew now.
    assert copy(second_event).json()["data"]["copied"] == []


def test_a_crew_member_can_copy_a_crew_while_the_entry_is_registered(second_event: Rally) -> None:
    database = second_event.directus.database
    assert code(copy(second_event, "participant-of-a")) == (403, "FORBIDDEN")
    database.execute(f"UPDATE public.entry_crew SET user_id = '{key('participant-of-a')}', role = 'rider'"
                     f" WHERE entry_id = '{key('new entry')}'")  # fmt: skip
    copied = copy(second_event, "participant-of-a").json()["data"]["copied"]
    assert [each["user_id"] for each in copied] == [key("marshal-of-a")]
    database.execute(f"UPDATE public.entries SET status = 'confirmed' WHERE id = '{key('new entry')}'")
    assert code(copy(second_event, "participant-of-a")) == (409, "TARGET_LOCKED")
    assert copy(second_event, "director-of-a").status_code == 200
    database.execute(f"UPDATE public.entries SET status = 'started' WHERE id = '{key('new entry')}'")
    assert code(copy(second_event, "director-of-a")) == (409, "TARGET_LOCKED")


def test_a_refused_copy_of_a_crew_changes_nothing(second_event: Rally) -> None:
    database = second_event.directus.database
    before = database.rows(COUNTS)
    source = {"source_entry_id": key("entry B")}
    for answer, wanted in (
        (copy(second_event, dry_run="yes"), (400, "INVALID_BODY")),
        (copy(second_event, source_entry_id=key("new entry")), (400, "SAME_ENTRY")),
        (copy(second_event, "admin-of-b"), (403, "FORBIDDEN")),
        (copy(second_event, **source), (403, "CROSS_ORG")),
        (copy(second_event, target="no entry"), (404, "ENTRY_NOT_FOUND")),
        (copy(second_event, source_entry_id=key("no entry")), (404, "ENTRY_NOT_FOUND")),
        (copy(second_event, target="entry A"), (404, "NO_PREVIOUS_ENTRY")),
    ):
        assert code(answer) == wanted
    assert database.rows(COUNTS) == before
