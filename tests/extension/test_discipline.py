"""Entries and crews must match the discipline of their event."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code

ENTRY = {"event_id": key("event A"), "class_id": key("class A"), "race_number": 9, "status": "registered"}
VEHICLE = {"vehicle_id": key("vehicle A")}


def discipline(rally_of: Rally, name: str) -> None:
    rally_of.directus.database.execute(f"UPDATE public.events SET discipline = '{name}'")


@pytest.mark.parametrize(
    ("name", "with_vehicle", "without"),
    [
        ("rally", "none", "VEHICLE_REQUIRED"),
        ("time-trial", "none", "VEHICLE_REQUIRED"),
        ("regatta", "none", "VEHICLE_REQUIRED"),
        ("trail-run", "VEHICLE_NOT_ALLOWED", "none"),
        ("hike", "VEHICLE_NOT_ALLOWED", "none"),
    ],
)
def test_an_entry_has_a_vehicle_if_its_discipline_asks_for_one(
    rally_of: Rally, name: str, with_vehicle: str, without: str
) -> None:
    discipline(rally_of, name)
    with rally_of.as_user("director-of-a") as http:
        found = [code(http.post("/items/entries", json={**ENTRY, **row, "race_number": 9 + number}))[1]
                 for number, row in enumerate((VEHICLE, {}))]  # fmt: skip
    assert found == [with_vehicle, without]


def test_an_update_is_judged_by_the_resulting_entry(rally_of: Rally) -> None:
    http, entry = rally_of.directus.http, f"/items/entries/{key('entry A')}"
    assert code(http.patch(entry, json={"vehicle_id": None})) == (400, "VEHICLE_REQUIRED")
    # The second event of A is a hike. Without a crew, the entry can move there.
    rally_of.directus.database.execute(
        f"UPDATE public.events SET discipline = 'hike' WHERE id = '{key('event A2')}'; DELETE FROM public.entry_crew"
    )
    moved = {"event_id": key("event A2"), "class_id": key("class A2")}
    assert code(http.patch(entry, json=moved)) == (400, "VEHICLE_NOT_ALLOWED")
    assert http.patch(entry, json={**moved, "vehicle_id": None}).status_code == 200


@pytest.mark.parametrize(
    ("name", "role", "found"),
    [
        ("rally", "rider", "none"),
        ("rally", "runner", "CREW_ROLE_NOT_ALLOWED"),
        ("regatta", "rider", "CREW_ROLE_NOT_ALLOWED"),
        ("trail-run", "runner", "none"),
        ("trail-run", "pilot", "CREW_ROLE_NOT_ALLOWED"),
        ("hike", "hiker", "none"),
    ],
)
def test_a_crew_has_the_roles_of_its_discipline(rally_of: Rally, name: str, role: str, found: str) -> None:
    discipline(rally_of, name)
    member = {"entry_id": key("entry A"), "user_id": key("stranger"), "role": role}
    with rally_of.as_user("director-of-a") as http:
        assert code(http.post("/items/entry_crew", json=member))[1] == found


def test_every_api_checks_the_roles_of_a_crew(rally_of: Rally) -> None:
    """Nested, in a list, by import and over GraphQL. A refused request changes nothing."""
    http = rally_of.directus.http
    crew: dict[str, Any] = {"user_id": key("stranger"), "role": "runner"}
    nested = {**ENTRY, **VEHICLE, "entry_crew": [crew]}
    graphql = f'mutation {{ update_entry_crew_item(id: "{key("crew")}", data: {{role: "runner"}}) {{ id }} }}'
    answers = [
        http.post("/items/entries", json=nested),
        http.post("/items/entries", json=[{**ENTRY, **VEHICLE, "race_number": 10}, nested]),
        http.patch("/items/entry_crew", json={"keys": [key("crew")], "data": {"role": "hiker"}}),
        http.post(
            "/utils/import/entry_crew",
            files={
                "file": ("crew.csv", f"entry_id,user_id,role\n{key('entry A')},{key('stranger')},runner", "text/csv")
            },
        ),
        http.post("/graphql", json={"query": graphql}),
    ]
    assert [code(answer)[1] for answer in answers] == ["CREW_ROLE_NOT_ALLOWED"] * len(answers)
    counts = "SELECT (SELECT count(*) FROM public.entries), (SELECT array_agg(role::text) FROM public.entry_crew)"
    assert rally_of.directus.database.rows(counts) == [(2, ["pilot"])]


def test_the_discipline_of_an_event_with_entries_cannot_change(rally_of: Rally) -> None:
    http = rally_of.directus.http
    change = {"discipline": "hike"}
    assert code(http.patch(f"/items/events/{key('event A')}", json=change)) == (409, "DISCIPLINE_LOCKED")
    assert http.patch(f"/items/events/{key('event A')}", json={"discipline": "rally", "notes": "x"}).status_code == 200
    assert http.patch(f"/items/events/{key('event A2')}", json=change).status_code == 200


def set_class_range(rally_of: Rally, low: str, high: str) -> None:
    """Set the range of race numbers of the class of event A."""
    assignment = f"race_number_min = {low}, race_number_max = {high}"
    rally_of.directus.database.execute(f"UPDATE public.classes SET {assignment} WHERE id = '{key('class A')}'")


@pytest.mark.parametrize(
    ("low", "high", "fits", "refused", "words"),
    [
        ("300", "399", (300, 399), (299, 400), "from 300 to 399"),
        ("300", "NULL", (300, 9000), (299,), "from 300 on"),
        ("NULL", "199", (2, 199), (200,), "from 1 to 199"),
    ],
)
def test_a_race_number_must_be_in_the_range_of_the_class(
    rally_of: Rally, low: str, high: str, fits: tuple[int, ...], refused: tuple[int, ...], words: str
) -> None:
    set_class_range(rally_of, low, high)
    with rally_of.as_user("director-of-a") as http:
        for number in (*fits, *refused):
            answer = http.post("/items/entries", json={**ENTRY, **VEHICLE, "race_number": number})
            if number in fits:
                assert answer.status_code == 200, answer.text
            else:
                assert code(answer) == (400, "RACE_NUMBER_OUT_OF_RANGE")
                sentence = f"The race number {number} does not fit M-1, whose numbers go {words}."
                assert answer.json()["errors"][0]["message"] == sentence


def test_an_update_is_judged_by_the_resulting_class_and_number(rally_of: Rally) -> None:
    """Over every API. Entry A has the number 1."""
    set_class_range(rally_of, "300", "399")
    database, refusal = rally_of.directus.database, (400, "RACE_NUMBER_OUT_OF_RANGE")
    second = {"event_id": key("event A"), "code": "Q-1", "name": "Quad", "race_number_min": 1, "race_number_max": 9}
    http, entry = rally_of.directus.http, f"/items/entries/{key('entry A')}"
    with rally_of.as_user("director-of-a") as director:
        quad = director.post("/items/classes", json=second).json()["data"]["id"]
        # A range that was set after the entry does not prevent other changes.
        assert director.patch(entry, json={"notes": "x"}).status_code == 200
        assert director.patch(entry, json={"class_id": quad}).status_code == 200
        assert code(director.patch(entry, json={"class_id": key("class A")})) == refusal
        assert code(director.patch(entry, json={"race_number": 10})) == refusal
        assert code(director.patch("/items/entries", json=[{"id": key("entry A"), "race_number": 10}])) == refusal
    graphql = f'mutation {{ update_entries_item(id: "{key("entry A")}", data: {{race_number: 10}}) {{ id }} }}'
    assert code(http.post("/graphql", json={"query": graphql}))[1] == refusal[1]
    row = f"event_id,class_id,vehicle_id,race_number,status\n{key('event A')},{quad},{key('vehicle A')},10,registered"
    imported = {"file": ("entries.csv", row, "text/csv")}
    assert code(http.post("/utils/import/entries", files=imported)) == refusal
    assert http.patch(entry, json={"class_id": key("class A"), "race_number": 300}).status_code == 200
    found = database.rows("SELECT race_number FROM public.entries WHERE event_id = %s", key("event A"))
    assert found == [(300,)]


def test_a_range_cannot_end_below_its_start(rally_of: Rally) -> None:
    with rally_of.as_user("director-of-a") as http:
        change = {"race_number_min": 300, "race_number_max": 299}
        answer = http.patch(f"/items/classes/{key('class A')}", json=change)
        assert code(answer) == (400, "CONSTRAINT_VIOLATED")
        sentence = "The highest race number of a class is not below its lowest."
        assert answer.json()["errors"][0]["message"] == sentence
