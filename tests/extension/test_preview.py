"""Previews of course changes on recorded positions: who then passes, the penalties, and the places."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx
import pytest

from tests.conftest import ROOT
from tests.course import BOW_TIE, box
from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code
from tests.serving import client_of

OPENAPI = json.loads((ROOT / "extensions/trm/openapi.json").read_text())["paths"]["/trm/preview"]["post"]["responses"]
WAYPOINT, FENCE, EVENT, STAGE = (key(f"{name} A") for name in ("waypoint", "fence", "event", "stage"))
ZONE: Final = key("zone")
MINUTES: Final = 60_000
# Metres east of the waypoint, by race number.
LATERAL: Final = {11: 30, 12: 75, 13: 60, 14: 100, 15: 120, 16: 120.02}
HOUR: Final = "2026-06-07T07:00:00Z"


def entry(number: int, event: str = "A") -> str:
    """Return SQL for an entry with its own device, and a result of 10 minutes plus the race number in seconds."""
    names = {name: key(f"{name} {number} {event}") for name in ("entry", "device", "carried", "registered", "result")}
    of = {name: key(f"{name} {event}") for name in ("event", "class")}
    total = (10 * MINUTES) + number * 1000
    return f"""
INSERT INTO entries (id, event_id, class_id, vehicle_id, race_number, status)
  VALUES ('{names["entry"]}', '{of["event"]}', '{of["class"]}', '{key("vehicle A")}', {number}, 'started');
INSERT INTO devices (id, imei, model) VALUES ('{names["device"]}', '{imei(number, event)}', 'FMB920');
INSERT INTO entry_devices (id, entry_id, device_id)
  VALUES ('{names["carried"]}', '{names["entry"]}', '{names["device"]}');
INSERT INTO stage_results (id, stage_id, entry_id, class_id, status, raw_time_ms, total_time_ms)
  SELECT '{names["result"]}', id, '{names["entry"]}', '{of["class"]}', 'finished', {total}, {total}
  FROM stages WHERE id = '{key(f"stage {event}")}';"""


def imei(number: int, event: str = "A") -> str:
    return f"35{len(event)}000000000{number:03}"


def fix(
    number: int, point: str, second: float = 0, *, speed: float = 60, faulty: bool = False, satellites: int = 9,
    event: str = "A",
) -> str:  # fmt: skip
    """Return SQL for a position. point: an SQL expression; second: after 07:00 UTC."""
    return f"""
INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,
  attributes, faulty)
