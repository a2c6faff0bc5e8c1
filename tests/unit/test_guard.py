"""The guard: who made each change, and which changes it refuses. The diffs were captured from Directus 11.17.4."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from directus_sync.schema import diff, guard
from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.plan import Approvals, DroppedWith, Mover, Obstacles
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot
from tests.snapshots import after
from tests.unit.judging import NOBODY, decided, directus_diff, edit_of, judged, rules, with_values

Captured = Callable[[str], SchemaDiff]
NOTE, OPTIONS = ("meta", "note"), ("meta", "options")

# When these were applied, Directus 11.17.4 answered 204 and dropped the table, the column or the foreign key.
INCOMPLETE = [
    ("collection_nested_removal", "country"),
    ("field_schema_nested_removal", "station.code"),
    ("field_schema_removed", "station.code"),
    ("field_schema_null", "station.code"),
    ("field_meta_removed", "station.code"),
    ("relation_nested_removal", "station.country"),
    ("relation_schema_nested_removal", "station.country"),
    # Directus mistakes these for the creation of the whole item.
    ("collection_nested_addition", "country"),
    ("field_schema_added", "station.divider"),
    ("relation_nested_addition", "station.country"),
]
REMOVALS = [
    ("collection_removed", "station"),
    ("field_removed", "station.elev"),
    ("field_renamed", "station.elev"),
    ("relation_removed", "station.country"),
]


def test_a_primary_key_that_moves_to_another_column_is_refused(captured: Captured, live: Snapshot) -> None:
    # Directus would add a second primary key, which PostgreSQL refuses.
    assert {rule for _, rule in rules(decided(captured("primary_key_moved"), live, live, rows=0))} == {
        SchemaRule.NOT_REBUILDABLE
    }


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"data_type": "double precision"}, [SchemaRule.NOT_REBUILDABLE]),
        ({"data_type": "real"}, []),
        (None, [SchemaRule.NOT_REBUILDABLE]),
    ],
)
def test_a_new_column_of_a_type_that_directus_cannot_make_is_refused(
    live: Snapshot, schema: dict[str, object] | None, wanted: list[SchemaRule]
) -> None:
    entry = {"collection": "country", "field": "reach", "type": "float", "meta": {}, "schema": schema}
    difference = SchemaDiff((Change(Action.ADD, ItemKind.FIELD, "country", "reach", after=entry),), "hash")
    assert [rule for _, rule in rules(decided(difference, live, live, rows=0))] == wanted


@pytest.mark.parametrize(("recorded", "there", "mover"), [(True, 1, Mover.BOTH), (1, 1.0, Mover.GIT)])
def test_a_change_in_directus_between_values_that_python_finds_equal_is_noticed(
    live: Snapshot, recorded: object, there: object, mover: Mover
) -> None:
    base, server, wanted = (with_values(live, "station.code", {OPTIONS: {"only": [x]}}) for x in (recorded, there, 2))
    (verdict,) = judged(server, wanted, base)
    assert verdict.mover is mover


def test_a_missing_system_index_that_the_file_lists_counts_as_added_in_git(live: Snapshot) -> None:
    key = ("directus_revisions", "activity")
    without = replace(live, sections={**live.sections, "systemFields": {}})
    change = Change(Action.CHANGE, ItemKind.SYSTEM_FIELD, *key, edits=(Edit(("schema", "is_indexed"), False, True),))
    for base in (None, live, without, replace(live, directus="11.13.4")):
        (verdict,) = guard.judge(SchemaDiff((change,)), base=base, wanted=live, live=without)
        assert verdict.mover is Mover.GIT


def test_a_pull_may_add_system_indexes_and_protects_those_that_were_never_pushed(live: Snapshot) -> None:
    without = replace(live, sections={**live.sections, "systemFields": {}})
    for base in (None, live, without):
        assert guard.unpushed(without, base, live) == ()
    assert guard.unpushed(live, without, without)
    assert guard.unpushed(live, live, without) == ()


def test_a_column_that_becomes_an_alias_conflicts_with_edits_of_the_field_in_directus(
    captured: Captured, live: Snapshot
) -> None:
    difference = captured("column_to_alias")
    base = after(live, [edit_of("station.notes", NOTE, "as it was")])
    plan = decided(difference, live, base, approvals=Approvals(destroy={"station.notes": "moved"}))
    assert rules(plan) == [("station.notes", SchemaRule.CONFLICT)]


@pytest.mark.parametrize(("before", "now"), [("string", "text"), ("integer", "bigInteger"), ("text", "text")])
def test_a_field_that_is_dropped_and_created_again_is_refused_for_any_types(
    live: Snapshot, before: str, now: str
) -> None:
    # The new column is empty, even if the old values would fit.
    field = {"collection": "station", "field": "code"}
    old, new = ({**field, "type": kind, "meta": {}, "schema": {"name": "code"}} for kind in (before, now))
    entries = [{**field, "diff": [{"kind": "D", "lhs": old}]}, {**field, "diff": [{"kind": "N", "rhs": new}]}]
    difference = diff.from_server(("hash", {"fields": entries}))
    assert ("station.code", SchemaRule.DESTRUCTION) in rules(decided(difference, live, live))


# Who removed an item


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_a_removal_needs_an_approval_and_a_loss_of_live_work_needs_a_discard(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    without = after(live, captured(edit).changes)
    destroy, discard = Approvals(destroy={item: "moved"}), Approvals(discard=frozenset({item}))
    for base, approvals, rule in (
        (live, NOBODY, SchemaRule.DESTRUCTION),
        (live, destroy, None),
        (live, discard, SchemaRule.DESTRUCTION),
        # The item exists only in Directus. Without a base this is true of every item.
        (without, NOBODY, SchemaRule.UNCAPTURED),
        (None, NOBODY, SchemaRule.UNCAPTURED),
        (None, destroy, SchemaRule.UNCAPTURED),
        (None, discard, None),
        (None, Approvals(discard=frozenset({"another"})), SchemaRule.UNCAPTURED),
    ):
        for rows in (0, 1):
            plan = decided(captured(edit), live, base, rows=rows, approvals=approvals)
            assert rules(plan) == ([(item, rule)] if rule else [])


@pytest.mark.parametrize("path", [("schema", "on_delete"), ("meta", "one_field")])
def test_a_field_removed_in_git_is_a_conflict_if_its_relation_was_changed_in_directus(
    live: Snapshot, path: tuple[str, str]
) -> None:
    key = ("station", "country")
    relation = Change(Action.CHANGE, ItemKind.RELATION, *key, edits=(Edit(path, None, "as it was"),))
    removals = tuple(
        Change(Action.REMOVE, kind, *key, before=live.section(kind.value)[key])
        for kind in (ItemKind.FIELD, ItemKind.RELATION)
    )
    base = after(live, [relation])
    approved = Approvals(destroy={"station.country": "moved"})
    assert ("station.country", SchemaRule.CONFLICT) in rules(
        decided(SchemaDiff(removals[:1]), live, base, approvals=approved)
    )
    assert rules(decided(SchemaDiff(removals[:1]), live, live, approvals=approved)) == []


def test_an_edit_of_another_field_does_not_block_a_removal(captured: Captured, live: Snapshot) -> None:
    base = after(live, [*captured("note_changed").changes, *captured("on_delete_changed").changes])
    approved = Approvals(destroy={"station.elev": "moved"})
    assert rules(decided(captured("field_removed"), live, base, approvals=approved)) == []


@pytest.mark.parametrize("changed", ["note_changed", "length_grows", "on_delete_changed", "field_removed"])
def test_a_collection_removed_in_git_and_edited_in_directus_is_a_conflict(
    captured: Captured, live: Snapshot, changed: str
) -> None:
    # Only the difference between base and live matters, not its direction.
    base = after(live, captured(changed).changes)
    assert rules(decided(captured("collection_removed"), live, base)) == [("station", SchemaRule.CONFLICT)]


# Who changed an item


def test_a_change_is_uncaptured_if_base_equals_file_and_a_conflict_if_all_three_differ(
    captured: Captured, live: Snapshot
) -> None:
    difference = captured("note_changed")
    third = with_values(live, "station.code", {NOTE: "a third text"})
    for base, rule in ((after(live, difference.changes), SchemaRule.UNCAPTURED), (third, SchemaRule.CONFLICT)):
        assert rules(decided(difference, live, base)) == [("station.code", rule)]


def test_only_the_property_that_was_changed_in_directus_is_refused(captured: Captured, live: Snapshot) -> None:
    # Directus changed the length, git the note. The diff has both, but only the length is live work.
    note, length = captured("note_changed").changes[0], captured("length_grows").changes[0]
    both = SchemaDiff((replace(note, edits=(*note.edits, *length.edits)),), "hash", {})
    base = after(live, [length])
    plan = decided(both, live, base)
    assert rules(plan) == [("station.code", SchemaRule.UNCAPTURED)]
    assert [edit.name for edit in plan.refused[0].verdict.edits] == ["schema.max_length"]


@pytest.mark.parametrize(
    ("base", "file", "server", "mover"),
    [
        (["a"], ["a"], ["a", "b"], Mover.SERVER),
        (["a", "b"], ["a", "b"], ["b"], Mover.SERVER),
        (["a"], ["a", "c"], ["a", "b"], Mover.BOTH),
        # Git and Directus edited different items of the list.
        (["a", "b"], ["c", "b"], ["a", "d"], Mover.BOTH),
        (["a"], ["a", "b"], ["a"], Mover.GIT),
    ],
)
def test_a_list_is_judged_as_a_whole(
    live: Snapshot, base: list[str], file: list[str], server: list[str], mover: Mover
) -> None:
    recorded, wanted, there = (
        with_values(live, "station.code", {OPTIONS: {"choices": choices}}) for choices in (base, file, server)
    )
    (verdict,) = judged(there, wanted, recorded)
    assert verdict.mover is mover
    assert {edit.path[:3] for edit in verdict.edits} == (set() if mover is Mover.GIT else {(*OPTIONS, "choices")})


def test_an_alias_that_was_edited_in_directus_does_not_become_a_column(captured: Captured, live: Snapshot) -> None:
    # Directus would drop the field and create it again, and lose the note.
    difference = captured("alias_to_column")
    base = after(live, [edit_of("station.divider", NOTE, "as it was")])
    assert rules(decided(difference, live, base)) == [("station.divider", SchemaRule.CONFLICT)]
    assert rules(decided(difference, live, live)) == []


def test_the_relation_of_a_column_that_becomes_an_alias_is_a_removal(live: Snapshot) -> None:
    key = ("station", "country")
    field = {"collection": "station", "field": "country", "type": "alias", "meta": {"special": ["alias"]}}
    turned = {"fields": {**live.section("fields"), key: field}, "relations": {}}
    wanted = replace(live, sections={**live.sections, **turned})
    plan = decided(directus_diff(live, wanted), live, live, rows=0, wanted=wanted)
    assert [(item.verdict.change.kind, item.rule) for item in plan.items] == [
        (ItemKind.FIELD, None),
        (ItemKind.RELATION, SchemaRule.DESTRUCTION),
    ]


@pytest.mark.parametrize(("kind", "column"), [("uuid", "uuid"), ("string", "character varying")])
def test_a_primary_key_whose_type_was_changed_in_directus_is_not_changed_back(
    live: Snapshot, kind: str, column: str
) -> None:
    # Directus ignores the column of a primary key only if it is auto-incremented.
    types = {("type",): kind, ("schema", "data_type"): column, ("schema", "has_auto_increment"): False}
    base = with_values(live, "country.id", types)
    server = with_values(live, "country.id", {**types, ("schema", "data_type"): "text"})
    assert rules(decided(directus_diff(server, base), server, base)) == [("country.id", SchemaRule.UNCAPTURED)]


def test_a_null_property_differs_from_a_missing_property(live: Snapshot) -> None:
    base, server, wanted = (
        with_values(live, "station.code", {OPTIONS: o}) for o in ({"trim": None}, {}, {"trim": True})
    )
    for one, other in ((base, server), (server, base)):
        (verdict,) = judged(other, wanted, one)
        assert verdict.mover is Mover.BOTH


def with_foreign_key(snapshot: Snapshot, to: str | None) -> Snapshot:
    """Return the snapshot with the foreign key of station.country leading to this table, or without the key."""
    key: dict[tuple[str, ...], object] = {
        ("schema", "foreign_key_table"): to,
        ("schema", "foreign_key_column"): to and "id",
    }
    found = with_values(snapshot, "station.country", key)
    return found if to else replace(found, sections={**found.sections, "relations": {}})


def test_a_foreign_key_is_judged_once_with_its_relation(live: Snapshot) -> None:
    # The relation was made in Directus; git changed the field's note.
    base = with_foreign_key(live, None)
    wanted = after(base, [edit_of("station.country", NOTE, "git's")])
    assert [(verdict.change.kind, verdict.mover, verdict.edits) for verdict in judged(live, wanted, base)] == [
        (ItemKind.FIELD, Mover.GIT, ()),
        (ItemKind.RELATION, Mover.SERVER, ()),
    ]
    # If only the relation differs, the field does not count as changed in Directus.
    assert [verdict.mover for verdict in judged(live, base, base)] == [Mover.GIT, Mover.SERVER]


def test_a_foreign_key_without_a_relation_is_judged_with_its_field(live: Snapshot) -> None:
    path = ("schema", "foreign_key_table")
    (verdict,) = judged(with_values(live, "station.code", {path: "country"}), live, live)
    assert (verdict.mover, [edit.path for edit in verdict.edits]) == (Mover.SERVER, [path])


def test_a_change_without_edits_counts_as_made_by_both_sides(live: Snapshot) -> None:
    difference = SchemaDiff((Change(Action.CHANGE, ItemKind.FIELD, "station", "code"),), "hash")
    (verdict,) = guard.judge(difference, base=live, wanted=live, live=live)
    assert verdict.mover is Mover.BOTH


def test_an_item_that_both_sides_added_is_a_conflict_and_without_a_base_directus_s_work(
    captured: Captured, live: Snapshot
) -> None:
    added = after(live, captured("field_added").changes)
    for path in (NOTE, ("schema", "is_indexed")):
        file, server = (after(added, [edit_of("country.iso", path, value)]) for value in (True, False))
        for base, mover in ((live, Mover.BOTH), (None, Mover.SERVER)):
            (verdict,) = judged(server, file, base)
            assert verdict.mover is mover


DOUBLE: dict[tuple[str, ...], object] = {("type",): "float", ("schema", "data_type"): "double precision"}
BINARY: dict[tuple[str, ...], object] = {
    ("type",): "json",
    ("schema", "data_type"): "jsonb",
    ("schema", "default_value"): [],
}


@pytest.mark.parametrize(
    ("column", "path", "value", "made"),
    [
        (DOUBLE, ("schema", "is_unique"), True, ["real"]),
        (DOUBLE, NOTE, "x", []),
        # If the default is a number or JSON, Directus alters the column even for a new note.
        ({**DOUBLE, ("schema", "default_value"): 1.5}, NOTE, "x", ["real"]),
        (BINARY, NOTE, "x", ["json"]),
        ({**BINARY, ("schema", "default_value"): None}, NOTE, "x", []),
    ],
)
def test_an_edit_that_would_alter_a_column_that_directus_cannot_make_is_refused(
    live: Snapshot, column: dict[tuple[str, ...], object], path: tuple[str, str], value: object, made: list[str]
) -> None:
    server = with_values(live, "station.elev", column)
    difference = SchemaDiff((edit_of("station.elev", path, value),), "hash")
    plan = decided(difference, server, server, rows=0)
    assert [item.rule for item in plan.refused] == [SchemaRule.NOT_REBUILDABLE] * len(made)
    faults = [fault for item in plan.items for fault in item.verdict.faults]
    assert [fault.removesuffix(" by Directus").split()[-1] for fault in faults] == made


def test_an_addition_counts_as_git_s_unless_the_base_has_the_item(captured: Captured, live: Snapshot) -> None:
    difference = captured("field_added")
    wanted = after(live, difference.changes)
    for base, mover in ((live, Mover.GIT), (None, Mover.GIT), (wanted, Mover.SERVER)):
        (verdict,) = guard.judge(difference, base=base, wanted=wanted, live=live)
        assert verdict.mover is mover
    assert rules(decided(difference, live, wanted)) == []


# Directus's issue 27877


@pytest.mark.parametrize(("edit", "item"), INCOMPLETE)
def test_an_incomplete_entry_is_refused_even_if_everything_is_approved(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    everything = Approvals(destroy={item: "yes"}, discard=frozenset({item}))
    for base in (live, None):
        for approvals in (NOBODY, everything):
            plan = decided(captured(edit), live, base, rows=0, approvals=approvals)
            assert rules(plan) == [(item, SchemaRule.INCOMPLETE)]


# Plans


def test_one_refused_item_is_found_among_many_accepted_ones(
    captured: Captured, captured_answers: Mapping[str, Any], live: Snapshot
) -> None:
    merged: dict[str, list[Any]] = copy.deepcopy(captured_answers["collection_added"]["diff"])
    merged["fields"] += captured_answers["field_removed"]["diff"]["fields"]
    difference = diff.from_server(("hash", merged))
    assert rules(decided(difference, live, live)) == [("station.elev", SchemaRule.DESTRUCTION)]


def test_approvals_that_match_nothing_are_named(captured: Captured, live: Snapshot) -> None:
    approvals = Approvals(destroy={"station.elevv": "a slip"}, discard=frozenset({"stations"}))
    plan = decided(captured("field_removed"), live, live, approvals=approvals)
    assert plan.unmatched == ("station.elevv", "stations")


def test_an_item_shows_the_reason_in_the_file_or_that_the_command_line_approved_it(
    captured: Captured, live: Snapshot
) -> None:
    both = Approvals(destroy={"station.elev": "moved"}, discard=frozenset({"station.elev"}))
    for approvals, reason in ((both, "moved"), (replace(both, destroy={}), "on the command line"), (NOBODY, "")):
        plan = decided(captured("field_removed"), live, None, approvals=approvals)
        assert [item.reason for item in plan.items] == [reason]


@pytest.mark.parametrize(("expected", "rule"), [(True, SchemaRule.CATALOG_EXPECTS_IT), (False, None)])
def test_a_removal_that_would_drop_a_catalogued_object_is_refused(
    captured: Captured, live: Snapshot, expected: bool, rule: SchemaRule | None
) -> None:
    difference = captured("field_removed")
    verdicts = guard.judge(difference, base=live, wanted=after(live, difference.changes), live=live)
    (risk,) = verdicts[0].risks_of_loss
    obstacles = Obstacles(
        dropped_with={risk: (DroppedWith("index a", expected=False), DroppedWith("index b", expected=expected))}
    )
    (item,) = guard.decide(difference, verdicts, {}, Approvals(destroy={"station.elev": "moved"}), obstacles).items
    assert (item.rule, item.dropped_with) == (rule, obstacles.dropped_with[risk])
    # An item that another rule refuses keeps that rule.
    (item,) = guard.decide(difference, verdicts, {}, NOBODY, obstacles).items
    assert item.rule is SchemaRule.DESTRUCTION


def test_a_plan_without_differences_is_empty_and_names_unmatched_approvals() -> None:
    plan = guard.unchanged(Approvals(destroy={"a": "why"}, discard=frozenset({"b"})))
    assert (bool(plan), plan.items, plan.unmatched, plan.difference) == (False, (), ("a", "b"), diff.NO_DIFFERENCE)


def test_a_plan_keeps_the_difference_that_it_was_made_from(captured: Captured, live: Snapshot) -> None:
    difference = captured("collection_removed")
    plan = decided(difference, live, live)
    assert plan
    assert plan.difference is difference


# Pull

Edits = list[str | Change]
# The edits that make file, base and live from the export, then the items of the file that a pull would overwrite.
UNPUSHED: dict[str, tuple[Edits, Edits | None, Edits, tuple[str, ...]]] = {
    "the file equals the base": (["field_removed"], ["field_removed"], [], ()),
    "the file's change was never pushed": (["note_changed"], [], [], ("station.code",)),
    "the file removed a field": (["field_removed"], [], [], ("station.elev",)),
    "the file removed a relation": (["relation_removed"], [], [], ("station.country",)),
    "both added the same item": (["field_added"], [], ["field_added"], ()),
    "both added the item differently": (
        ["field_added"], [], ["field_added", edit_of("country.iso", NOTE, "the server's")], ("country.iso",),
    ),
    "only Directus changed the item": ([], [], ["length_grows"], ()),
    "Directus changed another property of the item": (
        ["note_changed"], [], ["note_changed", "length_grows"], (),
    ),
    "Directus changed another item": (["note_changed"], [], ["field_removed"], ("station.code",)),
    # The file changed a part of a value that Directus replaced as a whole.
    "Directus replaced the value as a whole": (
        [edit_of("station.code", OPTIONS, {"trim": False})],
        [edit_of("station.code", OPTIONS, {"trim": True})],
        [edit_of("station.code", OPTIONS, None)],
        ("station.code",),
    ),
    "there is no base": (["field_added"], None, [], ("country.iso",)),
}  # fmt: skip


@pytest.mark.parametrize("case", UNPUSHED)
def test_a_pull_names_the_items_of_the_file_that_were_never_pushed(
    captured: Captured, live: Snapshot, case: str
) -> None:
    def having(edits: Edits) -> Snapshot:
        found = live
        for edit in edits:
            found = after(found, captured(edit).changes if isinstance(edit, str) else [edit])
        return found

    file, base, server, named = UNPUSHED[case]
    assert guard.unpushed(having(file), None if base is None else having(base), having(server)) == named


def test_a_pull_names_a_collection_whose_removal_was_never_pushed(captured: Captured, live: Snapshot) -> None:
    assert "station" in guard.unpushed(after(live, captured("collection_removed").changes), live, live)
