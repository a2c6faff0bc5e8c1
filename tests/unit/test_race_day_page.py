"""docs/a-race-day.md has the steps of the race day in tests/browser, and the messages that users get."""

from __future__ import annotations

import re

import pytest

from directus_sync.settings import ROOT
from tests import pages
from tests.browser.race_day import REFUSALS, STEPS

PAGE = pages.read("docs/a-race-day.md")
EXTENSION = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "extensions/trm/src").rglob("*.*")))


def explained_messages() -> list[str]:
    tables = [pages.rows(pages.section(PAGE, heading)) for heading in STEPS]
    return [cells[0] for rows in tables for cells in rows if len(cells) > 1 and cells[0] != "message"]


def test_the_page_has_the_steps_of_the_race_day_in_order() -> None:
    assert re.findall("^## (.*)$", PAGE, re.MULTILINE) == list(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_begins_with_the_person_who_does_it(step: str) -> None:
    people = ("Race director", "Timekeeper", "Marshal")
    assert pages.section(PAGE, step).strip().startswith(tuple(f"*{person}" for person in people))


@pytest.mark.parametrize("sentence", REFUSALS)
def test_each_refusal_of_the_race_day_is_explained(sentence: str) -> None:
    assert any(sentence in line for line in explained_messages())


def test_each_explained_message_exists() -> None:
    for line in explained_messages():
        assert line in EXTENSION or any(sentence in line for sentence in REFUSALS), line
