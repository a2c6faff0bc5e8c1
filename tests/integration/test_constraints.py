"""Every constraint of the catalog: one row that fits and one that does not, with SQL and with Directus's API.

Directus must answer with the validation of the field, with "has to be unique", or, for the constraints listed in
docs/constraints.md, with the sentence of that page.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from directus_sync.catalog import Kind
from directus_sync.catalog import file as catalog_file
from directus_sync.project import ALEMBIC_TABLES
from tests import snapshots
from tests.conftest import ROOT, SNAPSHOT, RunningDirectus, wipe
from tests.course import (
    AREA,
    BOW_TIE,
    CLASS,
    DEVICE,
    FAR_AWAY,
    ORGANIZATION,
    POINT,
    ROWS,
    SEGMENT,
    STAGE,
    USER,
    an_id,
    insert,
    insert_all,
)  # fmt: skip
from tools import constraint_sentences

CATALOG = catalog_file.load(ROOT / "snapshots" / "catalog.yaml")
DEFINITIONS = {
    item.name.partition(".")[2]: (item.name.partition(".")[0], definition)
    for item, definition in CATALOG.definitions.items()
    # Directus ignores Alembic's own tables.
    if item.kind is Kind.CONSTRAINT and item.name.partition(".")[0] not in ALEMBIC_TABLES
}
SENTENCES = constraint_sentences.sentences(ROOT)
# Constraints that no validation of a field can express.
EXPLAINED = set(
    re.findall(r"^\| `(\w+)` \|", (ROOT / constraint_sentences.PAGE).read_text(encoding="utf-8"), re.MULTILINE)
)

Change = dict[str, Any]

NEXT_YEAR = "2027-06-06T06:00:00Z"
LINE = {"type": "LineString", "coordinates": [[19.8, 41.3], [19.8, 41.3]]}
FAR_LINE = {"type": "LineString", "coordinates": [[19.8, 41.3], [384_500.0, 41.3]]}
FAR_BOX = {"type": "Polygon", "coordinates": [[[180, 41], [181, 41], [181, 42], [180, 41]]]}

# By constraint, two changes to the row in tests.course: one gives a row that fits, one a row that does not. An empty
# change means that the row itself fits, at the limit of what is allowed.
CHECKS: dict[str, tuple[Change, Change]] = {
    "events_window_check": ({"ends_at": "2026-06-06T06:00:01Z"}, {"ends_at": "2026-06-06T06:00:00Z"}),
    "classes_race_number_max_check": ({"race_number_max": 1}, {"race_number_min": 2, "race_number_max": 1}),
    # Values that depend on other rows: a role of the event's discipline, and a status that a stage may start with.
    "entry_crew_role_check": ({"role": "rider"}, {"role": "no such choice"}),
    "stages_status_check": ({"status": "published"}, {"status": "no such choice"}),
    "stages_start_order_input_stage_id_check": (
        {"id": an_id("new"), "start_order_input_stage_id": STAGE},
        {"id": an_id("new"), "start_order_input_stage_id": an_id("new")},
    ),
    "entry_devices_window_check": (
        {"from_at": "2026-06-06T06:00:00Z", "until_at": "2026-06-06T06:00:01Z"},
        {"from_at": "2026-06-06T06:00:00Z", "until_at": "2026-06-06T06:00:00Z"},
    ),
    "entry_devices_device_id_excl": ({"entry_id": "other"}, {"entry_id": "other", "device_id": DEVICE}),
    "devices_imei_check": ({}, {"imei": "35000000000000A"}),
    "organizations_slug_check": ({}, {"slug": "Not a slug"}),
    "events_slug_check": ({}, {"slug": "-"}),
    "directus_users_nationality_check": ({"nationality": "AL"}, {"nationality": "Albania"}),
    "vehicles_year_check": ({"year": 1900}, {"year": 1899}),
    "stages_opened_at_check": ({"status": "open"}, {"status": "open", "opened_at": None}),
    "stages_window_check": ({}, {"closed_at": "2026-06-06T05:59:59Z"}),
    "geofences_geometry_check": ({}, {"geometry": BOW_TIE}),
    "geofences_geometry_degrees_check": ({}, {"geometry": FAR_BOX}),
    "segments_liaison_check": ({"type": "liaison"}, {"type": "liaison", "target_duration_seconds": None}),
    "segments_special_stage_check": ({}, {"exit_geofence_id": None}),
    "segments_route_check": ({}, {"route": LINE}),
    "segments_route_degrees_check": ({}, {"route": FAR_LINE}),
    "waypoints_location_degrees_check": ({}, {"location": FAR_AWAY}),
    "penalty_formulas_belongs_to_id_check": (
        {"belongs_to_type": "stage", "belongs_to_id": STAGE}, {"belongs_to_type": "stage"},
    ),
    "penalty_formulas_offence_max_check": ({}, {"offence_max": 0}),
    "penalty_formulas_occurrence_max_check": ({}, {"occurrence_min": 2}),
    "penalty_formulas_penalty_required_check": ({"operator": "disqualify", "penalty": None}, {"penalty": None}),
    "entry_crossings_target_check": ({"geofence_id": None, "waypoint_id": POINT}, {"waypoint_id": POINT}),
    "penalty_formulas_belongs_to_type_check": (
        {"belongs_to_type": "geofence", "belongs_to_id": AREA}, {"belongs_to_type": "moon", "belongs_to_id": AREA},
    ),
    "entry_penalties_override_reason_check": ({}, {"override_reason": ""}),
    "entry_penalties_overridden_check": (
        {"status": "overridden"}, {"status": "overridden", "override_seconds": None},
    ),
    "entry_penalties_counts_check": ({"status": "overridden"}, {"status": "overridden", "penalty_seconds": 1}),
    "stage_results_published_at_check": (
        {"publication": "official", "published_at": NEXT_YEAR}, {"publication": "official"},
    ),
    "stage_results_publication_check": (
        {"publication": "official", "published_at": NEXT_YEAR}, {"publication": "no such choice"},
    ),
    "position_flags_window_check": ({}, {"to_ts": "2026-06-06T05:59:59Z"}),
    "device_commands_command_check": ({}, {"command": "no such choice"}),
    "device_commands_status_check": (
        {"status": "sent", "sent_at": NEXT_YEAR}, {"status": "no such choice"},
    ),
    "device_commands_params_check": ({}, {"params": "1\n2"}),
    "device_commands_sent_at_check": ({}, {"status": "sent"}),
    "device_commands_answered_at_check": (
        {"status": "failed", "error": "x", "answered_at": NEXT_YEAR}, {"status": "failed", "error": "x"},
    ),
    "device_commands_answer_check": (
        {"status": "acknowledged", "answer": "", "sent_at": NEXT_YEAR, "answered_at": NEXT_YEAR}, {"answer": "ok"},
    ),
    "device_commands_error_check": (
        {"status": "failed", "error": "x", "answered_at": NEXT_YEAR}, {"status": "failed", "answered_at": NEXT_YEAR},
    ),
}  # fmt: skip
# Checks of one field: the row has the lowest allowed value, or the last of the choices is tried.
for name, (table, definition) in DEFINITIONS.items():
    column = name.removeprefix(f"{table}_").removesuffix("_check")
    if name in CHECKS or not definition.startswith("CHECK"):
        continue
    if choices := re.findall(r"'([^']+)'::character varying", definition):
        CHECKS[name] = ({column: choices[-1]}, {column: "no such choice"})
    elif low := re.search(r">(=?) \(?(\d+)", definition):
        CHECKS[name] = ({}, {column: int(low[2]) - 1 if low[1] else int(low[2])})

# By constraint, two rows beside the one in tests.course: one shares a part of the key, one shares all of it.
UNIQUES: dict[str, tuple[Change, Change]] = {
    "organization_users_organization_id_user_id_key": ({"organization_id": "other"}, {"role": "viewer"}),
    "organization_vehicles_organization_id_vehicle_id_key": ({"organization_id": "other"}, {}),
    "organization_devices_organization_id_device_id_key": ({"organization_id": "other"}, {}),
    "events_organization_id_slug_key": ({"organization_id": "other"}, {"name": "another"}),
    "classes_event_id_code_key": ({"code": "C-3"}, {"name": "another"}),
    "entries_event_id_race_number_key": ({"race_number": 2}, {"status": "confirmed"}),
    "entry_crew_entry_id_user_id_key": ({"user_id": "other"}, {"role": "mechanic"}),
    "entry_devices_entry_id_device_id_key": ({"device_id": "other"}, {"mount_position": "dash"}),
    "stages_event_id_name_key": ({"name": "another", "sort_order": 20}, {"sort_order": 20}),
    "stages_event_id_sort_order_key": ({"name": "another", "sort_order": 20}, {"name": "another"}),
    "geofences_event_id_name_key": ({"name": "another"}, {"kind": "finish"}),
    "segments_stage_id_sort_order_key": ({"sort_order": 20}, {"name": "another"}),
    "waypoints_segment_id_sort_order_key": ({"sort_order": 20}, {"name": "another"}),
    "speed_limit_zones_event_id_name_key": ({"name": "another"}, {"speed_limit_kmh": 30}),
    "penalty_formulas_bracket_key": ({"offence_key": "WPN"}, {"penalty": 60}),
    "entry_segment_starts_entry_id_segment_id_key": (
        {"segment_id": "other", "start_position": 2}, {"start_position": 2},
    ),
    "entry_segment_starts_segment_id_start_position_key": (
        {"entry_id": "other", "start_position": 2}, {"entry_id": "other"},
    ),
    "entry_crossings_target_direction_ts_key": ({"direction": "exit"}, {"source": "manual"}),
    "entry_penalties_entry_id_dedupe_key_key": ({"dedupe_key": "manual:2"}, {"status": "waived"}),
    "stage_results_stage_id_entry_id_key": ({"entry_id": "other"}, {"status": "dnf"}),
}  # fmt: skip
OTHERS: dict[str, tuple[str, Change]] = {
    "organization_id": ("organizations", {"slug": "other"}),
    "user_id": ("directus_users", {"email": "other@example.com"}),
    "device_id": ("devices", {"imei": "350000000000002"}),
    "vehicle_id": ("vehicles", {}),
    "entry_id": ("entries", {"race_number": 7}),
    "segment_id": ("segments", {"sort_order": 70}),
}
CASES = {**CHECKS, **UNIQUES}


@pytest.fixture(scope="module")
def session(extended: RunningDirectus) -> Iterator[psycopg.Connection[Any]]:
    """One connection for all tests: connecting takes as long as a test."""
    with extended.database.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def served(extended: RunningDirectus, session: psycopg.Connection[Any]) -> RunningDirectus:
    """A Directus with one row of every collection, and a second row of each collection that a key refers to."""
    wipe(extended.database)
    with session.transaction():
        insert_all(session)
        for field, (table, change) in OTHERS.items():
            insert(session, table, {**ROWS[table], **change, "id": an_id(f"other {field}")})
        registered = {"organization_id": ORGANIZATION, "device_id": an_id("other device_id")}
        insert(session, "organization_devices", registered)
        session.execute(
            "INSERT INTO public.positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites,"
            " priority, codec, attributes)"
            " VALUES ('350000000000001', '2026-06-06T06:00:00Z', 41, 19, 0, 0, 0, 9, 0, '8E', '{}')"
        )
    return dataclasses.replace(extended, database=dataclasses.replace(extended.database, session=session))


def _row(name: str, change: Change) -> tuple[str, Change]:
    """Return a constraint's table and the row to insert."""
    table = DEFINITIONS[name][0]
    row = {key: value for key, value in ROWS[table].items() if key != "id"}
    if name in CHECKS:
        # The first row is still there, so this one needs other keys.
        row |= FREE.get(table, {})
    given = {key: an_id(f"other {key}") if value == "other" else value for key, value in change.items()}
    return table, {**row, **given}


