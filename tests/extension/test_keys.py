"""PostgreSQL reads a UUID in several forms. In none of them may a key refer to a row of another organisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_coherence import CROSSING, ENTRY, FORMULA, PENALTY, refusal
from tests.extension.test_device_commands import COMMAND
from tests.extension.test_position_flags import FLAG


def in_fours(text: str) -> str:
    """Return a UUID with a hyphen after every four digits."""
    digits = text.replace("-", "")
    return "-".join(digits[start : start + 4] for start in range(0, 32, 4))


FORMS: Final[dict[str, Callable[[str], str]]] = {
    "without hyphens": lambda text: text.replace("-", ""),
    "in braces": lambda text: f"{{{text}}}",
    "in braces without hyphens": lambda text: f"{{{text.replace('-', '')}}}",
    "in fours": in_fours,
    "in upper case without hyphens": lambda text: text.replace("-", "").upper(),
}
# Who writes, a row of A, and the reference that leads to B.
FOREIGN: Final[tuple[tuple[str, str, dict[str, Any], str, str], ...]] = (
    ("marshal-of-a", "position_flags", FLAG, "device_id", "device B"),
    ("director-of-a", "device_commands", COMMAND, "device_id", "device B"),
    ("director-of-a", "device_commands", COMMAND, "entry_id", "entry B"),
    ("admin-of-a", "entries", ENTRY, "vehicle_id", "vehicle B"),
    ("admin-of-a", "entries", ENTRY, "class_id", "class B"),
    ("admin-of-a", "entry_devices", {"entry_id": key("entry A")}, "device_id", "device B"),
    ("admin-of-a", "entry_crew", {"user_id": key("admin-of-a"), "role": "pilot"}, "entry_id", "entry B"),
    ("marshal-of-a", "entry_crossings", {**CROSSING, "status": "confirmed"}, "geofence_id", "fence B"),
    ("admin-of-a", "entry_penalties", PENALTY, "segment_id", "segment B"),
    ("admin-of-a", "penalty_formulas", {**FORMULA, "belongs_to_type": "stage"}, "belongs_to_id", "stage B"),
)
KEY_REFUSED: Final = (400, "INVALID_KEY")


def written(name: str) -> list[Any]:
    """Return the ways to write a reference: in each form the key, and a row with nothing but the key."""
    forms = [form(key(name)) for form in FORMS.values()]
    return [*forms, *({"id": one} for one in forms)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_postgresql_reads_each_form(rally_of: Rally, form: Callable[[str], str]) -> None:
    assert rally_of.directus.database.value("SELECT %s::uuid::text", form(key("device B"))) == key("device B")


@pytest.mark.parametrize(("user", "collection", "row", "field", "other"), FOREIGN)
def test_no_form_of_a_key_leads_to_another_organisation(
    rally_of: Rally, user: str, collection: str, row: dict[str, Any], field: str, other: str
) -> None:
    count = f"SELECT count(*) FROM public.{collection}"
    before = rally_of.directus.database.value(count)
    with rally_of.as_user(user) as http:
        for client in (http, rally_of.directus.http):
            for value in written(other):
                answer = client.post(f"/items/{collection}", json={**row, field: value})
                assert refusal(answer) == KEY_REFUSED, (value, answer.text)
    assert rally_of.directus.database.value(count) == before


def test_no_form_of_a_key_leads_there_by_an_update(rally_of: Rally) -> None:
    http, path = rally_of.directus.http, f"/items/entries/{key('entry A')}"
    before = http.get(path).json()["data"]
    with rally_of.as_user("admin-of-a") as admin:
        for client in (http, admin):
            for field, other in (("vehicle_id", "vehicle B"), ("class_id", "class B"), ("event_id", "event B")):
                for value in written(other):
                    assert refusal(client.patch(path, json={field: value})) == KEY_REFUSED, (field, value)
            # In a row that is written together with this one.
            for value in written("device B"):
                below = {"entry_devices": {"create": [{"device_id": value}], "update": [], "delete": []}}
                assert refusal(client.patch(path, json=below)) == KEY_REFUSED, value
    assert http.get(path).json()["data"] == before


def test_no_form_of_a_key_names_the_row_to_write(rally_of: Rally) -> None:
    with rally_of.as_user("admin-of-a") as http:
        for form in FORMS.values():
            name = form(key("entry B"))
            assert refusal(http.patch(f"/items/entries/{name}", json={"notes": "x"})) == (403, "FORBIDDEN")
            assert refusal(http.patch("/items/entries", json={"keys": [name], "data": {}})) == (403, "FORBIDDEN")
            assert refusal(http.request("DELETE", "/items/entries", json=[name])) == (403, "FORBIDDEN")


def test_a_key_in_upper_case_is_checked_and_accepted(rally_of: Rally) -> None:
    create, http = rally_of.directus.create, rally_of.directus.http
    upper = {field: key(f"{field.removesuffix('_id')} A").upper() for field in ("event_id", "class_id", "vehicle_id")}
    entry = create("entries", **{**ENTRY, **upper})
    assert create("entry_devices", entry_id=entry["id"].upper(), device_id=key("device A").upper())
    assert create("penalty_formulas", **FORMULA, belongs_to_type="stage", belongs_to_id=key("stage A").upper())
    for user, collection, row, field, other in FOREIGN:
        with rally_of.as_user(user) as client:
            answer = client.post(f"/items/{collection}", json={**row, field: key(other).upper()})
            assert refusal(answer)[1] in {"CROSS_EVENT_REFERENCE", "TENANT_FORBIDDEN"}, answer.text
    assert http.get(f"/items/entries/{entry['id']}").json()["data"]["vehicle_id"] == key("vehicle A")
