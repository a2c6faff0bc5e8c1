"""Durations in the Studio, by the interface and the display of the extension."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.clubs import Windows
from tests.conftest import RunningDirectus

pytestmark = pytest.mark.usefixtures("tmp_path")

STORED = "SELECT mta_seconds FROM public.stages WHERE name = 'SS1' AND mta_seconds IS NOT NULL"


def test_a_duration_is_typed_and_shown_as_people_write_it(people: Windows, race: RunningDirectus) -> None:
    director = people["director"]
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
    assert race.database.rows(STORED) == [(5400,)]
    director.edit("SS1")
    expect(director.field("Maximum time").get_by_role("textbox")).to_have_value("1:30:00")
