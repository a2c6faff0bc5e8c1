"""How a refused plan reads: what is in the way, where, and both ways out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from directus_sync.report import refusal
from directus_sync.schema import diff, guard
from directus_sync.schema.plan import Approvals, Obstacles, Plan, Taken
from directus_sync.schema.snapshot import Snapshot
from directus_sync.wording import LINES
from tests.unit.judging import decided

OPERATION = "push of snapshots/schema.yaml to http://directus.example:8055"
Answers = Mapping[str, Any]


def judged(answer: Any, live: Snapshot) -> Plan:
    """Judge one answer of the server, with one row at each risk, and no base, so that all there is is uncaptured."""
    return decided(diff.from_server((answer["hash"], answer["diff"])), live, None, wanted=live)


def message(plan: Plan) -> str:
    return str(refusal.error(plan, OPERATION))


@pytest.fixture
def removal(captured_answers: Answers) -> Any:
    return captured_answers["field_removed"]


def removals(removal: Any, number: int) -> Any:
    (entry,) = removal["diff"]["fields"]
    return {**removal, "diff": {**removal["diff"], "fields": [{**entry, "field": f"elev_{n}"} for n in range(number)]}}


def test_it_names_file_server_item_and_both_ways_out(removal: Any, live: Snapshot) -> None:
    error = refusal.error(judged(removal, live), OPERATION)
    assert error.id == "uncaptured-live-work"
    assert OPERATION in str(error)
    assert "station.elev (field; 1 row)" in str(error)
    assert "keep them: directus-sync pull" in str(error)
    assert "--discard-live station.elev" in str(error)


def test_two_reasons_are_called_by_the_graver_and_both_listed(captured_answers: Answers, live: Snapshot) -> None:
    removed, nested = (captured_answers[edit] for edit in ("field_removed", "collection_nested_removal"))
    both = {**removed, "diff": {**removed["diff"], "collections": nested["diff"]["collections"]}}
    error = refusal.error(judged(both, live), OPERATION)
    assert error.id == "incomplete-entry"
    assert "station.elev" in str(error)
    assert "country" in str(error)


def test_many_items_show_some_and_count_the_rest(removal: Any, live: Snapshot) -> None:
    text = message(judged(removals(removal, 25), live))
    assert "25 fields exist in Directus and in no snapshot" in text
    assert "and 5 more" in text
    assert text.count("(field") == LINES


def test_what_goes_along_is_named_even_where_the_removal_is_approved(removal: Any, live: Snapshot) -> None:
    difference = diff.from_server((removal["hash"], removal["diff"]))
    verdicts = guard.judge(difference, base=live, wanted=live, live=live)
    (risk,) = verdicts[0].risks
    along = Obstacles(taken={risk: (Taken("constraint station.station_code_elev_key", expected=True),)})
    plan = guard.decide(difference, verdicts, {risk: 1}, Approvals({"station.elev": "why"}), along)
    error = refusal.error(plan, OPERATION)
    assert error.id == "catalog-expects-it"
    assert "station.elev (field; 1 row; takes along constraint station.station_code_elev_key)" in str(error)
