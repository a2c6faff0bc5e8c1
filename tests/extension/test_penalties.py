"""Manual penalties, and the stewards' decisions on computed ones: which fields the extension fills in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.extension.conftest import Rally
from tests.extension.rally import key
from tests.extension.test_tenant_guard import code

BY_HAND: dict[str, Any] = {"type": "manual", "penalty_seconds": 60}
COUNTS = "SELECT status, penalty_seconds FROM public.entry_penalties ORDER BY dedupe_key"


@pytest.fixture
def penalty() -> dict[str, Any]:
    """The fields that a steward fills in."""
    return {"entry_id": key("entry A"), "stage_id": key("stage A"), **BY_HAND}


def test_a_manual_penalty_needs_no_source_key_or_formula(rally_of: Rally, penalty: dict[str, Any]) -> None:
    with rally_of.as_user("director-of-a") as http:
        made = [http.post("/items/entry_penalties", json=penalty).json()["data"] for _ in range(2)]
    assert [(row["source"], row["status"], row["outcome"]) for row in made] == [("manual", "proposed", "none")] * 2
    assert [row["formula_snapshot"] for row in made] == [{}, {}]
    assert len({row["dedupe_key"] for row in made}) == 2


def test_override_seconds_replace_the_computed_penalty(rally_of: Rally, penalty: dict[str, Any]) -> None:
    decision = {"status": "overridden", "override_seconds": 10, "override_reason": "Held back."}
    with rally_of.as_user("director-of-a") as http:
        made = http.post("/items/entry_penalties", json=penalty).json()["data"]
        path = f"/items/entry_penalties/{made['id']}"
        assert http.patch(path, json=decision).json()["data"]["penalty_seconds"] == 10
        # A later change of penalty_seconds does not replace the decision.
        assert http.patch(path, json={"penalty_seconds": 5}).json()["data"]["penalty_seconds"] == 10
        assert http.patch(path, json={"override_seconds": 0}).json()["data"]["penalty_seconds"] == 0
        http.post("/items/entry_penalties", json=penalty | decision)
    assert sorted(rally_of.directus.database.rows(COUNTS)) == [("overridden", 0), ("overridden", 10)]


def test_overriding_several_penalties_needs_the_same_seconds_for_all(rally_of: Rally, penalty: dict[str, Any]) -> None:
    with rally_of.as_user("director-of-a") as http:
        keys = [
            http.post(
                "/items/entry_penalties", json=penalty | {"override_seconds": seconds, "override_reason": "Held back."}
            ).json()["data"]["id"]
            for seconds in (10, 20)
        ]
        decision: dict[str, Any] = {"status": "overridden"}
        refused = http.patch("/items/entry_penalties", json={"keys": keys, "data": decision})
        assert code(refused) == (400, "CONSTRAINT_VIOLATED")
        decision["override_seconds"] = 30
        assert http.patch("/items/entry_penalties", json={"keys": keys, "data": decision}).is_success
    assert rally_of.directus.database.rows(COUNTS) == [("overridden", 30), ("overridden", 30)]
