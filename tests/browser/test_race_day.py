"""A race day in the Studio, each step by who does it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser import clubs
from tests.browser.race_day import STEPS, People
from tests.conftest import RunningDirectus

pytestmark = pytest.mark.usefixtures("tmp_path")


@pytest.fixture(scope="module")
def people(browser: Browser, race: RunningDirectus) -> People:
    """Who works on that day, each in a window of his own."""
    return {name: clubs.log_in(browser, race, name) for name in ("director", "timekeeper", "marshal", "viewer")}


def test_a_race_day_in_the_studio_needs_no_administrator(people: People, race: RunningDirectus) -> None:
    for step in STEPS.values():
        step(people, race.database)
