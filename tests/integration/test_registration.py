"""Registering for an event as a client of Directus's API does it, step by step, and what it is told when it can't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from httpx import Response

from tests.conftest import RunningDirectus, Serving

STATUSES = ["registered", "confirmed", "started", "finished", "dnf", "dns", "dq", "withdrawn"]


@dataclass(frozen=True)
class Refusal:
    """What a client reads: the status, and of the first error its code, field and message."""

    status: int
    code: str
    field: str | None
    message: str

    @classmethod
    def of(cls, response: Response) -> Refusal:
        error = response.json()["errors"][0]
        extensions = error["extensions"]
        return cls(response.status_code, extensions["code"], extensions.get("field"), error["message"])


@dataclass(frozen=True)
class Registration:
    """The ids of what was made on the way."""

    running: RunningDirectus
    organization: str
    event: str
    classes: dict[str, str]
    vehicle: str
    pilot: str
    copilot: str
    devices: list[str]
    entry: str

    def refused(self, method: str, path: str, body: dict[str, Any] | None = None) -> Refusal:
        """Send a request that must fail, and must change nothing."""
        before = self.counts()
        response = self.running.http.request(method, path, json=body)
        assert not response.is_success, response.text
        assert self.counts() == before
        return Refusal.of(response)

    def counts(self) -> list[int]:
        tables = ("events", "classes", "entries", "entry_crew", "entry_devices", "directus_users")
        return [self.running.database.value(f"SELECT count(*) FROM {table}") for table in tables]

    def new_entry(self, **changes: object) -> dict[str, Any]:
        values = {"event_id": self.event, "class_id": self.classes["C-2"], "race_number": 302, "status": "registered"}
        return {**values, **changes}


@pytest.fixture(scope="module")
def made(serve: Serving) -> Iterator[Registration]:
    """The walk-through: event, classes, entry, crew of two, three devices of which one is worn."""
    with serve("deployed") as running:
        create = running.create

        def user(name: str) -> str:
            response = running.http.post("/users", json={"first_name": name, "email": f"{name.lower()}@example.com"})
            assert response.status_code == 200, response.text
            return str(response.json()["data"]["id"])

        organization = create("organizations", name="Motorsport Club Albania", slug="msc-albania")["id"]
        event = create(
            "events",
            organization_id=organization,
            name="Rally Albania 2026",
            slug="rally-albania-2026",
            discipline="rally",
            starts_at="2026-06-06T00:00:00+02:00",
            ends_at="2026-06-13T23:59:59+02:00",
        )["id"]
        classes = {
            code: create("classes", event_id=event, code=code, name=code, sort_order=order)["id"]
            for order, code in enumerate(("M-1", "C-2"), 1)
        }
        vehicle = create("vehicles", make="Toyota", model="Land Cruiser", year=1998)["id"]
        entry = create(
            "entries", event_id=event, class_id=classes["C-2"], vehicle_id=vehicle, race_number=301, status="registered"
        )["id"]
        pilot, copilot = user("Ana"), user("Ben")
        create("entry_crew", entry_id=entry, user_id=pilot, role="pilot")
        create("entry_crew", entry_id=entry, user_id=copilot, role="co-pilot")
        devices = [create("devices", imei=f"35000000000000{n}", model="FMB920")["id"] for n in (1, 2, 3)]
        worn = {"assigned_user_id": pilot, "mount_position": "panic_button_pilot"}
        for device, more in zip(
            devices, [{"mount_position": "hardwired_dash"}, {"mount_position": "backup_chassis"}, worn], strict=True
        ):
            create("entry_devices", entry_id=entry, device_id=device, **more)
        yield Registration(running, organization, event, classes, vehicle, pilot, copilot, devices, entry)


def test_a_registration_reads_back_with_all_that_it_refers_to(made: Registration) -> None:
    fields = "*,event_id.name,class_id.code,vehicle_id.model,entry_crew.role,entry_crew.user_id.first_name"
    response = made.running.http.get(f"/items/entries/{made.entry}", params={"fields": fields})
    entry = response.json()["data"]
    assert entry["event_id"]["name"] == "Rally Albania 2026"
    assert (entry["class_id"]["code"], entry["vehicle_id"]["model"]) == ("C-2", "Land Cruiser")
    assert (entry["race_number"], entry["status"]) == (301, "registered")
    assert entry["registered_at"] is not None
    crew = {row["role"]: row["user_id"]["first_name"] for row in entry["entry_crew"]}
    assert crew == {"pilot": "Ana", "co-pilot": "Ben"}


def test_its_three_devices_say_where_they_are_and_who_wears_one(made: Registration) -> None:
    query = {"fields": "mount_position,device_id.imei,assigned_user_id.first_name", "filter[entry_id][_eq]": made.entry}
    rows = made.running.http.get("/items/entry_devices", params=query).json()["data"]
    seen = {
        (row["mount_position"], row["device_id"]["imei"], (row["assigned_user_id"] or {}).get("first_name"))
        for row in rows
    }
    assert seen == {
        ("hardwired_dash", "350000000000001", None),
        ("backup_chassis", "350000000000002", None),
        ("panic_button_pilot", "350000000000003", "Ana"),
    }


def test_an_entry_on_foot_has_no_vehicle(made: Registration) -> None:
    created = made.running.create("entries", **made.new_entry(race_number=399))
    assert created["vehicle_id"] is None


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_of_the_lifecycle_is_taken(made: Registration, status: str) -> None:
    created = made.running.create("entries", **made.new_entry(race_number=310 + STATUSES.index(status), status=status))
    assert created["status"] == status


# What is there already


def taken(collection: str, fields: str) -> Refusal:
    message = f'Value for field "{fields}" in collection "{collection}" has to be unique.'
    return Refusal(400, "RECORD_NOT_UNIQUE", fields, message)


def test_a_race_number_that_is_taken_is_refused(made: Registration) -> None:
    refusal = made.refused("POST", "/items/entries", made.new_entry(race_number=301))
    assert refusal == taken("entries", "event_id, race_number")


def test_a_race_number_is_free_in_another_event(made: Registration) -> None:
    other = made.running.create(
        "events", organization_id=made.organization, name="Another", slug="another", discipline="rally",
        starts_at="2027-06-06T00:00:00Z", ends_at="2027-06-07T00:00:00Z",
    )["id"]  # fmt: skip
    racing_class = made.running.create("classes", event_id=other, code="C-2", name="C-2")["id"]
    created = made.running.create("entries", **made.new_entry(event_id=other, class_id=racing_class, race_number=301))
    assert created["race_number"] == 301


def test_a_class_code_that_is_taken_is_refused(made: Registration) -> None:
    refusal = made.refused("POST", "/items/classes", {"event_id": made.event, "code": "C-2", "name": "Again"})
    assert refusal == taken("classes", "event_id, code")


def test_a_person_is_in_a_crew_once(made: Registration) -> None:
    refusal = made.refused(
        "POST", "/items/entry_crew", {"entry_id": made.entry, "user_id": made.pilot, "role": "mechanic"}
    )
    assert refusal == taken("entry_crew", "entry_id, user_id")


def test_a_device_is_on_an_entry_once(made: Registration) -> None:
    refusal = made.refused("POST", "/items/entry_devices", {"entry_id": made.entry, "device_id": made.devices[0]})
    assert refusal == taken("entry_devices", "entry_id, device_id")


# What is wrong or missing

REQUIRED = {
    "events": ["organization_id", "name", "slug", "discipline", "starts_at", "ends_at"],
    "classes": ["event_id", "code", "name"],
    "entries": ["event_id", "class_id", "race_number", "status"],
    "entry_crew": ["entry_id", "user_id", "role"],
    "entry_devices": ["entry_id", "device_id"],
}


CHOICES = {
    "discipline": ["rally", "time-trial", "regatta", "trail-run", "hike"],
    "status": STATUSES,
    "role": ["pilot", "co-pilot", "navigator", "mechanic", "rider", "runner", "hiker"],
}


def no_choice(field: str) -> Refusal:
    choices = ", ".join(f'"{choice}"' for choice in CHOICES[field])
    message = f'Validation failed for field "{field}". Value has to be one of {choices}.'
    return Refusal(400, "FAILED_VALIDATION", field, message)


def complete(made: Registration) -> dict[str, dict[str, Any]]:
    return {
        "events": {
            "organization_id": made.organization, "name": "New", "slug": "new", "discipline": "rally",
            "starts_at": "2026-06-06T00:00:00Z", "ends_at": "2026-06-07T00:00:00Z",
        },
        "classes": {"event_id": made.event, "code": "NEW", "name": "New"},
        "entries": made.new_entry(),
        "entry_crew": {"entry_id": made.entry, "user_id": made.copilot, "role": "pilot"},
        "entry_devices": {"entry_id": made.entry, "device_id": made.devices[0]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("collection", "field"), [(name, field) for name, fields in REQUIRED.items() for field in fields]
)
def test_a_required_field_that_is_missing_is_named(made: Registration, collection: str, field: str) -> None:
    values = {name: value for name, value in complete(made)[collection].items() if name != field}
    refusal = made.refused("POST", f"/items/{collection}", values)
    assert (refusal.status, refusal.code, refusal.field) == (400, "FAILED_VALIDATION", field)
    assert refusal.message == f'Validation failed for field "{field}". Value is required.'


@pytest.mark.parametrize(
    ("collection", "field"), [("events", "discipline"), ("entries", "status"), ("entry_crew", "role")]
)
def test_a_value_that_is_no_choice_is_refused_and_the_choices_are_named(
    made: Registration, collection: str, field: str
) -> None:
    refusal = made.refused("POST", f"/items/{collection}", {**complete(made)[collection], field: "flying"})
    assert refusal == no_choice(field)


def test_a_status_can_t_be_changed_to_what_is_none(made: Registration) -> None:
    refusal = made.refused("PATCH", f"/items/entries/{made.entry}", {"status": "flying"})
    assert refusal == no_choice("status")


@pytest.mark.parametrize("number", [0, -1])
def test_a_race_number_is_1_or_more(made: Registration, number: int) -> None:
    refusal = made.refused("POST", "/items/entries", made.new_entry(race_number=number))
    message = 'Validation failed for field "race_number". Value has to be greater than or equal to "1".'
    assert refusal == Refusal(400, "FAILED_VALIDATION", "race_number", message)


def test_a_reference_to_nothing_is_refused(made: Registration) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    refusal = made.refused("POST", "/items/entries", made.new_entry(class_id=nobody))
    message = f'Invalid foreign key "{nobody}" for field "class_id" in collection "entries".'
    assert refusal == Refusal(400, "INVALID_FOREIGN_KEY", "class_id", message)


# What can't go


def test_an_event_that_has_entries_can_t_be_deleted(made: Registration) -> None:
    """For its entries alone: it has no classes, and the one that is entered in belongs to another event."""
    event = made.running.create(
        "events", organization_id=made.organization, name="Sprint", slug="sprint", discipline="rally",
        starts_at="2026-07-01T06:00:00Z", ends_at="2026-07-02T06:00:00Z",
    )["id"]  # fmt: skip
    entry = made.running.create("entries", **made.new_entry(event_id=event))["id"]
    refusal = made.refused("DELETE", f"/items/events/{event}")
    # Directus 11 has no code of its own for this; an administrator reads PostgreSQL's message, which names the table.
    assert (refusal.status, refusal.code) == (500, "INTERNAL_SERVER_ERROR")
    assert 'violates foreign key constraint "entries_event_id_foreign" on table "entries"' in refusal.message
    for path in (f"/items/entries/{entry}", f"/items/events/{event}"):
        assert made.running.http.delete(path).status_code == 204


def test_a_user_in_a_crew_can_t_be_deleted(made: Registration) -> None:
    refusal = made.refused("DELETE", f"/users/{made.copilot}")
    assert (refusal.status, refusal.code) == (500, "INTERNAL_SERVER_ERROR")
    assert 'violates foreign key constraint "entry_crew_user_id_foreign" on table "entry_crew"' in refusal.message


def test_deleting_a_user_leaves_the_device_that_was_worn(made: Registration) -> None:
    response = made.running.http.post("/users", json={"first_name": "Cid", "email": "cid@example.com"})
    user = response.json()["data"]["id"]
    device = made.running.create("devices", imei="350000000000009", model="FMB920")["id"]
    worn = made.running.create("entry_devices", entry_id=made.entry, device_id=device, assigned_user_id=user)["id"]
    assert made.running.http.delete(f"/users/{user}").status_code == 204
    row = made.running.http.get(f"/items/entry_devices/{worn}").json()["data"]
    assert (row["assigned_user_id"], row["device_id"]) == (None, device)
