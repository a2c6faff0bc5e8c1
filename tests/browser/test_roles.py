"""A marshal, a timekeeper and a participant in the Studio: what each sees, can do, and cannot change."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import clubs, race_day
from tests.browser.clubs import People
from tests.browser.studio import TIMING, Studio
from tests.conftest import RunningDirectus
from tests.extension.rally import key

pytestmark = pytest.mark.usefixtures("tmp_path")

# Rows of the first club; the other club has as many. tests/access checks all collections over the API.
ROWS = {"Organisations": ["Club A"], "Events": ["Rally A", "Rally A2"], "Entries": ["Rally A"]}
FORBIDDEN = 'You don\'t have permissions to perform "update" for the field(s) "status"'


@pytest.fixture
def marshal(people: People, race: RunningDirectus) -> Studio:
    """The Studio with a marshal of the first club logged in."""
    return people["marshal"]


def test_a_marshal_sees_the_collections_but_no_settings(marshal: Studio) -> None:
    marshal.visit("Entries")
    expect(marshal.group("Event")).to_have_text(["Events", "Classes", "Entries", "Entry crew", "Entry devices"])
    expect(marshal.group("Timing")).to_have_text(TIMING)
    modules = marshal.page.locator(".module-bar").get_by_role("link").evaluate_all("all => all.map(one => one.href)")
    named = [link.removeprefix(f"{marshal.url}/admin/") for link in modules if link.startswith(marshal.url)]
    assert named == ["content", "users", "insights", f"users/{key('marshal-of-a')}"]


def test_a_marshal_sees_only_rows_of_their_organisation(marshal: Studio) -> None:
    for collection, found in ROWS.items():
        marshal.visit(collection)
        expect(marshal.main.locator("tbody").get_by_role("row")).to_contain_text(found)


@pytest.mark.slow
def test_a_row_of_another_organisation_cannot_be_opened(marshal: Studio) -> None:
    marshal.page.goto(f"{marshal.url}/admin/content/entries/{key('entry B')}")
    expect(marshal.main.get_by_role("heading")).to_have_text("Page Not Found")


def test_a_marshal_can_change_only_the_notes_of_an_entry(marshal: Studio, race: RunningDirectus) -> None:
    race.database.execute("UPDATE public.entries SET status = 'registered', notes = NULL")
    marshal.visit("Entries")
    marshal.edit("Registered")
    expect(marshal.field("Crew")).to_contain_text("Participant Hoxha")
    expect(marshal.header.get_by_role("button", name="delete", exact=True)).to_be_disabled()
    marshal.choose("Status", "Confirmed")
    marshal.refused(FORBIDDEN)
    marshal.choose("Status", "Registered")
    marshal.write("Notes", "The lights work again")
    marshal.saved()
    found = race.database.rows("SELECT status, notes FROM public.entries WHERE notes IS NOT NULL")
    assert found == [("registered", "The lights work again")]


@pytest.mark.slow
def test_a_marshal_records_a_crossing_by_hand(people: People, race: RunningDirectus) -> None:
    race_day.record_a_crossing_by_hand(people, race.database)


def test_a_marshal_cannot_edit_a_stage(marshal: Studio) -> None:
    marshal.visit("Stages")
    marshal.edit("SS1")
    expect(marshal.field("Status").locator(".input")).to_have_class(re.compile(r"\bdisabled\b"))
    expect(marshal.header.get_by_role("button", name="check", exact=True)).to_be_disabled()
    expect(marshal.header.get_by_role("button", name="delete", exact=True)).to_be_disabled()


def test_a_timekeeper_corrects_a_start_time(people: People, race: RunningDirectus) -> None:
    race.database.execute("UPDATE public.entries SET status = 'confirmed'")
    director = {"Authorization": "Bearer director-of-a"}
    opened = race.http.patch(f"/items/stages/{key('stage A')}", json={"status": "open"}, headers=director)
    assert opened.status_code == 200, opened.text
    race_day.correct_a_start_time(people, race.database)


def test_a_participant_can_change_only_the_notes_of_their_entry(people: People, race: RunningDirectus) -> None:
    race.database.execute("UPDATE public.entries SET status = 'registered', notes = NULL")
    participant = people["participant"]
    participant.visit("Entries")
    expect(participant.main.locator("tbody").get_by_role("row")).to_contain_text(["Rally A"])
    participant.edit("Registered")
    participant.choose("Status", "Confirmed")
    participant.refused(FORBIDDEN)
    participant.choose("Status", "Registered")
    participant.write("Notes", "We come with a trailer")
    participant.saved()
    found = race.database.rows("SELECT status, notes FROM public.entries WHERE notes IS NOT NULL")
    assert found == [("registered", "We come with a trailer")]


# Slow: takes most of a minute. tests/extension has the same day over the API.
@pytest.mark.slow
def test_a_race_day_in_the_studio_needs_no_administrator(people: People, race: RunningDirectus) -> None:
    clubs.begin(race)
    people["director"].open("entries")
    for step in race_day.STEPS.values():
        step(people, race.database)
    viewer = {"Authorization": "Bearer viewer-of-a"}
    results = race.http.get("/items/stage_results", headers=viewer).json()["data"]
    assert [result["publication"] for result in results] == ["official"]