FREE: dict[str, Change] = {
    "organizations": {"slug": "free"},
    "directus_users": {"email": "free@example.com"},
    "devices": {"imei": "350000000000007"},
    "organization_users": {"organization_id": an_id("other organization_id")},
    "events": {"slug": "another"},
    "classes": {"code": "C-3"},
    "entries": {"race_number": 8},
    "entry_crew": {"user_id": an_id("other user_id")},
    "entry_devices": {"device_id": an_id("other device_id")},
    "stages": {"name": "New", "sort_order": 30},
    "geofences": {"name": "New"},
    "segments": {"sort_order": 30},
    "waypoints": {"sort_order": 30},
    "speed_limit_zones": {"name": "New"},
    "penalty_formulas": {"offence_key": "WPN"},
    "entry_segment_starts": {"segment_id": an_id("other segment_id")},
    "entry_crossings": {"ts": NEXT_YEAR},
    "entry_penalties": {"dedupe_key": "manual:9"},
    "stage_results": {"entry_id": an_id("other entry_id")},
}


def test_every_constraint_has_a_case() -> None:
    assert set(CASES) == set(DEFINITIONS)
    assert set(DEFINITIONS) >= EXPLAINED


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("name", CASES)
def test_sql_accepts_a_row_that_fits_and_refuses_one_that_does_not(session: psycopg.Connection[Any], name: str) -> None:
    fits, refused = CASES[name]
    for change, violated in ((fits, None), (refused, name)):
        found = None
        try:
            with session.transaction(force_rollback=True):
                insert(session, *_row(name, change))
                session.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.errors.IntegrityError as error:
            found = error.diag.constraint_name
        assert found == violated


