"""The steps of a race day in the Studio. docs/a-race-day.md describes them for organisers under the same headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from playwright.sync_api import expect

from tests.browser.clubs import TODAY, People
from tests.conftest import Database
from tests.extension.rally import key

# Messages that the page explains.
WRONG_ORDER: Final = "A stage does not go from published to closed."
NOT_HIS: Final = 'You don\'t have permissions to perform "update" for the field(s) "start_position"'
NOT_BY_HAND: Final = "A marshal chooses the source Manual."
NOT_HEARD: Final = "The device sent no position in this stretch."
UNDECIDED: Final = "A penalty of number 1 is only proposed; confirm, override or waive it."
REFUSALS: Final = (WRONG_ORDER, NOT_HIS, NOT_BY_HAND, NOT_HEARD, UNDECIDED)

# The processor writes this result when a stage is closed.
RESULT: Final = f"""
INSERT INTO public.stage_results (id, stage_id, entry_id, class_id, status, raw_time_ms, total_time_ms)
VALUES ('{key("result")}', '{key("stage A")}', '{key("entry A")}', '{key("class A")}', 'finished', 1500000, 1560000)"""


def confirm_the_entries(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Entries")
    director.edit("Registered")
    director.choose("Status", "Confirmed")
    director.saved()
    expect(director.row("Confirmed")).to_have_count(1)


def open_the_stage(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Stages")
    director.edit("SS1")
    director.choose("Status", "Closed")
    director.refused(WRONG_ORDER)
    director.choose("Status", "Open")
    director.saved()
    assert database.value("SELECT count(*) FROM public.entry_segment_starts") == 1


def correct_a_start_time(people: People, database: Database) -> None:
    timekeeper = people["timekeeper"]
    timekeeper.visit("Segment starts")
    timekeeper.edit("1")
    position = timekeeper.field("Start position").get_by_role("spinbutton")
    position.fill("2")
    timekeeper.refused(NOT_HIS)
    position.fill("1")
    timekeeper.set_time("Planned start", "08:05:00")
    timekeeper.field("Set by hand").get_by_role("checkbox").click()
    timekeeper.write("Reason", "Puncture at the start")
    timekeeper.saved()
    found = database.rows("SELECT target_at = '2026-06-07 06:05Z', manual_override FROM public.entry_segment_starts")
    assert found == [(True, True)]


def record_a_crossing_by_hand(people: People, database: Database) -> None:
    marshal = people["marshal"]
    marshal.visit("Crossings")
    marshal.add()
    marshal.select("Entry", "1")
    marshal.set_time("Time", "08:31:05", TODAY)
    marshal.choose("Direction", "Pass")
    marshal.select("Waypoint", "Dajt")
    marshal.choose("Source", "GPS")
    marshal.refused(NOT_BY_HAND)
    marshal.choose("Source", "Manual")
    marshal.choose("Status", "Confirmed")
    marshal.saved()
    found = database.rows("SELECT ts = '2026-06-07 06:31:05Z', source, recorded_by::text FROM public.entry_crossings")
    assert found == [(True, "manual", key("marshal-of-a"))]


def mark_faulty_positions(people: People, database: Database) -> None:
    marshal = people["marshal"]
    marshal.visit("Position flags")
    marshal.add()
    marshal.select("Event", "Rally A")
    marshal.select("Device", "350000000000005")
    marshal.set_time("From", "08:00:00", TODAY)
    marshal.set_time("To", "08:10:00", TODAY)
    marshal.write("Reason", "Tunnel")
    marshal.refused(NOT_HEARD)
    marshal.set_time("To", "08:30:00")
    marshal.saved()
    found = "SELECT device_id, faulty FROM public.positions ORDER BY faulty"
    assert database.rows(found) == [("350000000000006", False), ("350000000000005", True)]


def send_a_command_to_a_device(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Device commands")
    director.add()
    director.select("Event", "Rally A")
    director.select("Device", "350000000000005")
    director.choose("Command", "Report the position")
    director.saved()
    expect(director.row("350000000000005")).to_contain_text("Queued")
    found = database.rows("SELECT command, status, requested_by::text FROM public.device_commands")
    assert found == [("getgps", "queued", key("director-of-a"))]


def change_the_course(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Waypoints")
    director.edit("Dajt")
    director.field("Tolerance (m)").get_by_role("spinbutton").fill("60")
    effect = director.field("Effect on results")
    effect.get_by_role("button", name="Show the effect").click()
    expect(effect).to_contain_text("By the recorded positions this changes nothing.")
    director.saved()
    assert database.value("SELECT count(*) FROM public.recompute_requests") == 1


def close_the_stage(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Stages")
    director.edit("SS1")
    director.choose("Status", "Closed")
    director.saved()
    database.execute(RESULT)


def give_a_penalty_by_hand(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Penalties")
    director.add()
    director.select("Entry", "1")
    director.select("Stage", "SS1")
    director.choose("Offence", "By the stewards")
    director.write("Penalty", "1:00")
    director.saved()
    found = database.rows("SELECT status, penalty_seconds, issued_by::text FROM public.entry_penalties")
    assert found == [("proposed", 60, key("director-of-a"))]


def decide_on_the_penalties(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Stage results")
    director.edit("Finished")
    director.choose("Publication", "Official")
    director.refused(UNDECIDED)
    director.visit("Penalties", discard=True)
    director.edit("By the stewards")
    director.choose("Status", "Confirmed")
    director.saved()


def publish_the_results(people: People, database: Database) -> None:
    director = people["director"]
    director.visit("Stage results")
    director.edit("Finished")
    director.choose("Publication", "Official")
    director.saved()
    director.visit("Stages")
    director.edit("SS1")
    director.choose("Status", "Official")
    director.saved()
    found = database.rows("SELECT publication, published_by::text FROM public.stage_results")
    assert found == [("official", key("director-of-a"))]


# By the page's heading of each step.
STEPS: Final[Mapping[str, Callable[[People, Database], None]]] = {
    "Confirm the entries": confirm_the_entries,
    "Open the stage": open_the_stage,
    "Correct a start time": correct_a_start_time,
    "Record a crossing by hand": record_a_crossing_by_hand,
    "Mark faulty positions": mark_faulty_positions,
    "Send a command to a device": send_a_command_to_a_device,
    "Change the course": change_the_course,
    "Close the stage": close_the_stage,
    "Give a penalty by hand": give_a_penalty_by_hand,
    "Decide on the penalties": decide_on_the_penalties,
    "Publish the results": publish_the_results,
}
