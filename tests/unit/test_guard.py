"""What the guard lets pass, over diffs captured from Directus 11.17.4."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from directus_sync.schema import diff, guard
from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.entries import alters
from directus_sync.schema.plan import Approvals, Hazard, Mover, Obstacles, Plan, Risk, Taken
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot
from tests.properties.directus import answer
from tests.snapshots import after

Captured = Callable[[str], SchemaDiff]
NOBODY = Approvals()


def decided(
    difference: SchemaDiff, live: Snapshot, base: Snapshot | None, *, rows: int = 1, approvals: Approvals = NOBODY
) -> Plan:
    """Judge and decide, with this many rows wherever the guard asks for a count."""
    verdicts = guard.judge(difference, base=base, wanted=after(live, difference.changes), live=live)
    counts = {risk: rows for verdict in verdicts for risk in verdict.risks}
    return guard.decide(difference, verdicts, counts, approvals)


def edit_of(
    collection: str, field: str, path: tuple[str, ...], value: object, *, before: object = diff.ABSENT
) -> Change:
    """Return a change of one property of a field."""
    return Change(Action.CHANGE, ItemKind.FIELD, collection, field, edits=(Edit(path, before, value),))


Type = tuple[str, dict[str, object]]


def string(length: int) -> Type:
    return "string", {"data_type": "character varying", "max_length": length}


def typed(kind: Type) -> list[Change]:
    """Return the change that gives station.code a type."""
    edits = [Edit(("schema", name), diff.ABSENT, value) for name, value in kind[1].items()]
    edits.append(Edit(("type",), diff.ABSENT, kind[0]))
    return [Change(Action.CHANGE, ItemKind.FIELD, "station", "code", edits=tuple(edits))]


def rules(plan: Plan) -> list[tuple[str, SchemaRule]]:
    return [(item.id, item.rule) for item in plan.refused if item.rule is not None]


def risks_of(difference: SchemaDiff, live: Snapshot) -> list[Risk]:
    verdicts = guard.judge(difference, base=live, wanted=after(live, difference.changes), live=live)
    return [risk for verdict in verdicts for risk in verdict.risks]


def hazards(difference: SchemaDiff, live: Snapshot) -> list[Hazard]:
    return [risk.hazard for risk in risks_of(difference, live)]


# Changes that git made, on a server that nobody touched

HARMLESS = [
    "collection_added",
    "folder_added",
    "field_added",
    "collection_changed",
    "note_changed",
    "special_changed",
    "default_changed",
    "nullable_changed",
    "length_grows",
    "precision_grows",
    "on_delete_changed",
    "system_field_removed",
    "type_string_to_text",
    "type_integer_to_wide_decimal",
    "field_meta_nested_removal",
    "field_meta_nested_addition",
]
# Each was applied to Directus 11.17.4, and every value was still there as text afterwards.
WIDENED = [
    "widened_integer_to_bigInteger",
    "widened_integer_to_string",
    "widened_integer_to_text",
    "widened_bigInteger_to_string",
    "widened_bigInteger_to_text",
    "widened_uuid_to_string",
    "widened_uuid_to_text",
    "widened_boolean_to_string",
    "widened_boolean_to_text",
    "widened_float_to_text",
    "widened_decimal_to_text",
    "widened_date_to_text",
    "widened_time_to_text",
    "widened_timestamp_to_text",
    "widened_dateTime_to_text",
]
# Each was applied to Directus 11.17.4: it answered 204 and cut or rounded values, or dropped them with their column.
LOSSY = [
    "length_shrinks",
    "scale_shrinks",
    "type_text_to_string",
    "type_integer_to_short_string",
    "type_uuid_to_short_string",
]
# Each was applied to Directus 11.17.4: it answered 204 and dropped the table, the column or the foreign key.
INCOMPLETE = [
    ("collection_nested_removal", "country"),
    ("field_schema_nested_removal", "station.code"),
    ("field_schema_removed", "station.code"),
    ("field_schema_null", "station.code"),
    ("field_meta_removed", "station.code"),
    ("relation_nested_removal", "station.country"),
    ("relation_schema_nested_removal", "station.country"),
    # These it takes for the creation of the whole item.
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


@pytest.mark.parametrize("edit", [*HARMLESS, *WIDENED])
def test_what_loses_nothing_passes_without_counting_rows(captured: Captured, live: Snapshot, edit: str) -> None:
    assert hazards(captured(edit), live) == []
    assert rules(decided(captured(edit), live, base=live)) == []


# PostgreSQL refuses values that do not fit these, instead of cutting them.
UNCASTABLE = ["scale_shrinks", "precision_shrinks", "type_string_to_integer"]


@pytest.mark.parametrize("edit", [*LOSSY, *UNCASTABLE[1:]])
def test_a_lossy_change_passes_only_where_every_value_fits(captured: Captured, live: Snapshot, edit: str) -> None:
    ((_, rule),) = rules(decided(captured(edit), live, base=live, rows=1))
    assert rule is (SchemaRule.UNFIT if edit in UNCASTABLE else SchemaRule.DESTRUCTION)
    assert rules(decided(captured(edit), live, base=live, rows=0)) == []


def test_a_key_that_moves_to_another_column_is_refused(captured: Captured, live: Snapshot) -> None:
    # PostgreSQL refuses the second key that Directus would add.
    assert {rule for _, rule in rules(decided(captured("primary_key_moved"), live, base=live, rows=0))} == {
        SchemaRule.NOT_REBUILDABLE
    }


def test_a_length_without_limit_is_lossy_because_directus_makes_it_255(captured: Captured, live: Snapshot) -> None:
    # Directus 11.17.4 answered 204 to 1000 -> null, made varchar(255) of it, and cut a value of 900 characters.
    difference = captured("length_removed")
    verdicts = guard.judge(difference, base=live, wanted=after(live, difference.changes), live=live)
    assert [(risk.hazard, risk.target) for verdict in verdicts for risk in verdict.risks] == [
        (Hazard.RETYPE, "character varying(255)")
    ]


def test_a_column_without_a_limit_is_counted_when_it_gets_one(live: Snapshot) -> None:
    # Directus exports character varying without a length as one of -5.
    unlimited = after(live, [edit_of("station", "code", ("schema", "max_length"), -5)])
    difference = SchemaDiff((edit_of("station", "code", ("schema", "max_length"), 255, before=-5),), "hash")
    assert hazards(difference, unlimited) == [Hazard.RETYPE]


def test_a_longer_column_that_becomes_a_hash_is_counted_against_255(live: Snapshot) -> None:
    # Whatever length the snapshot has, Directus 11.17.4 makes varchar(255) of a hash.
    long = after(live, [edit_of("station", "code", ("schema", "max_length"), 1000)])
    difference = SchemaDiff((edit_of("station", "code", ("type",), "hash", before="string"),), "hash")
    noted = SchemaDiff((edit_of("station", "code", ("schema", "is_nullable"), False, before=True),), "hash")
    hashed = after(long, difference.changes)
    risks = [risk for base in (long, hashed) for risk in risks_of(difference if base is long else noted, base)]
    assert [(risk.hazard, risk.target) for risk in risks] == [
        (Hazard.RETYPE, "character varying(255)"),
        (Hazard.RETYPE, "character varying(255)"),
        (Hazard.NOT_NULL, ""),
    ]


def test_a_geometry_that_becomes_optional_keeps_its_values(live: Snapshot) -> None:
    # Directus exports the shape as the type of its column.
    shape = {("type",): "geometry.Point", ("schema", "data_type"): "POINT"}
    spot = after(live, [edit_of("station", "code", path, text) for path, text in shape.items()])
    difference = SchemaDiff((edit_of("station", "code", ("schema", "is_nullable"), True, before=False),), "hash")
    assert hazards(difference, spot) == []


@pytest.mark.parametrize(
    ("edit", "risks"),
    [
        ("collection_removed", [Risk(Hazard.TABLE, "station")]),
        ("field_removed", [Risk(Hazard.COLUMN, "station", "elev")]),
        ("column_to_alias", [Risk(Hazard.COLUMN, "station", "notes")]),
        ("length_shrinks", [Risk(Hazard.RETYPE, "station", "code", "character varying(1)")]),
        ("unique_added", [Risk(Hazard.UNIQUE, "station", "code")]),
    ],
)
def test_rows_are_counted_where_they_are_at_risk(
    captured: Captured, live: Snapshot, edit: str, risks: list[Risk]
) -> None:
    assert risks_of(captured(edit), live) == risks


@pytest.mark.parametrize(
    ("flag", "strict", "wanted"),
    [
        ("is_nullable", False, [Hazard.NOT_NULL]),
        ("is_unique", True, [Hazard.UNIQUE]),
        ("is_indexed", True, []),
    ],
)
@pytest.mark.parametrize(("before", "now"), [(False, False), (False, True), (True, False), (True, True)])
def test_values_are_counted_when_a_field_becomes_required_unique_or_indexed(
    live: Snapshot, flag: str, strict: bool, wanted: list[Hazard], before: bool, now: bool
) -> None:
    path = ("schema", flag)
    server = after(live, [edit_of("station", "code", path, before)])
    difference = SchemaDiff((edit_of("station", "code", path, now, before=before),), "hash")
    becomes = before is not strict and now is strict
    assert hazards(difference, server) == wanted * becomes


# A row of an index takes 2,692 bytes of a value, and a character has up to four.
TEXT: Type = ("text", {"data_type": "text", "max_length": None})
NUMBER: Type = ("integer", {"data_type": "integer"})
LENGTHS: dict[str, tuple[Type, Type, list[Hazard]]] = {
    "a text": (TEXT, TEXT, [Hazard.INDEX]),
    "a string that may be too long": (string(674), string(674), [Hazard.INDEX]),
    "a string without a limit": (string(-5), string(-5), [Hazard.INDEX]),
    "a string that always fits": (string(673), string(673), []),
    "a text that gets a length": (TEXT, string(100), [Hazard.RETYPE]),
    "a text that gets a longer length": (TEXT, string(674), [Hazard.RETYPE, Hazard.INDEX]),
    "a string that loses its length": (string(100), TEXT, []),
    "a text that becomes a number": (TEXT, NUMBER, [Hazard.RETYPE, Hazard.CAST]),
    "a number that becomes a text": (NUMBER, TEXT, []),
}


@pytest.mark.parametrize("flag", ["is_unique", "is_indexed"])
@pytest.mark.parametrize("what", LENGTHS)
def test_values_are_measured_for_an_index_where_one_may_be_too_long_for_it(
    live: Snapshot, what: str, flag: str
) -> None:
    before, now, wanted = LENGTHS[what]
    server = after(live, typed(before))
    edits = typed(now)[0].edits if now != before else ()
    index = Edit(("schema", flag), False, True)
    difference = SchemaDiff((Change(Action.CHANGE, ItemKind.FIELD, "station", "code", edits=(*edits, index)),), "hash")
    found = [hazard for hazard in hazards(difference, server) if hazard is not Hazard.UNIQUE]
    assert found == wanted


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"is_nullable": False, "default_value": None}, [Hazard.REQUIRED]),
        ({"is_nullable": False, "default_value": "x"}, []),
        ({"is_nullable": False, "default_value": None, "has_auto_increment": True}, []),
        ({"is_nullable": True, "default_value": None}, []),
        ({"is_unique": True, "default_value": "x"}, [Hazard.ONE_DEFAULT]),
        # One moment for all rows.
        ({"is_unique": True, "default_value": "CURRENT_TIMESTAMP"}, [Hazard.ONE_DEFAULT]),
        ({"is_unique": True, "default_value": "gen_random_uuid()"}, []),
    ],
)
def test_a_new_field_that_is_required_or_unique_is_counted_against_the_rows(
    live: Snapshot, schema: dict[str, object], wanted: list[Hazard]
) -> None:
    entry = {"collection": "country", "field": "iso", "type": "string", "meta": {}, "schema": schema}
    change = Change(Action.ADD, ItemKind.FIELD, "country", "iso", after=entry)
    assert risks_of(SchemaDiff((change,), "hash"), live) == [Risk(hazard, "country", "iso") for hazard in wanted]
    # A table that is new has no rows.
    elsewhere = replace(change, collection="zone", after={**entry, "collection": "zone"})
    assert risks_of(SchemaDiff((elsewhere,), "hash"), live) == []


def test_a_new_relation_is_counted_against_the_rows_that_refer_to_nothing(live: Snapshot) -> None:
    key = {"table": "station", "column": "code", "foreign_key_table": "zone", "foreign_key_column": "key"}
    change = Change(Action.ADD, ItemKind.RELATION, "station", "code", after={"schema": key})
    expected = [Risk(Hazard.REFERENCE, "station", "code", refers=("zone", "key"))]
    assert risks_of(SchemaDiff((change,), "hash"), live) == expected
    # Without a foreign key, or with a table that is new, nothing is in the way.
    for other in (replace(change, after={"schema": None}), replace(change, collection="zone")):
        assert risks_of(SchemaDiff((other,), "hash"), live) == []


def test_a_text_that_becomes_a_number_is_counted_for_what_it_loses_and_what_does_not_cast(
    captured: Captured, live: Snapshot
) -> None:
    assert risks_of(captured("type_string_to_integer"), live) == [
        Risk(hazard, "station", "code", "integer") for hazard in (Hazard.RETYPE, Hazard.CAST)
    ]


@pytest.mark.parametrize(
    ("edit", "does"),
    [
        *((edit, True) for edit in ("collection_removed", "field_removed", "column_to_alias", "length_shrinks")),
        *((edit, True) for edit in ("nullable_changed", "type_string_to_text", "widened_integer_to_text")),
        *((edit, False) for edit in ("collection_added", "field_added", "collection_changed", "note_changed")),
        *((edit, False) for edit in ("relation_removed", "on_delete_changed", "special_changed")),
    ],
)
def test_what_alters_a_column_asks_what_of_postgresql_needs_it(
    captured: Captured, live: Snapshot, edit: str, does: bool
) -> None:
    assert any(alters(change, live) for change in captured(edit).changes) is does


def test_a_note_alters_a_column_with_a_default_that_directus_sends_again(live: Snapshot) -> None:
    note = edit_of("station", "code", ("meta", "note"), "x")
    texts, again = (
        after(
            live,
            [
                edit_of("station", "code", ("schema", "default_value"), "[]"),
                edit_of("station", "code", ("type",), kind),
            ],
        )
        for kind in ("string", "json")
    )
    assert (alters(note, live), alters(note, texts), alters(note, again)) == (False, False, True)
    # Not where it has no column, nor one that the server lacks.
    assert not alters(note, after(again, [edit_of("station", "code", ("schema",), None)]))
    assert not alters(replace(note, field="nothing"), again)


@pytest.mark.parametrize(
    ("kind", "default", "wanted"),
    [("json", "abc", [Hazard.RETYPE]), ("json", None, []), ("text", "abc", []), ("boolean", True, [Hazard.RETYPE])],
)
def test_a_note_of_a_column_that_directus_did_not_make_is_counted_where_it_alters_it(
    live: Snapshot, kind: str, default: object, wanted: list[Hazard]
) -> None:
    column = {("type",): kind, ("schema", "data_type"): "jsonb", ("schema", "default_value"): default}
    odd = after(live, [edit_of("station", "code", path, value) for path, value in column.items()])
    difference = SchemaDiff((edit_of("station", "code", ("meta", "note"), "x"),), "hash")
    assert hazards(difference, odd) == wanted


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"data_type": "double precision"}, [SchemaRule.NOT_REBUILDABLE]),
        ({"data_type": "real"}, []),
        (None, [SchemaRule.NOT_REBUILDABLE]),
    ],
)
def test_a_new_column_of_a_type_that_directus_does_not_make_is_refused(
    live: Snapshot, schema: dict[str, object] | None, wanted: list[SchemaRule]
) -> None:
    entry = {"collection": "country", "field": "reach", "type": "float", "meta": {}, "schema": schema}
    difference = SchemaDiff((Change(Action.ADD, ItemKind.FIELD, "country", "reach", after=entry),), "hash")
    assert [rule for _, rule in rules(decided(difference, live, base=live, rows=0))] == wanted


def test_a_key_that_numbers_its_rows_is_a_column_like_any_other_when_it_goes(live: Snapshot) -> None:
    # Directus compares nothing of its column, and drops it.
    entry = live.section("fields")["country", "id"]
    assert entry["schema"]["has_auto_increment"] is True
    removal = SchemaDiff((Change(Action.REMOVE, ItemKind.FIELD, "country", "id", before=entry),), "hash")
    assert hazards(removal, live) == [Hazard.COLUMN]


@pytest.mark.parametrize(("recorded", "there", "mover"), [(True, 1, Mover.BOTH), (1, 1.0, Mover.GIT)])
def test_what_the_server_changed_is_not_missed_because_python_finds_it_equal(
    live: Snapshot, recorded: object, there: object, mover: Mover
) -> None:
    path = ("meta", "options")
    base, server = (after(live, [edit_of("station", "code", path, {"only": [x]})]) for x in (recorded, there))
    difference = SchemaDiff((edit_of("station", "code", path, {"only": [2]}, before={"only": [there]}),), "hash")
    (verdict,) = guard.judge(difference, base=base, wanted=after(server, difference.changes), live=server)
    assert verdict.mover is mover


def test_an_index_of_directus_s_own_that_the_file_lists_is_git_s_whoever_dropped_it(live: Snapshot) -> None:
    key = ("directus_revisions", "activity")
    without = replace(live, sections={**live.sections, "systemFields": {}})
    change = Change(Action.CHANGE, ItemKind.SYSTEM_FIELD, *key, edits=(Edit(("schema", "is_indexed"), False, True),))
    for base in (None, live, without, replace(live, directus="11.13.4")):
        (verdict,) = guard.judge(SchemaDiff((change,)), base=base, wanted=live, live=without)
        assert verdict.mover is Mover.GIT


def test_a_pull_may_bring_an_index_of_directus_s_own_and_takes_none_that_was_never_pushed(live: Snapshot) -> None:
    without = replace(live, sections={**live.sections, "systemFields": {}})
    for base in (None, live, without):
        assert guard.unpushed(without, base, live) == ()
    assert guard.unpushed(live, without, without)
    assert guard.unpushed(live, live, without) == ()


@pytest.mark.parametrize(
    ("edit", "target"),
    [
        ("length_shrinks", "character varying(1)"),
        ("scale_shrinks", "numeric(8,0)"),
        ("precision_shrinks", "numeric(4,2)"),
        ("type_text_to_string", "character varying(255)"),
        ("type_integer_to_short_string", "character varying(2)"),
        ("type_uuid_to_short_string", "character varying(8)"),
        ("type_string_to_integer", "integer"),
    ],
)
def test_rows_are_counted_against_the_type_that_the_column_gets(
    captured: Captured, live: Snapshot, edit: str, target: str
) -> None:
    difference = captured(edit)
    (verdict,) = guard.judge(difference, base=live, wanted=after(live, difference.changes), live=live)
    assert {risk.target for risk in verdict.risks} == {target}


def test_a_column_that_becomes_an_alias_is_refused_while_it_has_values(captured: Captured, live: Snapshot) -> None:
    difference = captured("column_to_alias")
    assert hazards(difference, live) == [Hazard.COLUMN]
    assert rules(decided(difference, live, base=live, rows=1)) == [("station.notes", SchemaRule.DESTRUCTION)]


def test_a_column_that_becomes_an_alias_takes_the_server_s_edits_of_it_along(
    captured: Captured, live: Snapshot
) -> None:
    difference = captured("column_to_alias")
    base = after(live, [edit_of("station", "notes", ("meta", "note"), "as it was")])
    plan = decided(difference, live, base=base, approvals=Approvals(destroy={"station.notes": "moved"}))
    assert rules(plan) == [("station.notes", SchemaRule.CONFLICT)]


@pytest.mark.parametrize(("field", "kind"), [("notes", "text"), ("id", "integer")])
def test_an_alias_that_kept_its_column_in_the_file_loses_the_column_all_the_same(
    live: Snapshot, field: str, kind: str
) -> None:
    # Directus compares nothing of the column of `id`, which counts by itself, and drops it all the same.
    difference = SchemaDiff((edit_of("station", field, ("type",), "alias", before=kind),), "hash")
    assert hazards(difference, live) == [Hazard.COLUMN]


def test_an_alias_that_becomes_a_column_loses_nothing(captured: Captured, live: Snapshot) -> None:
    assert rules(decided(captured("alias_to_column"), live, base=live)) == []


@pytest.mark.parametrize(("before", "now"), [("string", "text"), ("integer", "bigInteger"), ("text", "text")])
def test_a_field_that_is_dropped_and_created_again_is_refused_whatever_its_types(
    live: Snapshot, before: str, now: str
) -> None:
    # The new column is empty, however well the old values would have fitted.
    field = {"collection": "station", "field": "code"}
    old, new = ({**field, "type": kind, "meta": {}, "schema": {"name": "code"}} for kind in (before, now))
    entries = [{**field, "diff": [{"kind": "D", "lhs": old}]}, {**field, "diff": [{"kind": "N", "rhs": new}]}]
    difference = diff.from_server(("hash", {"fields": entries}))
    assert ("station.code", SchemaRule.DESTRUCTION) in rules(decided(difference, live, base=live))


def test_a_field_that_becomes_unique_is_refused_while_values_are_shared(captured: Captured, live: Snapshot) -> None:
    difference = captured("unique_added")
    assert rules(decided(difference, live, base=live, rows=2)) == [("station.code", SchemaRule.UNFIT)]
    assert rules(decided(difference, live, base=live, rows=0)) == []


# Removals: who did it


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_a_removal_in_git_needs_an_approval_with_or_without_rows(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    for rows in (0, 1):
        assert rules(decided(captured(edit), live, base=live, rows=rows)) == [(item, SchemaRule.DESTRUCTION)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_an_approval_lets_a_removal_in_git_pass(captured: Captured, live: Snapshot, edit: str, item: str) -> None:
    approved = Approvals(destroy={item: "moved"})
    plan = decided(captured(edit), live, base=live, approvals=approved)
    assert rules(plan) == []
    assert [found.reason for found in plan.items if found.id == item] == ["moved"]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_what_only_the_server_has_is_refused_as_uncaptured(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    without = after(live, captured(edit).changes)
    assert rules(decided(captured(edit), live, base=without)) == [(item, SchemaRule.UNCAPTURED)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_without_a_base_everything_is_the_server_s(captured: Captured, live: Snapshot, edit: str, item: str) -> None:
    assert rules(decided(captured(edit), live, base=None)) == [(item, SchemaRule.UNCAPTURED)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_an_approved_destruction_does_not_cover_uncaptured_work(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    approved = Approvals(destroy={item: "moved"})
    assert rules(decided(captured(edit), live, base=None, approvals=approved)) == [(item, SchemaRule.UNCAPTURED)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_live_work_goes_only_when_it_is_named(captured: Captured, live: Snapshot, edit: str, item: str) -> None:
    assert rules(decided(captured(edit), live, base=None, approvals=Approvals(discard=frozenset({item})))) == []
    other = Approvals(discard=frozenset({"another"}))
    assert rules(decided(captured(edit), live, base=None, approvals=other)) == [(item, SchemaRule.UNCAPTURED)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_a_discard_approves_no_removal_of_git_s_own(captured: Captured, live: Snapshot, edit: str, item: str) -> None:
    discarded = Approvals(discard=frozenset({item}))
    plan = decided(captured(edit), live, base=live, approvals=discarded)
    assert rules(plan) == [(item, SchemaRule.DESTRUCTION)]
    assert [found.reason for found in plan.refused] == ["on the command line"]


@pytest.mark.parametrize("path", [("schema", "on_delete"), ("meta", "one_field")])
def test_a_field_removed_in_git_with_a_relation_that_the_server_changed_is_a_conflict(
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
        decided(SchemaDiff(removals[:1]), live, base=base, approvals=approved)
    )
    assert rules(decided(SchemaDiff(removals[:1]), live, base=live, approvals=approved)) == []


def test_an_edit_of_another_field_does_not_stand_in_the_way_of_a_removal(captured: Captured, live: Snapshot) -> None:
    base = after(live, [*captured("note_changed").changes, *captured("on_delete_changed").changes])
    approved = Approvals(destroy={"station.elev": "moved"})
    assert rules(decided(captured("field_removed"), live, base=base, approvals=approved)) == []


@pytest.mark.parametrize("changed", ["note_changed", "length_grows", "on_delete_changed", "field_removed"])
def test_a_collection_removed_in_git_and_edited_on_the_server_is_a_conflict(
    captured: Captured, live: Snapshot, changed: str
) -> None:
    # The base is the server before that edit, or after it: what matters is that they differ.
    base = after(live, captured(changed).changes)
    assert rules(decided(captured("collection_removed"), live, base=base)) == [("station", SchemaRule.CONFLICT)]


# Changes: who did it


def test_a_change_on_the_server_alone_is_refused_as_uncaptured(captured: Captured, live: Snapshot) -> None:
    difference = captured("note_changed")
    base = after(live, difference.changes)
    assert rules(decided(difference, live, base=base)) == [("station.code", SchemaRule.UNCAPTURED)]


def test_a_change_on_both_sides_is_a_conflict(captured: Captured, live: Snapshot) -> None:
    difference = captured("note_changed")
    edit = Edit(("meta", "note"), None, "a third text")
    base = after(live, [replace(difference.changes[0], edits=(edit,))])
    assert rules(decided(difference, live, base=base)) == [("station.code", SchemaRule.CONFLICT)]


def test_a_change_beside_one_of_the_server_s_is_not_refused_for_it(captured: Captured, live: Snapshot) -> None:
    # The server changed the length, git the note: the diff of the file has both, and only the length is live work.
    note, length = captured("note_changed").changes[0], captured("length_grows").changes[0]
    both = SchemaDiff((replace(note, edits=(*note.edits, *length.edits)),), "hash", {})
    base = after(live, [length])
    plan = decided(both, live, base=base)
    assert rules(plan) == [("station.code", SchemaRule.UNCAPTURED)]
    assert [edit.name for edit in plan.refused[0].verdict.edits] == ["schema.max_length"]


CHOICES = ("meta", "options", "choices")


@pytest.mark.parametrize(
    ("base", "file", "server", "mover"),
    [
        (["a"], ["a"], ["a", "b"], Mover.SERVER),
        (["a", "b"], ["a", "b"], ["b"], Mover.SERVER),
        (["a"], ["a", "c"], ["a", "b"], Mover.BOTH),
        # Each side edited another item of the list, which is judged as a whole.
        (["a", "b"], ["c", "b"], ["a", "d"], Mover.BOTH),
        (["a"], ["a", "b"], ["a"], Mover.GIT),
    ],
)
def test_a_list_is_judged_as_a_whole(
    live: Snapshot, base: list[str], file: list[str], server: list[str], mover: Mover
) -> None:
    recorded, wanted, there = (
        after(live, [edit_of("station", "code", ("meta", "options"), {"choices": choices})])
        for choices in (base, file, server)
    )
    raw = answer(there.sections, wanted.sections)
    (verdict,) = guard.judge(diff.from_server(("hash", raw)), base=recorded, wanted=wanted, live=there)
    assert verdict.mover is mover
    assert {edit.path[:3] for edit in verdict.edits} == (set() if mover is Mover.GIT else {CHOICES})


def test_an_alias_that_the_server_edited_is_not_made_a_column(captured: Captured, live: Snapshot) -> None:
    # Directus drops the field and creates it again, so that the server's note is lost.
    difference = captured("alias_to_column")
    base = after(live, [edit_of("station", "divider", ("meta", "note"), "as it was")])
    assert rules(decided(difference, live, base=base)) == [("station.divider", SchemaRule.CONFLICT)]
    assert rules(decided(difference, live, base=live)) == []


def test_the_relation_of_a_column_that_becomes_an_alias_is_judged_too(live: Snapshot) -> None:
    key = ("station", "country")
    field = {"collection": "station", "field": "country", "type": "alias", "meta": {"special": ["alias"]}}
    turned = {"fields": {**live.section("fields"), key: field}, "relations": {}}
    wanted = replace(live, sections={**live.sections, **turned})
    difference = diff.from_server(("hash", answer(live.sections, wanted.sections)))
    verdicts = guard.judge(difference, base=live, wanted=wanted, live=live)
    plan = guard.decide(difference, verdicts, {}, NOBODY)
    assert [(item.verdict.change.kind, item.rule) for item in plan.items] == [
        (ItemKind.FIELD, None),
        (ItemKind.RELATION, SchemaRule.DESTRUCTION),
    ]


@pytest.mark.parametrize(("kind", "column"), [("uuid", "uuid"), ("string", "character varying")])
def test_a_key_whose_type_the_server_changed_is_not_changed_back(live: Snapshot, kind: str, column: str) -> None:
    # Only of a key that numbers its rows does Directus compare no column.
    types = {("type",): kind, ("schema", "data_type"): column, ("schema", "has_auto_increment"): False}
    base, server = (
        after(live, [edit_of("country", "id", path, value) for path, value in given.items()])
        for given in (types, {**types, ("schema", "data_type"): "text"})
    )
    difference = diff.from_server(("hash", answer(server.sections, base.sections)))
    assert rules(decided(difference, server, base=base)) == [("country.id", SchemaRule.UNCAPTURED)]


def test_a_property_that_is_null_is_not_one_that_is_missing(live: Snapshot) -> None:
    base, server = (after(live, [edit_of("station", "code", ("meta", "options"), o)]) for o in ({"trim": None}, {}))
    wanted = after(live, [edit_of("station", "code", ("meta", "options"), {"trim": True})])
    difference = diff.from_server(("hash", answer(server.sections, wanted.sections)))
    for one, other in ((base, server), (server, base)):
        (verdict,) = guard.judge(difference, base=one, wanted=wanted, live=other)
        assert verdict.mover is Mover.BOTH


def with_foreign_key(snapshot: Snapshot, to: str | None) -> Snapshot:
    """Return the snapshot with the foreign key of station.country, or without."""
    key = ("station", "country")
    paths = (("schema", "foreign_key_table"), ("schema", "foreign_key_column"))
    found = after(snapshot, [edit_of(*key, path, value) for path, value in zip(paths, (to, to and "id"), strict=True)])
    return found if to else replace(found, sections={**found.sections, "relations": {}})


def test_a_foreign_key_is_judged_with_its_relation_and_not_again_with_its_field(live: Snapshot) -> None:
    # The server made the relation, and git changed the field's note.
    base = with_foreign_key(live, None)
    wanted = after(base, [edit_of("station", "country", ("meta", "note"), "git's")])
    difference = diff.from_server(("hash", answer(live.sections, wanted.sections)))
    verdicts = guard.judge(difference, base=base, wanted=wanted, live=live)
    assert [(verdict.change.kind, verdict.mover, verdict.edits) for verdict in verdicts] == [
        (ItemKind.FIELD, Mover.GIT, ()),
        (ItemKind.RELATION, Mover.SERVER, ()),
    ]
    # Where the relation is all that differs, the field is nobody's work on the server either.
    difference = diff.from_server(("hash", answer(live.sections, base.sections)))
    assert [v.mover for v in guard.judge(difference, base=base, wanted=base, live=live)] == [Mover.GIT, Mover.SERVER]


def test_a_foreign_key_without_a_relation_is_judged_with_its_field(live: Snapshot) -> None:
    key, path = ("station", "code"), ("schema", "foreign_key_table")
    server = after(live, [edit_of(*key, path, "country")])
    difference = diff.from_server(("hash", answer(server.sections, live.sections)))
    (verdict,) = guard.judge(difference, base=live, wanted=live, live=server)
    assert (verdict.mover, [edit.path for edit in verdict.edits]) == (Mover.SERVER, [path])


def test_a_change_that_does_not_say_what_changes_counts_as_made_by_both(live: Snapshot) -> None:
    difference = SchemaDiff((Change(Action.CHANGE, ItemKind.FIELD, "station", "code"),), "hash")
    (verdict,) = guard.judge(difference, base=live, wanted=live, live=live)
    assert verdict.mover is Mover.BOTH


def test_an_item_that_both_added_is_a_conflict_and_without_a_base_the_server_s(
    captured: Captured, live: Snapshot
) -> None:
    added = after(live, captured("field_added").changes)
    for path in (("meta", "note"), ("schema", "is_indexed")):
        file, server = (after(added, [edit_of("country", "iso", path, value)]) for value in (True, False))
        difference = diff.from_server(("hash", answer(server.sections, file.sections)))
        for base, mover in ((live, Mover.BOTH), (None, Mover.SERVER)):
            (verdict,) = guard.judge(difference, base=base, wanted=file, live=server)
            assert verdict.mover is mover


DOUBLE: dict[tuple[str, ...], object] = {("type",): "float", ("schema", "data_type"): "double precision"}
BINARY: dict[tuple[str, ...], object] = {
    ("type",): "json",
    ("schema", "data_type"): "jsonb",
    ("schema", "default_value"): [],
}
NOTE = ("meta", "note")


@pytest.mark.parametrize(
    ("column", "path", "value", "made"),
    [
        (DOUBLE, ("schema", "is_unique"), True, ["real"]),
        (DOUBLE, NOTE, "x", []),
        # With a default that is a number, or JSON, Directus alters the column even for a note.
        ({**DOUBLE, ("schema", "default_value"): 1.5}, NOTE, "x", ["real"]),
        (BINARY, NOTE, "x", ["json"]),
        ({**BINARY, ("schema", "default_value"): None}, NOTE, "x", []),
    ],
)
def test_a_column_that_directus_does_not_make_is_not_altered(
    live: Snapshot, column: dict[tuple[str, ...], object], path: tuple[str, str], value: object, made: list[str]
) -> None:
    server = after(live, [edit_of("station", "elev", step, part) for step, part in column.items()])
    difference = SchemaDiff((edit_of("station", "elev", path, value),), "hash")
    plan = decided(difference, server, base=server, rows=0)
    assert [item.rule for item in plan.refused] == [SchemaRule.NOT_REBUILDABLE] * len(made)
    faults = [fault for item in plan.items for fault in item.verdict.faults]
    assert [fault.removesuffix(" by Directus").split()[-1] for fault in faults] == made


def test_an_addition_is_git_s_unless_the_base_has_it(captured: Captured, live: Snapshot) -> None:
    difference = captured("field_added")
    wanted = after(live, difference.changes)
    for base, mover in ((live, Mover.GIT), (None, Mover.GIT), (wanted, Mover.SERVER)):
        (verdict,) = guard.judge(difference, base=base, wanted=wanted, live=live)
        assert verdict.mover is mover
    assert rules(decided(difference, live, base=wanted)) == []


# Directus's issue 27877


@pytest.mark.parametrize(("edit", "item"), INCOMPLETE)
def test_an_incomplete_entry_is_refused_whatever_is_approved(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    everything = Approvals(destroy={item: "yes"}, discard=frozenset({item}))
    for base in (live, None):
        for approvals in (NOBODY, everything):
            plan = decided(captured(edit), live, base=base, rows=0, approvals=approvals)
            assert rules(plan) == [(item, SchemaRule.INCOMPLETE)]


# Plans


def test_no_difference_is_an_empty_plan(live: Snapshot) -> None:
    plan = decided(diff.NO_DIFFERENCE, live, base=live)
    assert not plan
    assert plan.items == ()


def test_one_bad_item_among_many_good_ones_is_found(
    captured: Captured, captured_answers: Mapping[str, Any], live: Snapshot
) -> None:
    merged: dict[str, list[Any]] = copy.deepcopy(captured_answers["collection_added"]["diff"])
    merged["fields"] += captured_answers["field_removed"]["diff"]["fields"]
    difference = diff.from_server(("hash", merged))
    assert rules(decided(difference, live, base=live)) == [("station.elev", SchemaRule.DESTRUCTION)]


def test_approvals_that_match_nothing_are_named(captured: Captured, live: Snapshot) -> None:
    approvals = Approvals(destroy={"station.elevv": "a slip"}, discard=frozenset({"stations"}))
    plan = decided(captured("field_removed"), live, base=live, approvals=approvals)
    assert plan.unmatched == ("station.elevv", "stations")


def test_an_approval_from_the_command_line_has_no_other_reason(captured: Captured, live: Snapshot) -> None:
    both = Approvals(destroy={"station.elev": "moved"}, discard=frozenset({"station.elev"}))
    for approvals, reason in ((both, "moved"), (replace(both, destroy={}), "on the command line"), (NOBODY, "")):
        plan = decided(captured("field_removed"), live, base=None, approvals=approvals)
        assert [item.reason for item in plan.items] == [reason]


@pytest.mark.parametrize(("expected", "rule"), [(True, SchemaRule.EXPECTED), (False, None)])
def test_what_the_catalog_lists_is_not_taken_along(
    captured: Captured, live: Snapshot, expected: bool, rule: SchemaRule | None
) -> None:
    difference = captured("field_removed")
    verdicts = guard.judge(difference, base=live, wanted=after(live, difference.changes), live=live)
    (risk,) = verdicts[0].doomed
    obstacles = Obstacles(taken={risk: (Taken("index a", expected=False), Taken("index b", expected=expected))})
    (item,) = guard.decide(difference, verdicts, {}, Approvals(destroy={"station.elev": "moved"}), obstacles).items
    assert (item.rule, item.taken) == (rule, obstacles.taken[risk])
    # What is refused for another reason keeps that one.
    (item,) = guard.decide(difference, verdicts, {}, NOBODY, obstacles).items
    assert item.rule is SchemaRule.DESTRUCTION


def test_tables_and_columns_that_go_are_doomed(captured: Captured, live: Snapshot) -> None:
    for edit, hazard in {
        "collection_removed": Hazard.TABLE,
        "field_removed": Hazard.COLUMN,
        "length_shrinks": Hazard.RETYPE,
    }.items():
        plan = decided(captured(edit), live, base=live)
        (item,) = plan.items
        assert [risk.hazard for risk in item.verdict.doomed] == [hazard]
        # What nobody counted is nothing.
        assert guard.decide(plan.difference, [item.verdict], {}, NOBODY).rows_at_risk == 0
    assert decided(captured("unique_added"), live, base=live).items[0].verdict.doomed == ()


def test_a_plan_for_no_difference_names_the_approvals_that_match_nothing() -> None:
    plan = guard.unchanged(Approvals(destroy={"a": "why"}, discard=frozenset({"b"})))
    assert (plan.items, plan.unmatched, plan.difference) == ((), ("a", "b"), diff.NO_DIFFERENCE)


def test_a_plan_has_its_difference_and_all_rows_at_risk(captured: Captured, live: Snapshot) -> None:
    difference = captured("collection_removed")
    plan = decided(difference, live, base=live, rows=37)
    assert plan
    assert plan.difference is difference
    assert plan.rows_at_risk == 37


# Pull


def test_a_file_that_equals_the_base_has_nothing_unpushed(captured: Captured, live: Snapshot) -> None:
    file = after(live, captured("field_removed").changes)
    assert guard.unpushed(file, file, live) == ()


def test_a_change_of_the_file_that_no_server_got_is_named(captured: Captured, live: Snapshot) -> None:
    file = after(live, captured("note_changed").changes)
    assert guard.unpushed(file, live, live) == ("station.code",)


def test_a_change_within_one_that_the_server_replaced_as_a_whole_is_named(live: Snapshot) -> None:
    # The file changed a part of meta.options; a pull would take the server's meta.options, which lacks it.
    base = after(live, [edit_of("station", "code", ("meta", "options"), {"trim": True, "masked": False})])
    file = after(base, [edit_of("station", "code", ("meta", "options", "trim"), False)])
    server = after(base, [edit_of("station", "code", ("meta", "options"), None)])
    assert guard.unpushed(file, base, server) == ("station.code",)


@pytest.mark.parametrize("edit", ["field_removed", "relation_removed", "collection_removed"])
def test_an_item_that_the_file_removed_and_no_push_did_is_named(captured: Captured, live: Snapshot, edit: str) -> None:
    file = after(live, captured(edit).changes)
    assert captured(edit).changes[0].id in guard.unpushed(file, live, live)


def test_an_item_that_both_added_otherwise_is_named(captured: Captured, live: Snapshot) -> None:
    file = after(live, captured("field_added").changes)
    server = after(file, [edit_of("country", "iso", ("meta", "note"), "the server's")])
    assert guard.unpushed(file, live, server) == ("country.iso",)
    assert guard.unpushed(file, live, file) == ()


def test_another_change_of_the_same_item_is_not_named(captured: Captured, live: Snapshot) -> None:
    # A pull takes the server's length, and the file has the note that the base has.
    server = after(live, captured("length_grows").changes)
    assert guard.unpushed(live, live, server) == ()
    file = after(live, captured("note_changed").changes)
    assert guard.unpushed(file, live, after(file, captured("length_grows").changes)) == ()


def test_a_change_of_another_item_is_not_named(captured: Captured, live: Snapshot) -> None:
    file = after(live, captured("note_changed").changes)
    server = after(live, captured("field_removed").changes)
    assert guard.unpushed(file, live, server) == ("station.code",)


def test_without_a_base_every_difference_of_the_file_is_named(captured: Captured, live: Snapshot) -> None:
    file = after(live, captured("field_added").changes)
    assert guard.unpushed(file, None, live) == ("country.iso",)