# The extension sets these columns itself, whatever the request contains.
WRITTEN = {"entry_penalties_counts_check", "position_flags_rows_affected_check", "stages_opened_at_check"}


# A trigger reports which area crosses itself, and where.
OUTLINE = (
    "geofences_geometry_check",
    "The outline of New is no area: self-intersection at longitude 19.85000, latitude 41.35000."
    " Draw it without crossing itself.",
)


# One message of each form in which Directus reports a constraint of a field.
FIELD_MESSAGES = {
    "entries_event_id_race_number_key": (
        'Value for field "event_id, race_number" in collection "entries" has to be unique.'
    ),
    "entries_race_number_check": (
        'Validation failed for field "race_number". Value has to be greater than or equal to "1".'
    ),
}


@pytest.mark.parametrize("name", sorted(CASES.keys() - WRITTEN))
def test_directus_explains_a_violated_constraint(served: RunningDirectus, name: str) -> None:
    fits, refused = CASES[name]
    table, row = _row(name, fits)
    path = "/users" if table == "directus_users" else f"/items/{table}"
    created = served.http.post(path, json=row)
    assert created.status_code == 200, created.text
    assert served.http.delete(f"{path}/{created.json()['data']['id']}").status_code == 204

    table, row = _row(name, refused)
    count = f"SELECT count(*) FROM {table}"
    before = served.database.value(count)
    answer = served.http.post(path, json=row)
    assert served.database.value(count) == before
    error = answer.json()["errors"][0]
    assert answer.status_code == 400, answer.text
    if name in EXPLAINED:
        assert (error["extensions"]["code"], error["extensions"]["constraint"]) == ("CONSTRAINT_VIOLATED", name)
        assert error["message"] == SENTENCES[name] or (name, error["message"]) == OUTLINE
    else:
        code = "RECORD_NOT_UNIQUE" if name in UNIQUES else "FAILED_VALIDATION"
        assert error["extensions"]["code"] == code, error
        assert set(error["extensions"]["field"].split(", ")) <= set(re.findall(r"\w+", DEFINITIONS[name][1]))
        assert error["message"] == FIELD_MESSAGES.get(name, error["message"])


