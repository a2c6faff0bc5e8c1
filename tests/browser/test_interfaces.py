"""The extension's interfaces for keys and JSON in the Studio, used by a race director."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.browser.clubs import People
from tests.browser.race_day import give_a_penalty_by_hand, send_a_command_to_a_device
from tests.browser.studio import Studio
from tests.browser.test_studio import RACE_DAY
from tests.conftest import RunningDirectus
from tests.extension.rally import key
from tests.extension.test_preview import FORMULA, LATERAL, east, entry, fix

pytestmark = pytest.mark.usefixtures("tmp_path")

# In seconds. A person takes longer, but needs no more steps: choose three values, write one, save.
SECONDS_FOR_A_PENALTY = 30


@pytest.fixture
def director(people: People, race: RunningDirectus) -> Studio:
    return people["director"]


def test_a_duration_is_entered_and_shown_as_hours_minutes_and_seconds(director: Studio, race: RunningDirectus) -> None:
    director.visit("Stages")
    director.edit("SS1")
    duration = director.field("Maximum time").get_by_role("textbox")
    duration.fill("50:75")
    duration.press("Tab")
    assert duration.evaluate("field => field.validationMessage") == "Write it as h:mm:ss, for example 0:01:30."
    duration.fill("90:00")
    duration.press("Tab")
    expect(duration).to_have_value("1:30:00")
    director.saved()
    stored = "SELECT mta_seconds FROM public.stages WHERE name = 'SS1' AND mta_seconds IS NOT NULL"
    assert race.database.rows(stored) == [(5400,)]
    director.edit("SS1")
    expect(director.field("Maximum time").get_by_role("textbox")).to_have_value("1:30:00")


@pytest.mark.slow
def test_a_manual_penalty_takes_less_than_half_a_minute(
    director: Studio, people: People, race: RunningDirectus
) -> None:
    director.open("events")
    began = time.monotonic()
    give_a_penalty_by_hand(people, race.database)
    assert time.monotonic() - began < SECONDS_FOR_A_PENALTY
    director.edit("By the stewards")
    expect(director.field("Penalty").get_by_role("textbox")).to_have_value("0:01:00")
    director.picture("penalty")


@pytest.mark.slow
def test_a_formula_offers_the_waypoints_of_its_event(director: Studio, race: RunningDirectus) -> None:
    director.open("penalty_formulas/+")
    director.select("Event", "Rally A")
    director.choose("Offence", "Waypoint missed")
    director.choices("Holds for").get_by_text("Waypoint", exact=True).click()
    # Only waypoints of this event are offered.
    choices = director.choices("Holds for which one").filter(has_text="·")
    expect(choices).to_have_count(1)
    expect(choices).to_have_text("CP · Dajt")
    choices.click()
    director.choose("Measured in", "Count")
    director.choose("Computation", "Per occurrence")
    director.write("Penalty", "15:00")
    director.picture("formula")
    director.saved()
    found = race.database.rows("SELECT belongs_to_type, belongs_to_id::text, penalty FROM public.penalty_formulas")
    assert found == [("waypoint", key("waypoint A"), 900)]


@pytest.mark.slow
def test_a_start_order_can_be_entered_without_json(director: Studio, race: RunningDirectus) -> None:
    director.open("stages")
    director.edit("SS1")
    director.field("How many of the best start in reverse").last.get_by_role("spinbutton").fill("10")
    # A field inside the form of another field.
    director.field("Time between two groups").last.get_by_role("textbox").fill("5:00")
    director.page.keyboard.press("Tab")
    director.field("Who starts first, in this order").last.locator(".input").click()
    director.page.locator(".v-menu-content").get_by_role("button").filter(has_text="#1").click()
    director.picture("start-order")
    director.saved()
    params = race.database.value(
        f"SELECT start_order_strategy_params FROM public.stages WHERE name = 'SS1' AND id = '{key('stage A')}'"
    )
    assert params == {"n": 10, "group_gap_seconds": 300, "entry_ids": [key("entry A")]}


@pytest.mark.slow
def test_a_director_sends_a_command_to_a_device(director: Studio, people: People, race: RunningDirectus) -> None:
    director.open("events")
    send_a_command_to_a_device(people, race.database)


def test_the_preview_shows_the_effect_of_a_tolerance_before_saving(director: Studio, race: RunningDirectus) -> None:
    statements = [FORMULA % ("waypoint_missed", "count", "'CP'", "per_occurrence", 900)]
    for number, metres in LATERAL.items():
        statements += [entry(number), fix(number, east(metres))]
    race.database.execute("".join(statements))
    director.visit("Waypoints")
    director.edit("Dajt")
    effect = director.field("Effect on results")
    effect.get_by_role("button", name="Show the effect").click()
    expect(effect).to_contain_text("Change the outline, the place, the tolerance or the limit first.")
    director.field("Tolerance (m)").get_by_role("spinbutton").fill("60")
    effect.get_by_role("button", name="Show the effect").click()
    expect(effect.get_by_role("row").filter(has_text="#12").first).to_contain_text("1 → 0")
    expect(effect.get_by_role("row").filter(has_text="+0:15:00")).to_have_count(1)
    expect(effect.get_by_role("row").filter(has_text="2. → 6.")).to_have_count(1)
    effect.get_by_role("row").last.scroll_into_view_if_needed()
    director.picture("preview")
    assert race.database.value(f"SELECT tolerance_meters FROM public.waypoints WHERE id = '{key('waypoint A')}'") == 90
    director.visit("Entries", discard=True)


@pytest.mark.slow
def test_the_dashboard_shows_silent_devices(director: Studio, race: RunningDirectus) -> None:
    heard = "UPDATE public.devices SET last_position_at = now() - interval '%s minutes'"
    # The panel of commands also names devices.
    race.database.execute("DELETE FROM public.device_commands; UPDATE public.entries SET status = 'started'")
    race.database.execute(heard % 6)
    director.page.goto(f"{director.url}/admin/insights/{RACE_DAY}")
    expect(director.main).to_contain_text("350000000000005 (FMB920)")
    expect(director.main).to_contain_text("Started")
    # A device of another club.
    expect(director.main).not_to_contain_text("350000000000006")
    race.database.execute(heard % 4)
    director.page.reload()
    expect(director.main).to_contain_text("Started")
    expect(director.main).not_to_contain_text("350000000000005")
