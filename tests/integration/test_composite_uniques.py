"""Each composite constraint refuses a duplicate through Directus's API, with an error that a client can read."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.conftest import RunningDirectus


@dataclass(frozen=True)
class Registered:
    """One of each: an entry with a vehicle, a person and a device, in an event of an organisation."""

    organization: str
    user: str
    vehicle: str
    device: str
    event: str
    racing_class: str
    entry: str


@pytest.fixture(scope="module")
def registered(directus: RunningDirectus) -> Registered:
    organization = directus.create("organizations", name="Motorsport Club Albania", slug="msc-albania")["id"]
    response = directus.http.post("/users", json={"email": "pilot@example.com", "first_name": "Ana"})
    user = response.json()["data"]["id"]
    vehicle = directus.create("vehicles", make="Toyota", model="Land Cruiser")["id"]
    device = directus.create("devices", imei="350000000000001", model="FMB920")["id"]
    directus.create("organization_users", organization_id=organization, user_id=user, role="participant")
    directus.create("organization_vehicles", organization_id=organization, vehicle_id=vehicle)
    directus.create("organization_devices", organization_id=organization, device_id=device)
    event = directus.create("events", **_event(organization))["id"]
    racing_class = directus.create("classes", event_id=event, code="C-2", name="C-2")["id"]
    entry = directus.create("entries", **_entry(event, racing_class))["id"]
    directus.create("entry_crew", entry_id=entry, user_id=user, role="pilot")
    directus.create("entry_devices", entry_id=entry, device_id=device)
    return Registered(organization, user, vehicle, device, event, racing_class, entry)


def _event(organization: str) -> dict[str, str]:
    return {
        "organization_id": organization, "name": "Rally Albania 2026", "slug": "rally-albania-2026",
        "discipline": "rally", "starts_at": "2026-06-06T06:00:00Z", "ends_at": "2026-06-13T18:00:00Z",
    }  # fmt: skip


def _entry(event: str, racing_class: str) -> dict[str, object]:
    return {"event_id": event, "class_id": racing_class, "race_number": 301, "status": "registered"}


@pytest.mark.parametrize(
    "collection",
    [
        "organization_users", "organization_vehicles", "organization_devices",
        "events", "classes", "entries", "entry_crew", "entry_devices",
    ],
)  # fmt: skip
def test_a_duplicate_is_refused(directus: RunningDirectus, registered: Registered, collection: str) -> None:
    duplicate = {
        "organization_users": {
            "organization_id": registered.organization, "user_id": registered.user, "role": "marshal",
        },
        "organization_vehicles": {"organization_id": registered.organization, "vehicle_id": registered.vehicle},
        "organization_devices": {"organization_id": registered.organization, "device_id": registered.device},
        "events": _event(registered.organization),
        "classes": {"event_id": registered.event, "code": "C-2", "name": "another name"},
        "entries": _entry(registered.event, registered.racing_class),
        "entry_crew": {"entry_id": registered.entry, "user_id": registered.user, "role": "co-pilot"},
        "entry_devices": {"entry_id": registered.entry, "device_id": registered.device},
    }[collection]  # fmt: skip
    before = directus.database.value(f"SELECT count(*) FROM {collection}")

    response = directus.http.post(f"/items/{collection}", json=duplicate)

    assert response.status_code == 400, response.text
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "RECORD_NOT_UNIQUE"
    assert error["extensions"]["collection"] == collection
    assert "unique" in error["message"]
    assert directus.database.value(f"SELECT count(*) FROM {collection}") == before
