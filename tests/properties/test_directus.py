"""The model of Directus that the laws use equals the captured answers of Directus 11.17.4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from directus_sync.schema import snapshot
from tests.properties.directus import Raw, Sections, answer, patched

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
ANSWERS: dict[str, Any] = json.loads((FIXTURES / "station_diffs.json").read_text(encoding="utf-8"))
LIVE: Sections = snapshot.parse((FIXTURES / "station.yaml").read_bytes(), "station.yaml").sections


@pytest.mark.parametrize("edit", ANSWERS)
def test_the_model_gives_the_answers_of_directus(edit: str) -> None:
    raw: Raw = ANSWERS[edit]["diff"]
    assert answer(LIVE, patched(LIVE, raw)) == raw
