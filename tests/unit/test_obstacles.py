"""Obstacles to a change in the database: views, rows, renames, and the remains of a dropped table."""

from __future__ import annotations

from typing import Any

import pytest

from directus_sync.report import refusal
from directus_sync.schema import guard
from directus_sync.schema.diff import ABSENT, Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.plan import Approvals, Hazard, Mover, Obstacles, Plan, Remains, Risk, Verdict
from directus_sync.schema.snapshot import Snapshot

EVERYTHING = Approvals({"events.notes": "why", "events": "why"}, frozenset({"events.notes", "events"}))
REMOVED = Change(Action.REMOVE, ItemKind.FIELD, "events", "notes")


def planned(change: Change, obstacles: Obstacles, *risks: Risk, rows: int = 1) -> Plan:
    difference = SchemaDiff((change,), "hash")
    verdict = Verdict(change, Mover.GIT, risks)
    return guard.decide(difference, [verdict], dict.fromkeys(risks, rows), EVERYTHING, obstacles=obstacles)


def refused(plan: Plan) -> tuple[str, str, str]:
    error = refusal.error(plan, "push")
    return error.id, str(error.where).splitlines()[1], str(error.next)


def test_a_view_blocks_a_removal_even_if_it_is_approved() -> None:
    held = Obstacles(needed_by={(ItemKind.FIELD, "events.notes"): ("view v", "view w")})
    name, line, step = refused(planned(REMOVED, held, Risk(Hazard.COLUMN, "events", "notes")))
    assert (name, line) == ("view-in-the-way", "events.notes (field; 1 row; needed by view v, view w)")
    assert "make pre" in step
    # An obstacle of a relation does not count for the field of the same name.
    of_relation = Obstacles(needed_by={(ItemKind.RELATION, "events.notes"): ("view v",)})
    assert planned(REMOVED, of_relation, Risk(Hazard.COLUMN, "events", "notes")).refused == ()


def test_an_item_gets_only_the_obstacles_of_its_own_kind() -> None:
    (field,) = planned(REMOVED, Obstacles(named={(ItemKind.FIELD, "events.notes"): ("flow x",)})).items
    assert (field.named_by, field.needed_by, field.look_alikes, field.keys) == (("flow x",), (), (), ())
    collection = Change(Action.REMOVE, ItemKind.COLLECTION, "events", None)
    others = Obstacles(
        named={(ItemKind.RELATION, "events.notes"): ("flow x",)},
        remains={"events.notes": Remains.FIELDS, "events": Remains.FOLDER},
        look_alikes={"events.notes": ("remarks",), "events": ("races",)},
    )
    (field,), (whole,) = (planned(change, others).items for change in (REMOVED, collection))
    assert (field.named_by, field.remains, field.look_alikes) == ((), None, ("remarks",))
    assert (whole.named_by, whole.remains, whole.look_alikes) == ((), Remains.FOLDER, ())


def test_an_item_that_a_revision_renamed_is_never_removed() -> None:
    renamed = Obstacles(renamed=frozenset({(ItemKind.FIELD, ("events", "notes"))}))
    name, _, step = refused(planned(REMOVED, renamed, Risk(Hazard.COLUMN, "events", "notes")))
    assert (name, "pull --overwrite" in step, "--allow-destroy" in step) == ("rename-not-captured", True, False)
    added = Change(Action.ADD, ItemKind.FIELD, "events", "notes")
    assert planned(added, renamed).refused == ()


def test_a_field_whose_column_may_have_been_renamed_is_created_only_with_a_discard() -> None:
    alike = Obstacles(look_alikes={"events.notes": ("remarks", 'odd"name')})
    added = Change(Action.ADD, ItemKind.FIELD, "events", "notes")
    assert planned(added, alike).refused == ()
    plan = guard.decide(SchemaDiff((added,), "hash"), [Verdict(added, Mover.SERVER)], {}, Approvals(), obstacles=alike)
    name, line, step = refused(plan)
    assert (name, line) == (
        "renamed-by-sql",
        'events.notes (field; the table has remarks, odd"name, which Directus does not know)',
    )
    assert 'ALTER TABLE "events" RENAME COLUMN "remarks" TO "notes"' in step
    assert "--discard-live events.notes" in step


def test_an_item_is_renamed_if_the_base_has_it_under_another_name(committed: Snapshot) -> None:
    sections: dict[str, Any] = {**committed.sections, "fields": dict(committed.section("fields"))}
    entry = sections["fields"].pop(("vehicles", "make"))
    sections["fields"]["vehicles", "manufacturer"] = entry
    base = Snapshot(b"", "base", committed.directus, sections)
    assert guard.renamed(base, committed) == {(ItemKind.FIELD, ("vehicles", "manufacturer"))}
    assert guard.renamed(base, None) == guard.renamed(None, committed) == frozenset()


def test_rows_that_cannot_be_cast_are_counted_once_and_named() -> None:
    retype, cast = (Risk(hazard, "events", "notes", "integer") for hazard in (Hazard.RETYPE, Hazard.CAST))
    change = Change(Action.CHANGE, ItemKind.FIELD, "events", "notes", edits=(Edit(("type",), "text", "integer"),))
    plan = planned(change, Obstacles(keys={cast: ("id 2", "4")}), retype, cast, rows=2)
    name, line, step = refused(plan)
    assert (name, line) == ("rows-do-not-fit", "events.notes (field; type; 2 rows; id 2, 4)")
    assert step == "change the rows that do not fit in events.notes, then run again"
    assert plan.rows_at_risk == 2


@pytest.mark.parametrize(
    ("remains", "said"),
    [(Remains.FOLDER, "give one of them another name"), (Remains.FIELDS, "restore it from a backup")],
)
def test_a_folder_in_place_of_a_table_is_not_proposed_for_deletion(remains: Remains, said: str) -> None:
    edit = Edit(("schema",), ABSENT, {"name": "events"})
    change = Change(Action.CHANGE, ItemKind.COLLECTION, "events", edits=(edit,), replaces_item=True)
    name, _, step = refused(planned(change, Obstacles(remains={"events": remains})))
    assert name == "incomplete-entry"
    assert said in step
    assert ("delete" in step) == (remains is Remains.FIELDS)


def test_the_refusal_for_a_dropped_foreign_key_has_the_sql_that_restores_it() -> None:
    key = {"table": "events", "column": 'no"tes', "constraint_name": "k", "foreign_key_table": "Notes"}
    edit = Edit(("schema",), ABSENT, {**key, "foreign_key_column": "id", "on_delete": "SET NULL"})
    change = Change(Action.CHANGE, ItemKind.RELATION, "events", "notes", edits=(edit,), replaces_item=True)
    _, _, step = refused(planned(change, Obstacles()))
    first, second = step.splitlines()
    assert first.endswith(
        'ALTER TABLE "events" ADD CONSTRAINT "k" FOREIGN KEY ("no""tes") REFERENCES "Notes" ("id") ON DELETE SET NULL'
    )
    row = "(many_collection, many_field) = ('events', 'notes')"
    assert f"DELETE FROM public.directus_relations WHERE {row};" in second