# Constraints that Directus itself creates from the snapshot, outside the catalog


def _fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for entry in snapshots.load(SNAPSHOT.read_text(encoding="utf-8"))["fields"]:
        column = entry.get("schema")
        if entry["collection"] in ROWS and column and not column["is_primary_key"]:
            yield entry["collection"], entry["field"], column


# The extension fills these in.
FILLED_IN = {("entry_penalties", "dedupe_key"), ("entry_penalties", "formula_snapshot")}
REQUIRED = [
    (table, field)
    for table, field, column in _fields()
    if not column["is_nullable"] and column["default_value"] is None and (table, field) not in FILLED_IN
]
UNIQUE_FIELDS = [(table, field) for table, field, column in _fields() if column["is_unique"]]


def _free_row(table: str) -> Change:
    """Return a row that fits beside the existing one."""
    return {**{key: value for key, value in ROWS[table].items() if key != "id"}, **FREE.get(table, {})}


@pytest.mark.parametrize(("table", "field"), REQUIRED)
def test_a_required_field_is_required_by_sql_and_by_the_api(
    served: RunningDirectus, session: psycopg.Connection[Any], table: str, field: str
) -> None:
    row = _free_row(table)
    del row[field]
    with pytest.raises(psycopg.errors.NotNullViolation) as caught, session.transaction(force_rollback=True):
        insert(session, table, row)
    assert (caught.value.diag.table_name, caught.value.diag.column_name) == (table, field)

    answer = served.http.post(f"/items/{table}", json=row)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["extensions"]["code"], error["extensions"]["field"]) == (
        400, "FAILED_VALIDATION", field,
    )  # fmt: skip