SELECT '{imei(number, event)}', timestamptz '{HOUR}' + {second} * interval '1 s', ST_Y(p), ST_X(p), 0, 0, {speed},
  {satellites}, 0, '8E', '{{}}', {str(faulty).lower()} FROM CAST({point} AS geometry) AS p;"""


def east(metres: float, of: str = "ST_MakePoint(19, 41)") -> str:
    return f"ST_Project(CAST({of} AS geography), {metres}, radians(90))"


def north(metres: float) -> str:
    return f"ST_Project(CAST(ST_MakePoint(19, 41) AS geography), {metres}, 0)"


FORMULA = (
    "INSERT INTO penalty_formulas (id, event_id, belongs_to_type, type, offence_unit, offence_key, operator, penalty)"
    f" VALUES (gen_random_uuid(), '{EVENT}', 'event', '%s', '%s', %s, '%s', %d);"
)


@pytest.fixture
def observed(rally_of: Rally) -> Rally:
    """The rally with entries that pass the waypoint at different distances, and a penalty for missing it."""
    statements = [FORMULA % ("waypoint_missed", "count", "'CP'", "per_occurrence", 900)]
    for number, metres in LATERAL.items():
        statements += [entry(number), fix(number, east(metres))]
    rally_of.directus.database.execute("".join(statements))
    return rally_of


def ask(rally: Rally, user: str = "director-of-a", **body: Any) -> httpx.Response:
    with rally.as_user(user) as http:
        answer = http.post("/trm/preview", json=body)
    described = OPENAPI[str(answer.status_code)]
    assert answer.is_success or f"`{code(answer)[1]}`" in described["description"], answer.text
    return answer


def preview(rally: Rally, collection: str, item: str, **change: Any) -> Any:
    answer = ask(rally, collection=collection, id=item, change=change)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def passes(found: Mapping[str, Any]) -> dict[int, tuple[int, int]]:
    return {one["race_number"]: (one["before"]["passes"], one["after"]["passes"]) for one in found["entries"]}


def test_a_new_tolerance_changes_who_passes(observed: Rally) -> None:
    smaller = preview(observed, "waypoints", WAYPOINT, tolerance_meters=60)
    # 13 is exactly on the edge, and passes.
    assert passes(smaller) == {12: (1, 0)}
    assert smaller["entries"][0]["penalties"] == [
        {
            "type": "waypoint_missed",
            "before": {"seconds": 0, "outcome": "none"},
            "after": {"seconds": 900, "outcome": "none"},
        }
    ]
    larger = preview(observed, "waypoints", WAYPOINT, tolerance_meters=120)
    assert passes(larger) == {14: (0, 1), 15: (0, 1)}
    assert [one["before"]["distance_m"] for one in larger["entries"]] == [100, 120]
    assert preview(observed, "waypoints", WAYPOINT, tolerance_meters=90) == {
        "retroactive": True, "entries": [], "results": [],
    }  # fmt: skip


def test_a_new_penalty_changes_the_places(observed: Rally) -> None:
    found = preview(observed, "waypoints", WAYPOINT, tolerance_meters=60)["results"]
    places = {one["race_number"]: (one["before"]["position"], one["after"]["position"]) for one in found}
    assert places == {13: (3, 2), 14: (4, 3), 15: (5, 4), 16: (6, 5), 12: (2, 6)}
    (own,) = (one for one in found if one["race_number"] == 12)
    assert own["after"] == {"position": 6, "total_time_ms": 612_000 + 900_000, "penalty_seconds": 900}


def test_a_moved_waypoint_changes_who_passes(observed: Rally) -> None:
    moved = {"type": "Point", "coordinates": [19.0012, 41]}
    # The waypoint moves 100.9 m to the east, nearer to the others.
    assert passes(preview(observed, "waypoints", WAYPOINT, location=moved)) == {14: (0, 1), 15: (0, 1), 16: (0, 1)}


def test_bad_and_foreign_positions_do_not_count(observed: Rally) -> None:
    carried = key("carried 12 A")
    observed.directus.database.execute(
        # Positions near the waypoint that are not good.
        fix(12, east(10), 1, faulty=True) + fix(12, east(10), 2, satellites=0)
        # A position after 12 gave the device back.
        + fix(12, east(10), 7200) + f"UPDATE entry_devices SET until_at = '2026-06-07T08:00Z' WHERE id = '{carried}';"
        # A position before the stage.
        + fix(14, east(10), -7200)
        # An entry of another event at the same place and time.
        + entry(12, "A2") + fix(12, east(75), event="A2")
    )  # fmt: skip
    assert passes(preview(observed, "waypoints", WAYPOINT, tolerance_meters=60)) == {12: (1, 0)}
    assert passes(preview(observed, "waypoints", WAYPOINT, tolerance_meters=110)) == {14: (0, 1)}


def test_the_line_between_two_close_positions_counts(observed: Rally) -> None:
    quick, lost = entry(17), entry(18)
    observed.directus.database.execute(
        quick + fix(17, north(-140)) + fix(17, north(140), 10)
        # The position of 18 is unknown for two minutes.
        + lost + fix(18, north(-140)) + fix(18, north(140), 120)
    )  # fmt: skip
    assert passes(preview(observed, "waypoints", WAYPOINT, tolerance_meters=60)) == {12: (1, 0)}
    found = preview(observed, "waypoints", WAYPOINT, tolerance_meters=150)
    assert passes(found)[18] == (0, 1)
    assert 17 not in passes(found)


def test_a_decision_of_the_stewards_is_kept(observed: Rally) -> None:
    observed.directus.database.execute(
        "INSERT INTO entry_penalties (id, entry_id, stage_id, type, formula_snapshot, penalty_seconds, source, status,"
        f" dedupe_key) VALUES (gen_random_uuid(), '{key('entry 12 A')}', '{STAGE}', 'waypoint_missed', '{{}}', 0,"
        f" 'auto', 'waived', 'waypoint_missed:{WAYPOINT}')"
    )
    found = preview(observed, "waypoints", WAYPOINT, tolerance_meters=60)
    assert (passes(found), found["entries"][0]["decided"], found["results"]) == ({12: (1, 0)}, True, [])


# 420 m wide.
AREA = "ST_MakeEnvelope(19.1, 41.1, 19.105, 41.102, 4326)"


def lane(number: int, speeds: list[float]) -> str:
    """Return SQL that drives an entry eastwards through the area, with a position each second."""
    begin = 19.0995
    return "".join(
        fix(number, f"ST_MakePoint({begin + 0.0008 * n}, 41.101)", n, speed=speed) for n, speed in enumerate(speeds)
    )


@pytest.fixture
def fast(rally_of: Rally) -> Rally:
    """The rally with a zone of 50 km/h, and entries whose highest speeds in it are 40, 55 and 61 km/h."""
    statements = [
        FORMULA % ("slz_speed", "kmh", "NULL", "per_unit", 30),
        f"UPDATE geofences SET geometry = {AREA} WHERE id = '{FENCE}';",
        "INSERT INTO speed_limit_zones (id, event_id, name, geofence_id, speed_limit_kmh, entry_buffer_m)"
        f" VALUES ('{ZONE}', '{EVENT}', 'Village', '{FENCE}', 50, 0);",
    ]
    for number, peak in {21: 40, 22: 55, 23: 61}.items():
        statements += [entry(number), lane(number, [90, 40, 40, peak, 40, 40, 40, 90, 90])]
    rally_of.directus.database.execute("".join(statements))
    return rally_of


def speeding(found: Mapping[str, Any]) -> dict[int, tuple[list[float], list[float], list[tuple[int, int]]]]:
    return {
        one["race_number"]: (
            one["before"]["speeding"],
            one["after"]["speeding"],
            [(cost["before"]["seconds"], cost["after"]["seconds"]) for cost in one["penalties"]],
        )
        for one in found["entries"]
    }


def test_a_new_speed_limit_changes_who_was_too_fast(fast: Rally) -> None:
    found = preview(fast, "speed_limit_zones", ZONE, speed_limit_kmh=60)
    assert speeding(found) == {22: ([5], [], [(150, 0)]), 23: ([11], [1], [(330, 30)])}
    assert speeding(preview(fast, "speed_limit_zones", ZONE, tolerance_kmh=5)) == {
        22: ([5], [], [(150, 0)]), 23: ([11], [6], [(330, 180)]),
    }  # fmt: skip
    totals = {one["race_number"]: one["after"]["total_time_ms"] for one in found["results"]}
    # 21 was first and is now last.
    assert totals == {22: 622_000 - 150_000, 23: 623_000 - 300_000, 21: 621_000}


def test_speeds_within_the_entry_buffer_do_not_count(fast: Rally) -> None:
    # The highest speed is at the third position inside, 160 m behind the edge.
    fast.directus.database.execute(f"UPDATE speed_limit_zones SET entry_buffer_m = 200 WHERE id = '{ZONE}'")
    assert preview(fast, "speed_limit_zones", ZONE, speed_limit_kmh=45)["entries"] == []


def test_a_new_outline_changes_who_was_inside_and_for_how_long(fast: Rally) -> None:
    # One outline ends west of the highest speeds, the other is far away.
    west, away = box(19.1, 41.1, 19.101, 41.102), box(19.2, 41.1, 19.21, 41.102)
    found = preview(fast, "geofences", FENCE, geometry=west)
    assert found["retroactive"] is False
    assert {number: after for number, (_, after, _) in speeding(found).items()} == {21: [], 22: [], 23: []}
    crossings = [one for one in found["entries"] if one["penalties"] == []]
    assert {one["before"]["at"] == one["after"]["at"] for one in crossings} == {True}
    assert {one["before"]["left_at"] > one["after"]["left_at"] for one in crossings} == {True}
    assert set(passes(preview(fast, "geofences", FENCE, geometry=away)).values()) == {(1, 0)}


def test_a_decision_of_the_stewards_hides_no_other_penalty(fast: Rally) -> None:
    second, waived = key("second"), {"slz_speed": ZONE, "waypoint_missed": WAYPOINT}
    fast.directus.database.execute(
        FORMULA
        % ("waypoint_missed", "count", "'CP'", "per_occurrence", 900)
        + "UPDATE penalty_formulas SET outcome = 'dq' WHERE type = 'waypoint_missed';"
        f"UPDATE waypoints SET geofence_id = '{FENCE}' WHERE id = '{WAYPOINT}';"
        "INSERT INTO waypoints (id, segment_id, sort_order, type, location, tolerance_meters, mandatory, geofence_id)"
        f" SELECT '{second}', segment_id, 2, type, location, tolerance_meters, mandatory, geofence_id FROM waypoints"
        f" WHERE id = '{WAYPOINT}';"
        + "".join(
            "INSERT INTO entry_penalties (id, entry_id, stage_id, type, formula_snapshot, penalty_seconds, source,"
            f" status, dedupe_key) VALUES (gen_random_uuid(), '{key('entry 22 A')}', '{STAGE}', '{kind}', '{{}}', 0,"
            f" 'auto', 'waived', '{kind}:{place}');"
            for kind, place in waived.items()
        )
    )
    found = preview(fast, "geofences", FENCE, geometry=box(19.2, 41.1, 19.21, 41.102))
    # The zone and the first waypoint are decided. The second waypoint is missed.
    (own,) = (one for one in found["results"] if one["race_number"] == 22)
    assert own["after"] == {"position": None, "total_time_ms": 622_000 + 900_000, "penalty_seconds": 900}


def test_a_moved_start_or_finish_changes_the_times(fast: Rally) -> None:
    begin = key("begin")
    fast.directus.database.execute(
        "INSERT INTO geofences (id, event_id, name, kind, geometry, retroactive) VALUES"
        f" ('{begin}', '{EVENT}', 'Begin', 'start', ST_MakeEnvelope(19.0994, 41.1, 19.0996, 41.102, 4326), true);"
        f"UPDATE segments SET type = 'special-stage', entry_geofence_id = '{begin}', exit_geofence_id = '{FENCE}'"
        f" WHERE stage_id = '{STAGE}'; DELETE FROM speed_limit_zones"
    )
    # 19.1004 is reached half a second after 19.1, at 0.0008 degrees a second.
    found = preview(fast, "geofences", FENCE, geometry=box(19.1004, 41.1, 19.105, 41.102))
    assert {one["time_ms"] for one in found["entries"]} == {500}
    assert [one["after"]["total_time_ms"] for one in found["results"]] == [621_500, 622_500, 623_500]
    # The area of the start is left later, so the time becomes shorter.
    later = preview(fast, "geofences", begin, geometry=box(19.0994, 41.1, 19.1, 41.102))
    assert {one["time_ms"] for one in later["entries"]} == {-500}


REFUSED: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
    "a marshal": ("marshal-of-a", {}, (403, "TENANT_FORBIDDEN")),
    "a participant": ("participant-of-a", {}, (403, "TENANT_FORBIDDEN")),
    "another organisation": ("admin-of-b", {}, (403, "TENANT_FORBIDDEN")),
    "an unknown id": ("director-of-a", {"id": key("no such")}, (403, "TENANT_FORBIDDEN")),
    "no log-in": ("", {}, (401, "UNAUTHORIZED")),
    "another collection": ("director-of-a", {"collection": "entries"}, (400, "INVALID_BODY")),
    "another field": ("director-of-a", {"change": {"name": "x"}}, (400, "INVALID_BODY")),
    "no change": ("director-of-a", {"change": {}}, (400, "INVALID_BODY")),
    "a shape of another kind": ("director-of-a", {"change": {"location": BOW_TIE}}, (400, "INVALID_BODY")),
    "an outline that crosses itself": (
        "director-of-a", {"collection": "geofences", "id": FENCE, "change": {"geometry": BOW_TIE}},
        (400, "INVALID_BODY"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_an_unauthorised_or_invalid_preview_is_refused(observed: Rally, case: str) -> None:
    user, change, wanted = REFUSED[case]
    body = {"collection": "waypoints", "id": WAYPOINT, "change": {"tolerance_meters": 60}, **change}
    if user:
        assert code(ask(observed, user, **body)) == wanted
    else:
        with client_of(observed.directus.http.base_url) as http:
            assert code(http.post("/trm/preview", json=body)) == wanted


def test_a_preview_writes_nothing(observed: Rally) -> None:
    database = observed.directus.database
    tables = ("waypoints", "stage_results", "entry_penalties", "entry_crossings", "recompute_requests", "positions")
    counts = "SELECT " + ", ".join(f"(SELECT md5(string_agg(x::text, '' ORDER BY x::text)) FROM {t} x)" for t in tables)
    before = database.rows(counts)
    assert preview(observed, "waypoints", WAYPOINT, tolerance_meters=60)["entries"]
    assert database.rows(counts) == before


def test_a_slow_preview_is_stopped(observed: Rally, replica: Rally) -> None:
    answer = ask(replica, collection="waypoints", id=WAYPOINT, change={"tolerance_meters": 60})
    assert code(answer) == (503, "PREVIEW_TOO_LONG")
