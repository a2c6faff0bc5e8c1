from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.course import AREA, CLASS, EVENT, POINT, ROWS, SEGMENT, STAGE, an_id, insert, insert_all

OTHER_EVENT = an_id("other event")
# For each collection: the fields that put a row into another event.
OTHERS: dict[str, dict[str, Any]] = {
    "events": {"slug": "other"},
    "classes": {"event_id": OTHER_EVENT},
    "entries": {"event_id": OTHER_EVENT, "class_id": an_id("other classes")},
    "stages": {"event_id": OTHER_EVENT},
    "geofences": {"event_id": OTHER_EVENT},
    "segments": {
        "stage_id": an_id("other stages"),
        "entry_geofence_id": an_id("other geofences"),
        "exit_geofence_id": an_id("other geofences"),
    },
    "waypoints": {"segment_id": an_id("other segments")},
    "penalty_formulas": {"event_id": OTHER_EVENT},
    "entry_crossings": {"entry_id": an_id("other entries"), "geofence_id": an_id("other geofences")},
}
# Table, reference, the collection that it refers to, and the field that gives the row its event.
STRAY = [
    ("entries", "class_id", "classes", "event_id"),
    ("entry_crossings", "segment_id", "segments", "entry_id"),
    ("entry_crossings", "geofence_id", "geofences", "entry_id"),
    ("entry_penalties", "stage_id", "stages", "entry_id"),
    ("entry_penalties", "formula_id", "penalty_formulas", "entry_id"),
    ("entry_penalties", "segment_id", "segments", "stage_id"),
    ("entry_penalties", "crossing_id", "entry_crossings", "entry_id"),
    ("entry_segment_starts", "segment_id", "segments", "entry_id"),
    ("position_flags", "entry_id", "entries", "event_id"),
    ("segments", "entry_geofence_id", "geofences", "stage_id"),
    ("speed_limit_zones", "geofence_id", "geofences", "event_id"),
    ("speed_limit_zones", "segment_id", "segments", "event_id"),
    ("stage_results", "entry_id", "entries", "stage_id"),
    ("stage_results", "class_id", "classes", "stage_id"),
    ("stages", "start_order_input_stage_id", "stages", "event_id"),
    ("waypoints", "geofence_id", "geofences", "segment_id"),
]
BELONGS = {
    "class": ("classes", CLASS),
    "stage": ("stages", STAGE),
    "segment": ("segments", SEGMENT),
    "waypoint": ("waypoints", POINT),
    "geofence": ("geofences", AREA),
}


@pytest.fixture
def events(session: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A session with two events, each with a course."""
    insert_all(session)
    for table, change in OTHERS.items():
        key = OTHER_EVENT if table == "events" else an_id(f"other {table}")
        insert(session, table, {**ROWS[table], **change, "id": key})
    return session


def refused(session: psycopg.Connection[Any], sql: str, *parameters: object) -> tuple[str | None, str | None]:
    """Execute SQL that a trigger refuses. Return the rule and the message."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught, session.transaction():
        session.execute(sql, parameters)
    return caught.value.diag.constraint_name, caught.value.diag.message_primary


@pytest.mark.parametrize(("table", "field", "collection", "other"), STRAY)
def test_a_reference_into_another_event_is_refused(
    events: psycopg.Connection[Any], table: str, field: str, collection: str, other: str
) -> None:
    told = (f"{table}_same_event_check", f"{field} does not fit {other}: they must be of the same event.")
    stray = an_id(f"other {collection}")
    home = ROWS[table].get("id")
    where, parameters = (" WHERE id = %s", (home,)) if home else (f" WHERE {field} IS DISTINCT FROM %s", (stray,))
    assert refused(events, f"UPDATE {table} SET {field} = %s{where}", stray, *parameters) == told


def test_a_row_with_a_reference_into_another_event_is_not_created(events: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="class_id does not fit event_id"), events.transaction():
        insert(
            events,
            "entries",
            {**ROWS["entries"], "id": an_id("new"), "race_number": 9, "class_id": an_id("other classes")},
        )


@pytest.mark.parametrize("kind", BELONGS)
def test_a_formula_must_belong_to_something_in_its_event(events: psycopg.Connection[Any], kind: str) -> None:
    collection, own = BELONGS[kind]
    change = "UPDATE penalty_formulas SET belongs_to_type = %s, belongs_to_id = %s WHERE event_id = %s"
    events.execute(change, (kind, own, EVENT))
    for wrong in (an_id(f"other {collection}"), an_id("nothing")):
        name, told = refused(events, change, kind, wrong, EVENT)
        assert (name, told) == (
            "penalty_formulas_same_event_check",
            "belongs_to_id does not fit event_id: they must be of the same event.",
        )


@pytest.mark.parametrize(
    ("table", "key", "change", "rows"),
    [
        ("classes", CLASS, f"event_id = '{OTHER_EVENT}'", "entries"),
        ("stages", STAGE, f"event_id = '{OTHER_EVENT}', name = 'moved'", "entry_penalties"),
        ("geofences", AREA, f"event_id = '{OTHER_EVENT}', name = 'moved'", "entry_crossings"),
        ("segments", SEGMENT, f"stage_id = '{an_id('other stages')}', sort_order = 7", "entry_segment_starts"),
    ],
)
def test_a_referenced_row_cannot_move_to_another_event(
    events: psycopg.Connection[Any], table: str, key: str, change: str, rows: str
) -> None:
    name, told = refused(events, f"UPDATE {table} SET {change} WHERE id = %s", key)
    assert (name, told) == (
        f"{table}_same_event_check",
        f"Rows of {rows} refer to it, so it stays in its event.",
    )


def test_an_unreferenced_row_can_move_to_another_event(events: psycopg.Connection[Any]) -> None:
    free = an_id("free")
    insert(events, "classes", {**ROWS["classes"], "id": free, "code": "free"})
    events.execute("UPDATE classes SET event_id = %s WHERE id = %s", (OTHER_EVENT, free))


def test_a_segment_can_move_to_another_stage_of_its_event(events: psycopg.Connection[Any]) -> None:
    second = an_id("second stage")
    insert(events, "stages", {**ROWS["stages"], "id": second, "name": "Second", "sort_order": 20})
    events.execute("DELETE FROM entry_penalties")
    events.execute("UPDATE segments SET stage_id = %s WHERE id = %s", (second, SEGMENT))
