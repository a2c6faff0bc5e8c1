"""Each refusal names its own ways out, and no other's."""

from __future__ import annotations

from typing import Final

import pytest

from directus_sync.report import refusal
from directus_sync.schema.columns import Column
from directus_sync.schema.diff import Action, Change, Edit, Kind, SchemaDiff
from directus_sync.schema.guard import Item, Mover, Plan, Rule, Verdict

STEPS: Final = {
    Rule.INCOMPLETE: ["snapshots are not edited by hand: restore the file from git, or directus-sync pull --overwrite"],
    Rule.CONFLICT: [
        "keep the server's: directus-sync pull --overwrite, make git's change again in Directus, pull, commit",
        "keep git's:        rerun with --discard-live events.notes",
    ],
    Rule.UNCAPTURED: [
        "keep them: directus-sync pull, then commit",
        "lose them: rerun with --discard-live events.notes",
    ],
    Rule.TYPE: [
        "let Directus have its type: ALTER TABLE on a development database for events.notes, then directus-sync pull",
        "or keep the column's own: make it in a post revision, and no field of it in Directus",
    ],
    Rule.DESTRUCTION: [
        "if this checkout is behind, take the newest: git pull",
        "if that is meant, say so in snapshots/removals.yaml and commit it; a copy goes to the attic:",
        "  - item: events.notes",
        "    reason: why it may go",
        "or, this once: rerun with --allow-destroy events.notes",
    ],
    Rule.UNFIT: ["change the rows that are empty or equal in events.notes, then run again"],
    Rule.EXPECTED: [
        'take it out of the revision that makes it, and drop it in a new one: make post m="drop ..."',
        "then take it out of catalog.yaml: directus-sync pull --overwrite on a database without it, and commit",
    ],
}


@pytest.mark.parametrize("rule", Rule)
def test_a_refusal_has_its_own_next_steps(rule: Rule) -> None:
    edit = Edit(("type",), "float", "text")
    change = Change(Action.CHANGE, Kind.FIELD, "events", "notes", edits=(edit,))
    remade = Column.of("float", {"data_type": "double precision"})
    item = Item(Verdict(change, Mover.GIT, remade=remade), 1, rule)
    error = refusal.error(Plan(SchemaDiff((change,)), (item,)), "push")
    assert str(error.next).splitlines() == STEPS[rule]
