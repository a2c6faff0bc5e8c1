"""Opening a stage creates its start list and closing times, or fails and changes nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code, item
from tests.processes import until

STAGE = item("stages", "stage A")
OPEN = {"status": "open"}
STARTS = """
SELECT e.race_number, s.start_position, to_char(s.target_at AT TIME ZONE 'UTC', 'HH24:MI:SS')
FROM public.entry_segment_starts s JOIN public.entries e ON e.id = s.entry_id WHERE s.segment_id = %s ORDER BY 2"""


def confirm(rally_of: Rally, numbers: int = 3) -> None:
    """Create confirmed entries with the race numbers from 1 to `numbers`."""
    rally_of.directus.database.execute(
        f"UPDATE public.entries SET status = 'confirmed' WHERE id = '{key('entry A')}';"
        "INSERT INTO public.entries (id, event_id, class_id, vehicle_id, race_number, status)"
        f" SELECT gen_random_uuid(), '{key('event A')}', '{key('class A')}', '{key('vehicle A')}', n, 'confirmed'"
        f" FROM generate_series(2, {numbers}) AS n"
    )


def change_stage(rally_of: Rally, assignment: str) -> None:
    rally_of.directus.database.execute(f"UPDATE public.stages SET {assignment} WHERE id = '{key('stage A')}'")


def stage_state(rally_of: Rally) -> tuple[Any, ...]:
    (row,) = rally_of.directus.database.rows(
        "SELECT status, opened_at IS NULL, (SELECT count(*) FROM public.entry_segment_starts) FROM public.stages"
        " WHERE id = %s",
        key("stage A"),
    )
    return tuple(row)


def test_a_stage_opens_with_its_start_list_and_closing_times(rally_of: Rally) -> None:
    confirm(rally_of)
    database = rally_of.directus.database
    database.execute(
        "INSERT INTO public.segments (id, stage_id, sort_order, type, mta_seconds, distance_km, closing_buffer_seconds)"
        f" VALUES ('{key('second')}', '{key('stage A')}', 2, 'neutralization', 3600, 100, 60);"
        "INSERT INTO public.waypoints (id, segment_id, sort_order, type, location, tolerance_meters, mandatory,"
        f" distance_km) VALUES ('{key('half')}', '{key('second')}', 1, 'CP', 'SRID=4326;POINT(19 41)', 90, true, 50)"
    )
    with rally_of.as_user("director-of-a") as http:
        assert http.patch(STAGE, json=OPEN).status_code == 200
        told = rally_of.directus.http.get("/notifications?fields=recipient,subject").json()["data"]
    assert stage_state(rally_of) == ("open", False, 6)
    first = [(1, 1, "06:00:00"), (2, 2, "06:01:00"), (3, 3, "06:02:00")]
    assert database.rows(STARTS, key("segment A")) == first
    # The second segment starts an hour later, because the first is a liaison of an hour.
    assert [row[2] for row in database.rows(STARTS, key("second"))] == ["07:00:00", "07:01:00", "07:02:00"]
    closes = (
        "SELECT to_char(closes_at AT TIME ZONE 'UTC', 'HH24:MI:SS') FROM public.segments WHERE id IN (%s, %s)"
        " UNION ALL SELECT to_char(closes_at AT TIME ZONE 'UTC', 'HH24:MI:SS') FROM public.waypoints WHERE id = %s"
    )
    found = database.rows(closes, key("segment A"), key("second"), key("half"))
    # After the last start: one and a half hours, an hour and a minute, and half an hour and a minute.
    assert sorted(row[0] for row in found) == ["07:32:00", "07:33:00", "08:03:00"]
    # The waypoint of the first segment has no distance.
    assert {"recipient": key("director-of-a"), "subject": "SS1: 1 closing times can't be computed"} in told

    # The last start moves by ten minutes, and the closing times follow.
    last = "SELECT id::text FROM public.entry_segment_starts WHERE segment_id = %s AND start_position = 3"
    row = database.value(last, key("second"))
    with rally_of.as_user("timekeeper-of-a") as http:
        moved = http.patch(f"/items/entry_segment_starts/{row}", json={"target_at": "2026-06-07T07:12:00Z"})
        assert moved.status_code == 200, moved.text
    until(lambda: ("08:13:00",) in database.rows(closes, key("segment A"), key("second"), key("half")), 30)


@pytest.mark.parametrize(
    ("assignment", "wanted"),
    [
        ("status = 'draft'", (409, "INVALID_TRANSITION")),
        ("status = 'closed', opened_at = now()", (409, "INVALID_TRANSITION")),
        ("starts_at = NULL", (422, "START_TIME_MISSING")),
        ("start_interval_seconds = NULL", (422, "START_TIME_MISSING")),
        ("start_order_strategy = 'previous_stage_clean_result'", (409, "INPUT_STAGE_NOT_OFFICIAL")),
    ],
)
def test_a_stage_that_is_not_ready_cannot_open(rally_of: Rally, assignment: str, wanted: tuple[int, str]) -> None:
    confirm(rally_of)
    change_stage(rally_of, assignment)
    before = stage_state(rally_of)
    assert code(rally_of.directus.http.patch(STAGE, json=OPEN)) == wanted
    assert stage_state(rally_of) == before


def test_a_stage_needs_confirmed_entries_and_segments(rally_of: Rally) -> None:
    http = rally_of.directus.http
    assert code(http.patch(STAGE, json=OPEN)) == (422, "NO_ELIGIBLE_ENTRIES")
    confirm(rally_of)
    rally_of.directus.database.execute("TRUNCATE public.segments CASCADE")
    assert code(http.patch(STAGE, json=OPEN)) == (422, "NO_SEGMENTS")
    assert stage_state(rally_of) == ("published", True, 0)
    assert code(http.post("/items/stages", json={"status": "open"})) == (409, "INVALID_TRANSITION")


def test_an_unauthorised_opening_changes_nothing(rally_of: Rally) -> None:
    confirm(rally_of)
    for user in ("marshal-of-a", "viewer-of-a", "admin-of-b", "stranger"):
        with rally_of.as_user(user) as http:
            assert http.patch(STAGE, json=OPEN).status_code == 403
    # The guard allows this update, but Directus's own permissions do not.
    database = rally_of.directus.database
    allowed = (
        "UPDATE public.directus_permissions SET permissions = '{}'"
        f" WHERE collection = 'stages' AND policy = '{key('everything')}'"
    )
    database.execute(allowed.replace("'{}'", """'{"name": {"_eq": "another"}}'"""))
    rally_of.directus.forget()
    try:
        with rally_of.as_user("director-of-a") as http:
            assert code(http.patch(STAGE, json=OPEN)) == (403, "FORBIDDEN")
    finally:
        database.execute(allowed)
        rally_of.directus.forget()
    assert stage_state(rally_of) == ("published", True, 0)


def test_only_one_of_two_simultaneous_openings_succeeds(rally_of: Rally) -> None:
    confirm(rally_of)

    def opened(_: int) -> int:
        with rally_of.as_user("director-of-a") as http:
            return http.patch(STAGE, json=OPEN).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(opened, range(2))) == [200, 409]
    assert stage_state(rally_of) == ("open", False, 3)


def test_an_update_of_several_stages_opens_all_or_none(rally_of: Rally) -> None:
    confirm(rally_of)
    # The stage of B has no confirmed entries.
    stages = [{"id": key(name), "status": "open"} for name in ("stage A", "stage B")]
    assert code(rally_of.directus.http.patch("/items/stages", json=stages)) == (422, "NO_ELIGIBLE_ENTRIES")
    assert stage_state(rally_of) == ("published", True, 0)


def test_a_manual_start_keeps_its_position_and_time(rally_of: Rally) -> None:
    confirm(rally_of, 4)
    database = rally_of.directus.database
    by_hand = (
        "INSERT INTO public.entry_segment_starts (id, entry_id, segment_id, start_position, target_at, manual_override)"
        " SELECT gen_random_uuid(), id, '{}', {}, '2026-06-07 09:00Z', {} FROM public.entries WHERE race_number = {}"
        " AND event_id = '{}'"
    )
    database.execute(by_hand.format(key("segment A"), 2, "true", 4, key("event A")))
    # A start that the processor made is replaced.
    database.execute(by_hand.format(key("segment A"), 1, "false", 3, key("event A")))
    assert rally_of.directus.http.patch(STAGE, json=OPEN).status_code == 200
    assert database.rows(STARTS, key("segment A")) == [
        (1, 1, "06:00:00"),
        (4, 2, "09:00:00"),
        (2, 3, "06:02:00"),
        (3, 4, "06:03:00"),
    ]


@pytest.mark.parametrize(
    ("strategy", "params", "wanted"),
    [
        # In the prologue the last of three was fastest in raw time, and the first was fastest after penalties.
        ("previous_stage_clean_result", "{}", [3, 2, 1]),
        ("inverse_top_n_then_natural", '{"n": 2}', [2, 1, 3]),
        ("inverse_of_overall", "{}", [3, 2, 1]),
        ("manual", '{"entry_ids": ["%s"]}', [2, 1, 3]),
    ],
)
def test_the_start_order_follows_the_strategy(rally_of: Rally, strategy: str, params: str, wanted: list[int]) -> None:
    confirm(rally_of)
    database = rally_of.directus.database
    database.execute(
        "INSERT INTO public.stages (id, event_id, name, sort_order, role, status, start_order_strategy, opened_at)"
        f" VALUES ('{key('prologue')}', '{key('event A')}', 'P', 0, 'prologue', 'official', 'manual', now());"
        "INSERT INTO public.stage_results (id, stage_id, entry_id, class_id, status, raw_time_ms, total_time_ms)"
        f" SELECT gen_random_uuid(), '{key('prologue')}', id, class_id, 'finished', 1000 * (5 - race_number),"
        f" 1000 * race_number FROM public.entries WHERE event_id = '{key('event A')}'"
    )
    second = database.value("SELECT id::text FROM public.entries WHERE race_number = 2")
    change_stage(
        rally_of,
        f"start_order_input_stage_id = '{key('prologue')}', start_order_strategy = '{strategy}',"
        f" start_order_strategy_params = '{params.replace('%s', second)}'",
    )
    assert rally_of.directus.http.patch(STAGE, json=OPEN).status_code == 200
    assert [row[0] for row in database.rows(STARTS, key("segment A"))] == wanted


def test_opening_with_200_entries_and_9_segments_is_fast_and_blocks_no_reader(rally_of: Rally) -> None:
    confirm(rally_of, 200)
    rally_of.directus.database.execute(
        "INSERT INTO public.segments (id, stage_id, sort_order, type, target_duration_seconds)"
        f" SELECT gen_random_uuid(), '{key('stage A')}', n, 'liaison', 600 FROM generate_series(2, 9) AS n"
    )

    def timed(action: Any) -> tuple[float, httpx.Response]:
        began = time.monotonic()
        answer = action()
        return time.monotonic() - began, answer

    with (
        rally_of.as_user("director-of-a") as http,
        rally_of.as_user("marshal-of-a") as reader,
        ThreadPoolExecutor() as pool,
    ):
        opening = pool.submit(timed, lambda: http.patch(STAGE, json=OPEN))
        reading = [timed(lambda: reader.get("/items/entry_segment_starts?limit=1"))[0] for _ in range(3)]
        seconds, answer = opening.result()
    assert answer.status_code == 200, answer.text
    assert stage_state(rally_of) == ("open", False, 1800)
    # The target is 1.5 s on an otherwise idle machine.
    assert (seconds < 5, max(reading) < 5) == (True, True), (seconds, reading)
