"""The text of a refused plan: the items, the place and the next steps of each rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from directus_sync.report import refusal
from directus_sync.schema import diff, guard
from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.plan import Approvals, DroppedWith, Mover, Obstacles, Plan, PlanItem, Verdict
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot
from directus_sync.text.wording import LINES
from tests.unit.judging import decided

OPERATION = "push of snapshots/schema.yaml to http://directus.example:8055"
Answers = Mapping[str, Any]


def judged(answer: Any, live: Snapshot) -> Plan:
    """Return the plan for an answer. Without a base everything is uncaptured; each risk has one row."""
    return decided(diff.from_server((answer["hash"], answer["diff"])), live, None, wanted=live)


def message(plan: Plan) -> str:
    return str(refusal.error(plan, OPERATION))


@pytest.fixture
def removal(captured_answers: Answers) -> Any:
    return captured_answers["field_removed"]


def removals(removal: Any, number: int) -> Any:
    (entry,) = removal["diff"]["fields"]
    return {**removal, "diff": {**removal["diff"], "fields": [{**entry, "field": f"elev_{n}"} for n in range(number)]}}


def test_a_refusal_names_operation_item_and_both_next_steps(removal: Any, live: Snapshot) -> None:
    error = refusal.error(judged(removal, live), OPERATION)
    assert error.id == "uncaptured-live-work"
    assert OPERATION in str(error)
    assert "station.elev (field; 1 row)" in str(error)
    assert "keep them: directus-sync pull" in str(error)
    assert "--discard-live station.elev" in str(error)


def test_a_refusal_for_two_reasons_has_the_id_of_the_more_serious_one_and_lists_both_items(
    captured_answers: Answers, live: Snapshot
) -> None:
    removed, nested = (captured_answers[edit] for edit in ("field_removed", "collection_nested_removal"))
    both = {**removed, "diff": {**removed["diff"], "collections": nested["diff"]["collections"]}}
    error = refusal.error(judged(both, live), OPERATION)
    assert error.id == "incomplete-entry"
    assert "station.elev" in str(error)
    assert "country" in str(error)


def test_a_refusal_of_many_items_lists_some_and_counts_the_rest(removal: Any, live: Snapshot) -> None:
    text = message(judged(removals(removal, 25), live))
    assert "25 fields exist in Directus and in no snapshot" in text
    assert "and 5 more" in text
    assert text.count("(field") == LINES


def test_a_refusal_names_catalogued_objects_that_an_approved_removal_would_drop(removal: Any, live: Snapshot) -> None:
    difference = diff.from_server((removal["hash"], removal["diff"]))
    verdicts = guard.judge(difference, base=live, wanted=live, live=live)
    (risk,) = verdicts[0].risks
    along = Obstacles(dropped_with={risk: (DroppedWith("constraint station.station_code_elev_key", expected=True),)})
    plan = guard.decide(difference, verdicts, {risk: 1}, Approvals({"station.elev": "why"}), along)
    error = refusal.error(plan, OPERATION)
    assert error.id == "catalog-expects-it"
    assert "station.elev (field; 1 row; takes along constraint station.station_code_elev_key)" in str(error)


STEPS: Final = {
    SchemaRule.INCOMPLETE: [
        "snapshots are not edited by hand: restore the file from git, or directus-sync pull --overwrite"
    ],
    SchemaRule.CONFLICT: [
        "keep Directus's: directus-sync pull --overwrite, make git's change again in Directus, pull, commit",
        "keep git's:       run again with --discard-live events.notes",
    ],
    SchemaRule.UNCAPTURED: [
        "keep them: directus-sync pull, then commit",
        "lose them: run again with --discard-live events.notes",
    ],
    SchemaRule.NOT_REBUILDABLE: [
        "take what Directus makes: change events.notes on a development database, then directus-sync pull",
        "or keep it: make it in a post revision, without an entry in Directus",
        "or if somebody edited the file by hand, restore it from git",
    ],
    SchemaRule.DESTRUCTION: [
        "if this checkout is out of date, update it: git pull",
        "if you mean it, say so in snapshots/removals.yaml and commit; the attic keeps a copy of the rows:",
        "  - item: events.notes",
        "    reason: why it may go",
        "or approve it once: run again with --allow-destroy events.notes",
    ],
    SchemaRule.UNFIT: ["change the empty or equal values in events.notes, then run again"],
    SchemaRule.RENAMED: ["capture the new name: directus-sync pull --overwrite, then commit it with the revision"],
    SchemaRule.RENAMED_BY_SQL: [
        'if it was renamed, rename it back: ALTER TABLE "events" RENAME COLUMN "remarks" TO "notes"',
        "and rename the field in a pre revision: op.rename_field, docs/renames.md",
        "if it was dropped, make it again: run again with --discard-live events.notes",
    ],
    SchemaRule.NEEDED: [
        'drop it in a pre revision: make pre m="drop what needs events.notes"',
        'make it again, if it is still wanted, in a post revision: make post m="..."',
    ],
    SchemaRule.CATALOG_EXPECTS_IT: [
        'delete it in its revision (make accept-edits), drop it in a new one: make post m="drop ..."',
        "then take it out of catalog.yaml: directus-sync pull --overwrite on a database without it, and commit",
    ],
}


@pytest.mark.parametrize("rule", SchemaRule)
def test_a_refusal_has_its_own_next_steps(rule: SchemaRule) -> None:
    edit = Edit(("type",), "float", "text")
    change = Change(Action.CHANGE, ItemKind.FIELD, "events", "notes", edits=(edit,))
    faults = ("double precision in the file, and real by Directus",)
    item = PlanItem(Verdict(change, Mover.GIT, faults=faults), 1, rule, look_alikes=("remarks",))
    error = refusal.error(Plan(SchemaDiff((change,)), (item,)), "push")
    assert str(error.next).splitlines() == STEPS[rule]


@pytest.mark.parametrize("rule", [SchemaRule.CONFLICT, SchemaRule.UNCAPTURED, SchemaRule.DESTRUCTION])
def test_a_name_with_a_space_is_quoted_for_the_shell(rule: SchemaRule) -> None:
    change = Change(Action.REMOVE, ItemKind.FIELD, "events", "start time")
    plan = Plan(SchemaDiff((change,)), (PlanItem(Verdict(change, Mover.BOTH), 1, rule),))
    assert (refusal.error(plan, "push").next or "").splitlines()[-1].endswith(" 'events.start time'")
