"""A race day in the Studio, each step by who does it."""

from __future__ import annotations

import pytest

from tests.browser.clubs import People
from tests.browser.race_day import STEPS
from tests.conftest import RunningDirectus

# A minute. tests/extension has the same day by the API, and test_roles.py its steps that other roles take.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tmp_path")]


def test_a_race_day_in_the_studio_needs_no_administrator(people: People, race: RunningDirectus) -> None:
    people["director"].open("entries")
    for step in STEPS.values():
        step(people, race.database)
    viewer = {"Authorization": "Bearer viewer-of-a"}
    results = race.http.get("/items/stage_results", headers=viewer).json()["data"]
    assert [result["publication"] for result in results] == ["official"]
