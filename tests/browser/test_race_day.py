"""A race day in the Studio, each step by who does it."""

from __future__ import annotations

import pytest

from tests.browser.clubs import Windows
from tests.browser.race_day import STEPS
from tests.conftest import RunningDirectus

# Two minutes, most of them for loading the Studio in four windows. tests/extension has the same day by the API.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tmp_path")]


def test_a_race_day_in_the_studio_needs_no_administrator(people: Windows, race: RunningDirectus) -> None:
    for step in STEPS.values():
        step(people, race.database)
    viewer = {"Authorization": "Bearer viewer-of-a"}
    results = race.http.get("/items/stage_results", headers=viewer).json()["data"]
    assert [result["publication"] for result in results] == ["official"]
