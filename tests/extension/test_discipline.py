"""Entries and crews follow the discipline of their event."""

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
    [("rally", "none", "VEHICLE_REQUIRED"), ("hike", "VEHICLE_NOT_ALLOWED", "none")],
)
def test_an_entry_has_a_vehicle_if_its_discipline_asks_for_one(
    rally_of: Rally, name: str, with_vehicle: str, without: str
) -> None:
    discipline(rally_of, name)
    with rally_of.as_user("director-of-a") as http:
        found = [code(http.post("/items/entries", json={**ENTRY, **row, "race_number": 9 + number}))[1]
                 for number, row in enumerate((VEHICLE, {}))]  # fmt: skip
    assert found == [with_vehicle, without]


def test_an_update_is_judged_by_what_it_leaves(rally_of: Rally) -> None:
    http, entry = rally_of.directus.http, f"/items/entries/{key('entry A')}"
    assert code(http.patch(entry, json={"vehicle_id": None})) == (400, "VEHICLE_REQUIRED")
    # Both, or the event alone: the second event of A is a hike. An entry with a crew stays in its event.
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


def test_every_door_judges(rally_of: Rally) -> None:
    """Nested, in a list, imported and over GraphQL, and what is refused leaves nothing behind."""
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


def test_the_discipline_of_an_event_with_entries_stays(rally_of: Rally) -> None:
    http = rally_of.directus.http
    change = {"discipline": "hike"}
    assert code(http.patch(f"/items/events/{key('event A')}", json=change)) == (409, "DISCIPLINE_LOCKED")
    assert http.patch(f"/items/events/{key('event A')}", json={"discipline": "rally", "notes": "x"}).status_code == 200
    assert http.patch(f"/items/events/{key('event A2')}", json=change).status_code == 200
