"""References stay within one event and one organisation, even for administrators."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key

ENTRY = {
    "event_id": key("event A"),
    "class_id": key("class A"),
    "vehicle_id": key("vehicle A"),
    "race_number": 9,
    "status": "registered",
}
CROSSING = {"entry_id": key("entry A"), "direction": "pass", "ts": "2026-06-07T07:00:00Z", "source": "manual"}
PENALTY = {
    "entry_id": key("entry A"),
    "stage_id": key("stage A"),
    "type": "manual",
    "penalty_seconds": 60,
    "source": "manual",
    "status": "proposed",
    "dedupe_key": "1",
    "formula_snapshot": {},
}
FORMULA = {"event_id": key("event A"), "type": "manual", "offence_unit": "count", "operator": "flat", "penalty": 60}
STRAY: list[tuple[str, dict[str, Any]]] = [
    ("entries", {**ENTRY, "class_id": key("class B")}),
    ("entries", {**ENTRY, "class_id": key("class A2")}),
    ("entries", {**ENTRY, "vehicle_id": key("vehicle B")}),
    ("entries", {**ENTRY, "vehicle_id": {"make": "A", "model": "new one"}}),
    ("entries", {**ENTRY, "class_id": {"event_id": key("event A2"), "code": "X", "name": "X"}}),
    ("entry_devices", {"entry_id": key("entry A"), "device_id": key("device B")}),
    ("entry_segment_starts", {"entry_id": key("entry A"), "segment_id": key("segment B"), "start_position": 1}),
    ("entry_crossings", {**CROSSING, "status": "confirmed", "geofence_id": key("fence B")}),
    ("entry_crossings", {**CROSSING, "status": "confirmed", "waypoint_id": key("waypoint B")}),
    ("entry_penalties", {**PENALTY, "stage_id": key("stage B")}),
    ("entry_penalties", {**PENALTY, "segment_id": key("segment B")}),
    ("stage_results", {"stage_id": key("stage A"), "entry_id": key("entry B"), "class_id": key("class A")}),
    (
        "segments",
        {"stage_id": key("stage A"), "sort_order": 2, "type": "parc-ferme", "exit_geofence_id": key("fence B")},
    ),
    (
        "speed_limit_zones",
        {"event_id": key("event A"), "name": "Z", "geofence_id": key("fence B"), "speed_limit_kmh": 50},
    ),
    ("penalty_formulas", {**FORMULA, "belongs_to_type": "stage", "belongs_to_id": key("stage B")}),
    ("penalty_formulas", {**FORMULA, "belongs_to_type": "segment", "belongs_to_id": key("no segment")}),
]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["extensions"]["code"]


@pytest.mark.parametrize(("collection", "row"), STRAY)
def test_a_reference_to_another_event_is_refused(rally_of: Rally, collection: str, row: dict[str, Any]) -> None:
    answer = rally_of.directus.http.post(f"/items/{collection}", json=row)
    assert refusal(answer) == (400, "CROSS_EVENT_REFERENCE"), answer.text
    assert rally_of.directus.database.value(f"SELECT count(*) FROM public.{collection} WHERE id = %s", key("new")) == 0


def test_references_within_one_event_are_accepted(rally_of: Rally) -> None:
    create = rally_of.directus.create
    entry = create("entries", **ENTRY)
    create("entry_devices", entry_id=entry["id"], device_id=key("device A"))
    create("entry_crossings", **CROSSING, status="confirmed", geofence_id=key("fence A"), segment_id=key("segment A"))
    create("entry_penalties", **PENALTY, segment_id=key("segment A"))
    create("penalty_formulas", **FORMULA, belongs_to_type="waypoint", belongs_to_id=key("waypoint A"))
    # A class and its first entry in one request.
    create("entries", event_id=key("event A2"), class_id={"event_id": key("event A2"), "code": "X", "name": "X"},
           race_number=1, status="registered", vehicle_id=key("vehicle A"))  # fmt: skip


def test_an_update_is_checked_against_the_stored_row(rally_of: Rally) -> None:
    http = rally_of.directus.http
    answer = http.patch(f"/items/entries/{key('entry A')}", json={"class_id": key("class A2")})
    assert refusal(answer) == (400, "CROSS_EVENT_REFERENCE")
    assert answer.json()["errors"][0]["message"] == "class_id does not belong to the same event as event_id."
    # One wrong row is enough to refuse a batch.
    both = {"keys": [key("entry A"), key("entry B")], "data": {"class_id": key("class A")}}
    assert refusal(http.patch("/items/entries", json=both)) == (400, "CROSS_EVENT_REFERENCE")
    assert http.patch(f"/items/entries/{key('entry A')}", json={"class_id": key("class A")}).status_code == 200


def test_a_row_that_others_refer_to_cannot_leave_its_event(rally_of: Rally) -> None:
    http, database = rally_of.directus.http, rally_of.directus.database
    before = database.rows("SELECT event_id FROM public.stages ORDER BY id")
    for path, change in (
        (f"/items/classes/{key('class A')}", {"event_id": key("event A2")}),
        (f"/items/stages/{key('stage A')}", {"event_id": key("event A2")}),
        (f"/items/segments/{key('segment A')}", {"stage_id": key("stage B")}),
        (f"/items/events/{key('event A')}", {"organization_id": key("B")}),
    ):
        answer = http.patch(path, json=change)
        assert refusal(answer) == (400, "CROSS_EVENT_REFERENCE"), answer.text
        assert "refer to this row" in answer.json()["errors"][0]["message"]
    assert database.rows("SELECT event_id FROM public.stages ORDER BY id") == before
    # Within its event a row moves with its children. A row without references to it can move anywhere.
    stage = {"event_id": key("event A"), "name": "SS2", "sort_order": 2, "role": "regular", "status": "draft"}
    second = rally_of.directus.create("stages", **stage, start_order_strategy="manual")["id"]
    assert http.patch(f"/items/segments/{key('segment A')}", json={"stage_id": second}).status_code == 200
    assert (
        http.patch(f"/items/classes/{key('class A2')}", json={"event_id": key("event A"), "code": "Z"}).status_code
        == 200
    )
