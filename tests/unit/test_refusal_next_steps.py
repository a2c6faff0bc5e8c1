"""Each refusal names its own ways out, and no other's."""

from __future__ import annotations

from typing import Final

import pytest

from directus_sync.report import refusal
from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.plan import Mover, Plan, PlanItem, Verdict
from directus_sync.schema.rules import SchemaRule

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
    SchemaRule.UNFIT: ["change the rows that are empty or equal in events.notes, then run again"],
    SchemaRule.RENAMED: ["capture the new name: directus-sync pull --overwrite, then commit it with the revision"],
    SchemaRule.RENAMED_BELOW: [
        'if it was renamed, rename it back: ALTER TABLE "events" RENAME COLUMN "remarks" TO "notes"',
        "and rename the field in a pre revision: op.rename_field, docs/renames.md",
        "if it was dropped, have it made again: run again with --discard-live events.notes",
    ],
    SchemaRule.HELD: [
        'drop it in a pre revision: make pre m="drop what needs events.notes"',
        'make it again, if it is still wanted, in a post revision: make post m="..."',
    ],
    SchemaRule.EXPECTED: [
        'take it out of the revision that makes it, and drop it in a new one: make post m="drop ..."',
        "then take it out of catalog.yaml: directus-sync pull --overwrite on a database without it, and commit",
    ],
}


@pytest.mark.parametrize("rule", [SchemaRule.CONFLICT, SchemaRule.UNCAPTURED, SchemaRule.DESTRUCTION])
def test_a_name_with_a_space_is_quoted_for_the_shell(rule: SchemaRule) -> None:
    change = Change(Action.REMOVE, ItemKind.FIELD, "events", "start time")
    plan = Plan(SchemaDiff((change,)), (PlanItem(Verdict(change, Mover.BOTH), 1, rule),))
    assert (refusal.error(plan, "push").next or "").splitlines()[-1].endswith(" 'events.start time'")


@pytest.mark.parametrize("rule", SchemaRule)
def test_a_refusal_has_its_own_next_steps(rule: SchemaRule) -> None:
    edit = Edit(("type",), "float", "text")
    change = Change(Action.CHANGE, ItemKind.FIELD, "events", "notes", edits=(edit,))
    faults = ("double precision in the file, and real by Directus",)
    item = PlanItem(Verdict(change, Mover.GIT, faults=faults), 1, rule, look_alikes=("remarks",))
    error = refusal.error(Plan(SchemaDiff((change,)), (item,)), "push")
    assert str(error.next).splitlines() == STEPS[rule]
