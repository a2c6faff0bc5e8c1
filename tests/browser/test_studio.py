"""The admin UI as operators see it, with the rows of every local stack."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.studio import TIMING, Studio
from tests.conftest import RunningDirectus

# tmp_path gets the picture of a failure. Slow, because it starts a second Directus with its admin UI. test_roles.py and
# test_interfaces.py cover tasks in the Studio, tests/integration covers messages of the API.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tmp_path")]

STATUSES = ["Registered", "Confirmed", "Started", "Finished", "DNF", "DNS", "DQ", "Withdrawn"]
ENTRY = "#301 Toyota Land Cruiser"
# From snapshots/resources/dashboards/race-day.yaml.
RACE_DAY = "3d6f0c52-5d0b-4b52-9d0e-7c1d1d7a0e01"


def fill_in_an_entry(studio: Studio, race_number: int, of_class: str) -> None:
    studio.open("entries/+")
    studio.select("Event", "Rally Albania 2026")
    studio.field("Race number").get_by_role("spinbutton").fill(str(race_number))
    studio.select("Class", of_class)
    studio.choices("Status").filter(has_text="Confirmed").click()
    studio.select("Vehicle", "Land Cruiser")


def test_the_navigation_groups_the_collections(studio: Studio) -> None:
    studio.open("entries")
    expect(studio.group("Organisation")).to_have_text(["Organisations", "Vehicles", "Devices"])
    expect(studio.group("Event")).to_have_text(["Events", "Classes", "Entries", "Entry crew", "Entry devices"])
    expect(studio.group("Course")).to_have_text(["Stages", "Segments", "Waypoints", "Geofences", "Speed limit zones"])
    expect(studio.group("Timing")).to_have_text(TIMING)
    for text in ("C-2", "Rally Albania 2026", "301", "Registered"):
        expect(studio.row("301").get_by_role("cell", name=text, exact=True)).to_be_visible()
    studio.picture("entries")


def test_the_classes_can_be_sorted_like_the_regulations(studio: Studio) -> None:
    studio.open("classes")
    studio.sort("Order")
    rows = studio.main.get_by_role("row").filter(has_text="Rally Albania 2026")
    moto, quad = [f"M-{number}" for number in range(1, 8)], ["Q-1", "Q-2", "Q-3"]
    car, ssv = ["C-1", "C-2", "C-A", "C-3"], ["S-1", "S-2", "S-3"]
    expect(rows).to_have_count(17)
    expect(rows).to_contain_text([*moto, *quad, *car, *ssv])
    studio.picture("classes")


def test_the_status_offers_its_values_in_the_order_of_the_lifecycle(studio: Studio) -> None:
    studio.open("entries/+")
    choices = studio.choices("Status")
    expect(choices).to_have_count(len(STATUSES))
    expect(choices).to_contain_text(STATUSES)
    studio.picture("status")


def test_an_entry_shows_its_crew_and_its_devices(studio: Studio) -> None:
    studio.open("entries")
    studio.row("301").get_by_role("cell", name="301", exact=True).click()
    expect(studio.header.get_by_role("heading")).to_have_text(f"{ENTRY} (C-2)")
    for person, role in (("Test Pilot", "Pilot"), ("Test Co-pilot", "Co-pilot")):
        member = studio.field("Crew").get_by_role("row").filter(has_text=person)
        expect(member.get_by_role("cell", name=role, exact=True)).to_be_visible()
    devices = (("12", "Backup, chassis"), ("11", "Hardwired, dash"), ("13", "Panic button, pilot"))
    for imei, position in devices:
        device = studio.field("Devices").locator(".v-list-item").filter(has_text=f"3500000000030{imei}")
        expect(device).to_contain_text(position)
    studio.picture("entry")
    studio.navigation.get_by_role("link", name="Entry devices").click()
    expect(studio.row(ENTRY)).to_have_count(3)
    studio.sort("Mount position")
    expect(studio.row(ENTRY)).to_contain_text([position for _, position in devices])
    for imei, position in devices:
        expect(studio.row(f"3500000000030{imei}")).to_contain_text(position)
    expect(studio.row("Panic button, pilot")).to_contain_text("Test Pilot")
    studio.picture("devices")


def test_an_entry_can_be_registered_with_the_form(studio: Studio, seeded: RunningDirectus) -> None:
    fill_in_an_entry(studio, 103, "M-2")
    studio.save()
    expect(studio.row("103")).to_contain_text("Confirmed")
    expect(studio.row("103")).to_contain_text("M-2")
    sql = (
        "SELECT c.code, v.model, e.status FROM entries e"
        " JOIN classes c ON c.id = e.class_id JOIN vehicles v ON v.id = e.vehicle_id WHERE e.race_number = 103"
    )
    assert seeded.database.rows(sql) == [("M-2", "Land Cruiser", "confirmed")]


def test_the_form_reports_a_taken_race_number_and_keeps_its_input(studio: Studio, seeded: RunningDirectus) -> None:
    before = seeded.database.value("SELECT count(*) FROM entries")
    fill_in_an_entry(studio, 301, "C-2")
    studio.save()
    expect(studio.main).to_contain_text("event_id, race_number: Value has to be unique")
    expect(studio.field("Race number").get_by_role("spinbutton")).to_have_value("301")
    expect(studio.field("Class")).to_contain_text("C-2")
    assert seeded.database.value("SELECT count(*) FROM entries") == before
    studio.picture("duplicate")


def test_a_stage_shows_its_segments_in_order(studio: Studio) -> None:
    studio.open("stages")
    studio.row("Example: Tirana to Shkodër").get_by_role("cell", name="Example: Tirana to Shkodër", exact=True).click()
    expect(studio.header.get_by_role("heading")).to_contain_text("Example: Tirana to Shkodër")
    segments = studio.field("Segments").locator(".v-list-item")
    expect(segments).to_contain_text(["Tirana to Dajt", "Dajt", "Dajt to Shkodër"])
    segments.last.scroll_into_view_if_needed()
    studio.picture("stage")


def test_the_list_of_geofences_shows_their_kinds(studio: Studio) -> None:
    studio.open("geofences")
    expect(studio.row("Example: Surrel")).to_contain_text("Speed limit zone")
    expect(studio.main).not_to_contain_text("[object Object]")


def test_an_event_lists_its_stages_and_entries(studio: Studio) -> None:
    studio.open("events")
    studio.edit("Rally Albania 2026")
    stages = studio.field("Stages").get_by_role("row").filter(has_text="Example:")
    expect(stages).to_contain_text(["prologue", "Tirana to Shkodër", "Shkodër and back"])
    expect(studio.field("Entries").get_by_role("row").filter(has_text="Suzuki Jimny")).to_contain_text("Finished")


def test_a_geofence_has_a_map(studio: Studio) -> None:
    """The map works without tiles."""
    studio.open("geofences")
    studio.row("Example: Surrel").get_by_role("cell", name="Example: Surrel", exact=True).click()
    shown = studio.field("Geometry")
    expect(shown.get_by_role("region", name="Map")).to_be_visible()
    # Directus starts with a view of a whole county.
    for _ in range(4):
        shown.get_by_role("button", name="Zoom in").click()
    studio.picture("geofence")


def test_the_race_day_dashboard_shows_its_panels(studio: Studio) -> None:
    studio.page.goto(f"{studio.url}/admin/insights/{RACE_DAY}")
    for title in ("Entries by status", "Crossings to verify", "Penalties proposed", "Last results"):
        expect(studio.main.get_by_text(title, exact=True)).to_be_visible()