@pytest.mark.parametrize(("table", "field"), UNIQUE_FIELDS)
def test_a_unique_field_is_unique_for_sql_and_for_the_api(
    served: RunningDirectus, session: psycopg.Connection[Any], table: str, field: str
) -> None:
    row = {**_free_row(table), field: ROWS[table][field]}
    with (
        pytest.raises(psycopg.errors.UniqueViolation, match=f"{table}_{field}_unique"),
        session.transaction(force_rollback=True),
    ):
        insert(session, table, row)
    answer = served.http.post(f"/items/{table}", json=row)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "RECORD_NOT_UNIQUE")


def test_the_message_about_an_invalid_foreign_key_names_the_field(served: RunningDirectus) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    answer = served.http.post("/items/entries", json={**_free_row("entries"), "class_id": nobody})
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "INVALID_FOREIGN_KEY")
    assert error["message"] == f'Invalid foreign key "{nobody}" for field "class_id" in collection "entries".'


@pytest.mark.parametrize(
    ("path", "key"),
    [(f"/items/classes/{CLASS}", "entries_class_id_foreign"), (f"/users/{USER}", "entry_crew_user_id_foreign")],
)
def test_a_row_that_an_entry_refers_to_cannot_be_deleted(served: RunningDirectus, path: str, key: str) -> None:
    refused = served.http.delete(path)
    error = refused.json()["errors"][0]
    assert (refused.status_code, error["extensions"]["code"]) == (409, "ROW_IN_USE")
    assert error["extensions"]["constraint"] == key
    assert error["message"] == f"Rows of {error['extensions']['collection']} refer to this row; delete them first."


def test_every_field_validation_has_a_message(served: RunningDirectus) -> None:
    fields = served.http.get("/fields").json()["data"]
    silent = [
        f"{field['collection']}.{field['field']}"
        for field in fields
        if not field["collection"].startswith("directus_")
        and field["meta"]
        and field["meta"]["validation"]
        and not (field["meta"]["validation_message"] or "").endswith(".")
    ]
    assert silent == []


SHAPES = [
    ("geofences", AREA, "geometry", {
        "type": "Polygon",
        "coordinates": [
            [[19.8, 41.3], [19.9, 41.3], [19.9, 41.400000000001], [19.8, 41.4], [19.8, 41.3]],
            [[19.84, 41.34], [19.84, 41.36], [19.86, 41.36], [19.84, 41.34]],
        ],
    }),
    ("segments", SEGMENT, "route", {
        "type": "LineString", "coordinates": [[19.8, 41.3], [-19.912345678901, -41.4], [20, 41]],
    }),
    ("waypoints", POINT, "location", {"type": "Point", "coordinates": [19.8187, 41.3275]}),
]  # fmt: skip


@pytest.mark.parametrize(("collection", "key", "field", "shape"), SHAPES, ids=lambda value: str(value)[:9])
def test_a_shape_is_read_back_as_it_was_written(
    served: RunningDirectus, collection: str, key: str, field: str, shape: dict[str, Any]
) -> None:
    path = f"/items/{collection}/{key}"
    before = served.http.get(path).json()["data"][field]
    try:
        assert served.http.patch(path, json={field: shape}).status_code == 200
        assert served.http.get(path).json()["data"][field] == shape
        sql = f"SELECT ST_SRID({field}) FROM {collection} WHERE id = %s"
        assert served.database.value(sql, key) == 4326
    finally:
        assert served.http.patch(path, json={field: before}).status_code == 200


def test_one_request_can_swap_the_order_of_two_rows(served: RunningDirectus) -> None:
    """The admin UI sends this when a row is dragged before another."""
    second = served.create("segments", stage_id=STAGE, sort_order=90, type="parc-ferme")["id"]
    for first, last in ((90, 10), (10, 90)):
        order = [{"id": SEGMENT, "sort_order": first}, {"id": second, "sort_order": last}]
        moved = served.http.patch(
            f"/items/stages/{STAGE}", json={"segments": {"update": order, "create": [], "delete": []}}
        )
        assert moved.status_code == 200, moved.text
        found = served.http.get(f"/items/segments/{second}").json()["data"]["sort_order"]
        assert found == last
    assert served.http.delete(f"/items/segments/{second}").status_code == 204
