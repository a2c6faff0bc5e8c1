"""A marshal in the Studio: he finds his own organisation alone, does his work, and is told what he may not do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import race_day
from tests.browser.clubs import Windows
from tests.browser.studio import TIMING, Studio
from tests.conftest import RunningDirectus
from tests.extension.rally import key

pytestmark = pytest.mark.usefixtures("tmp_path")

# What each list has a row for. The other club has as many of its own.
ROWS = {
    "Organisations": ["Club A"],
    "Events": ["Rally A", "Rally A2"],
    "Entries": ["Rally A"],
    "Stages": ["Rally A"],
    "Segments": ["SS1"],
    "Geofences": ["Rally A"],
}
FORBIDDEN = 'You don\'t have permissions to perform "update" for the field(s) "status"'


@pytest.fixture
def marshal(people: Windows, race: RunningDirectus) -> Studio:
    """The Studio, with a marshal of the first club logged in."""
    return people["marshal"]


def test_a_marshal_finds_the_collections_and_no_settings(marshal: Studio) -> None:
    marshal.visit("Entries")
    expect(marshal.group("Event")).to_have_text(["Events", "Classes", "Entries", "Entry crew", "Entry devices"])
    expect(marshal.group("Timing")).to_have_text(TIMING)
    modules = marshal.page.locator(".module-bar").get_by_role("link").evaluate_all("all => all.map(one => one.href)")
    named = [link.removeprefix(f"{marshal.url}/admin/") for link in modules if link.startswith(marshal.url)]
    assert named == ["content", "users", "insights", f"users/{key('marshal-of-a')}"]


def test_a_marshal_sees_the_rows_of_his_organisation_alone(marshal: Studio) -> None:
    for collection, found in ROWS.items():
        marshal.visit(collection)
        expect(marshal.main.locator("tbody").get_by_role("row")).to_contain_text(found)
    for name in ("Vehicles", "Classes", "Waypoints"):
        marshal.visit(name)
        expect(marshal.main.locator("tbody").get_by_role("row").first).to_be_visible()
        expect(marshal.main).not_to_contain_text("Rally B")


def test_the_address_of_another_organisation_s_row_opens_nothing(marshal: Studio) -> None:
    marshal.page.goto(f"{marshal.url}/admin/content/entries/{key('entry B')}")
    expect(marshal.main.get_by_role("heading")).to_have_text("Page Not Found")


def test_a_marshal_takes_a_note_on_an_entry_and_changes_nothing_else(marshal: Studio, race: RunningDirectus) -> None:
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


def test_a_marshal_records_a_crossing_by_hand(marshal: Studio, race: RunningDirectus) -> None:
    race_day.record_a_crossing_by_hand({"marshal": marshal}, race.database)


def test_a_marshal_marks_a_stretch_of_positions_as_faulty(marshal: Studio, race: RunningDirectus) -> None:
    race_day.mark_faulty_positions({"marshal": marshal}, race.database)


def test_a_marshal_is_not_offered_to_change_a_stage(marshal: Studio) -> None:
    marshal.visit("Stages")
    marshal.edit("SS1")
    expect(marshal.field("Status").locator(".input")).to_have_class(re.compile(r"\bdisabled\b"))
    expect(marshal.header.get_by_role("button", name="check", exact=True)).to_be_disabled()
    expect(marshal.header.get_by_role("button", name="delete", exact=True)).to_be_disabled()
