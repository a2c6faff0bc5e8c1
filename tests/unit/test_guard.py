"""What the guard lets pass, over diffs captured from Directus 11.17.4 and over diffs that nobody thought of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directus_sync.schema import diff, guard
from directus_sync.schema.diff import Action, Change, Edit, Kind, SchemaDiff
from directus_sync.schema.plan import Approvals, Hazard, Mover, Plan
from directus_sync.schema.rules import Rule
from directus_sync.schema.snapshot import Snapshot

Captured = Callable[[str], SchemaDiff]
NOBODY = Approvals()


# One item of a snapshot, edited as the server's diff says


def put(entry: Any, path: Iterable[str | int], value: object) -> None:
    """Set or, for ABSENT, take away what is at a path."""
    *way, last = path
    for step in way:
        entry = entry[step]
    if value is not diff.ABSENT:
        if isinstance(entry, list) and last == len(entry):
            entry.append(value)
        else:
            entry[last] = value
    else:
        del entry[last]


def after(before: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """Return the snapshot with these changes made; also those that no file could have."""
    sections: dict[str, dict[tuple[str, ...], Any]] = {
        name: copy.deepcopy(dict(entries)) for name, entries in before.sections.items()
    }
    for change in changes:
        section = sections[change.kind.value]
        if change.after is not None:
            section[change.key] = change.after
        elif change.action is Action.REMOVE:
            del section[change.key]
        else:
            for edit in change.edits:
                put(section[change.key], edit.path, edit.after)
    return replace(before, sections=sections)


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
    return Change(Action.CHANGE, Kind.FIELD, collection, field, edits=(Edit(path, before, value),))


def rules(plan: Plan) -> list[tuple[str, Rule]]:
    return [(item.id, item.rule) for item in plan.refused if item.rule is not None]


def hazards(difference: SchemaDiff, live: Snapshot) -> list[Hazard]:
    verdicts = guard.judge(difference, base=live, wanted=after(live, difference.changes), live=live)
    return [risk.hazard for verdict in verdicts for risk in verdict.risks]


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


@pytest.mark.parametrize("edit", [*LOSSY, "precision_shrinks", "type_string_to_integer", "primary_key_moved"])
def test_a_lossy_change_passes_only_where_every_value_fits(captured: Captured, live: Snapshot, edit: str) -> None:
    ((_, rule),) = rules(decided(captured(edit), live, base=live, rows=1))
    assert rule is Rule.DESTRUCTION
    assert rules(decided(captured(edit), live, base=live, rows=0)) == []


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
    assert Hazard.RETYPE in hazards(noted, hashed)


def test_a_geometry_that_becomes_optional_keeps_its_values(live: Snapshot) -> None:
    # Directus exports the shape as the type of its column.
    shape = {("type",): "geometry.Point", ("schema", "data_type"): "POINT"}
    spot = after(live, [edit_of("station", "code", path, text) for path, text in shape.items()])
    difference = SchemaDiff((edit_of("station", "code", ("schema", "is_nullable"), True, before=False),), "hash")
    assert hazards(difference, spot) == []


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"is_nullable": False, "default_value": None}, [Hazard.REQUIRED]),
        ({"is_nullable": False, "default_value": "x"}, []),
        ({"is_nullable": False, "default_value": None, "has_auto_increment": True}, []),
        ({"is_nullable": True, "default_value": None}, []),
    ],
)
def test_a_new_required_field_without_a_default_is_counted_against_the_rows(
    live: Snapshot, schema: dict[str, object], wanted: list[Hazard]
) -> None:
    entry = {"collection": "country", "field": "iso", "type": "string", "meta": {}, "schema": schema}
    change = Change(Action.ADD, Kind.FIELD, "country", "iso", after=entry)
    assert hazards(SchemaDiff((change,), "hash"), live) == wanted


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
        ({"data_type": "double precision"}, [Rule.TYPE]),
        ({"data_type": "real"}, []),
        # Directus compares no type of it, so that the file is equal then.
        ({"data_type": "smallint", "has_auto_increment": True}, []),
        (None, []),
    ],
)
def test_a_new_column_of_a_type_that_directus_does_not_make_is_refused(
    live: Snapshot, schema: dict[str, object] | None, wanted: list[Rule]
) -> None:
    entry = {"collection": "country", "field": "reach", "type": "float", "meta": {}, "schema": schema}
    difference = SchemaDiff((Change(Action.ADD, Kind.FIELD, "country", "reach", after=entry),), "hash")
    assert [rule for _, rule in rules(decided(difference, live, base=live, rows=0))] == wanted


def test_a_key_that_numbers_its_rows_is_a_column_like_any_other_when_it_goes(live: Snapshot) -> None:
    # Directus compares nothing of its column, and drops it.
    entry = live.section("fields")["country", "id"]
    assert entry["schema"]["has_auto_increment"] is True
    removal = SchemaDiff((Change(Action.REMOVE, Kind.FIELD, "country", "id", before=entry),), "hash")
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


def test_an_index_that_the_server_made_on_a_table_of_its_own_is_not_captured(live: Snapshot) -> None:
    path = ("schema", "is_indexed")
    key = ("directus_revisions", "activity")
    change = Change(Action.CHANGE, Kind.SYSTEM_FIELD, *key, edits=(Edit(path, True, False),))
    index = live.section("systemFields")[key]
    without = replace(live, sections={**live.sections, "systemFields": {}})
    assert index is not None
    (verdict,) = guard.judge(SchemaDiff((change,)), base=without, wanted=without, live=live)
    assert verdict.mover is Mover.SERVER
    (verdict,) = guard.judge(SchemaDiff((change,)), base=live, wanted=without, live=live)
    assert verdict.mover is Mover.GIT


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
    assert rules(decided(difference, live, base=live, rows=1)) == [("station.notes", Rule.DESTRUCTION)]


def test_a_column_that_becomes_an_alias_takes_the_server_s_edits_of_it_along(
    captured: Captured, live: Snapshot
) -> None:
    difference = captured("column_to_alias")
    base = after(live, [edit_of("station", "notes", ("meta", "note"), "as it was")])
    plan = decided(difference, live, base=base, approvals=Approvals(destroy={"station.notes": "moved"}))
    assert rules(plan) == [("station.notes", Rule.CONFLICT)]


def test_an_alias_that_kept_its_column_in_the_file_loses_the_column_all_the_same(live: Snapshot) -> None:
    difference = SchemaDiff((edit_of("station", "notes", ("type",), "alias", before="text"),), "hash")
    assert hazards(difference, live) == [Hazard.COLUMN]


def test_an_alias_that_becomes_a_column_loses_nothing(captured: Captured, live: Snapshot) -> None:
    assert rules(decided(captured("alias_to_column"), live, base=live)) == []


@pytest.mark.parametrize(("before", "now"), [("string", "text"), ("integer", "bigInteger"), ("text", "text")])
def test_a_field_that_is_dropped_and_made_anew_is_refused_whatever_its_types(
    live: Snapshot, before: str, now: str
) -> None:
    # The new column is empty, however well the old values would have fitted.
    field = {"collection": "station", "field": "code"}
    old, new = ({**field, "type": kind, "meta": {}, "schema": {"name": "code"}} for kind in (before, now))
    entries = [{**field, "diff": [{"kind": "D", "lhs": old}]}, {**field, "diff": [{"kind": "N", "rhs": new}]}]
    difference = diff.from_server(("hash", {"fields": entries}))
    assert ("station.code", Rule.DESTRUCTION) in rules(decided(difference, live, base=live))


def test_a_field_that_becomes_unique_is_refused_while_values_are_shared(captured: Captured, live: Snapshot) -> None:
    difference = captured("unique_added")
    assert rules(decided(difference, live, base=live, rows=2)) == [("station.code", Rule.UNFIT)]
    assert rules(decided(difference, live, base=live, rows=0)) == []


# Removals: who did it


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_a_removal_in_git_needs_an_approval_with_or_without_rows(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    for rows in (0, 1):
        assert rules(decided(captured(edit), live, base=live, rows=rows)) == [(item, Rule.DESTRUCTION)]


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
    assert rules(decided(captured(edit), live, base=without)) == [(item, Rule.UNCAPTURED)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_without_a_base_everything_is_the_server_s(captured: Captured, live: Snapshot, edit: str, item: str) -> None:
    assert rules(decided(captured(edit), live, base=None)) == [(item, Rule.UNCAPTURED)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_an_approval_of_destruction_is_none_for_uncaptured_work(
    captured: Captured, live: Snapshot, edit: str, item: str
) -> None:
    approved = Approvals(destroy={item: "moved"})
    assert rules(decided(captured(edit), live, base=None, approvals=approved)) == [(item, Rule.UNCAPTURED)]


@pytest.mark.parametrize(("edit", "item"), REMOVALS)
def test_live_work_goes_only_when_it_is_named(captured: Captured, live: Snapshot, edit: str, item: str) -> None:
    assert rules(decided(captured(edit), live, base=None, approvals=Approvals(discard=frozenset({item})))) == []
    other = Approvals(discard=frozenset({"another"}))
    assert rules(decided(captured(edit), live, base=None, approvals=other)) == [(item, Rule.UNCAPTURED)]


@pytest.mark.parametrize("changed", ["note_changed", "length_grows", "on_delete_changed", "field_removed"])
def test_a_collection_removed_in_git_and_edited_on_the_server_is_a_conflict(
    captured: Captured, live: Snapshot, changed: str
) -> None:
    # The base is the server before that edit, or after it: what matters is that they differ.
    base = after(live, captured(changed).changes)
    assert rules(decided(captured("collection_removed"), live, base=base)) == [("station", Rule.CONFLICT)]


# Changes: who did it


def test_a_change_on_the_server_alone_is_refused_as_uncaptured(captured: Captured, live: Snapshot) -> None:
    difference = captured("note_changed")
    base = after(live, difference.changes)
    assert rules(decided(difference, live, base=base)) == [("station.code", Rule.UNCAPTURED)]


def test_a_change_on_both_sides_is_a_conflict(captured: Captured, live: Snapshot) -> None:
    difference = captured("note_changed")
    edit = Edit(("meta", "note"), None, "a third text")
    base = after(live, [replace(difference.changes[0], edits=(edit,))])
    assert rules(decided(difference, live, base=base)) == [("station.code", Rule.CONFLICT)]


def test_a_change_beside_one_of_the_server_s_is_not_refused_for_it(captured: Captured, live: Snapshot) -> None:
    # The server changed the length, git the note: the diff of the file has both, and only the length is live work.
    note, length = captured("note_changed").changes[0], captured("length_grows").changes[0]
    both = SchemaDiff((replace(note, edits=(*note.edits, *length.edits)),), "hash", {})
    base = after(live, [length])
    plan = decided(both, live, base=base)
    assert rules(plan) == [("station.code", Rule.UNCAPTURED)]
    assert [edit.name for edit in plan.refused[0].verdict.edits] == ["schema.max_length"]


def test_an_addition_that_the_base_has_was_deleted_on_the_server(captured: Captured, live: Snapshot) -> None:
    difference = captured("field_added")
    wanted = after(live, difference.changes)
    (verdict,) = guard.judge(difference, base=wanted, wanted=wanted, live=live)
    assert verdict.mover is Mover.SERVER
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
            assert rules(plan) == [(item, Rule.INCOMPLETE)]


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
    assert rules(decided(difference, live, base=live)) == [("station.elev", Rule.DESTRUCTION)]


def test_approvals_that_match_nothing_are_named(captured: Captured, live: Snapshot) -> None:
    approvals = Approvals(destroy={"station.elevv": "a slip"}, discard=frozenset({"stations"}))
    plan = decided(captured("field_removed"), live, base=live, approvals=approvals)
    assert plan.unmatched == ("station.elevv", "stations")


def test_rows_at_risk_are_added_up(captured: Captured, live: Snapshot) -> None:
    assert decided(captured("collection_removed"), live, base=live, rows=37).rows_at_risk == 37


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


def test_without_a_base_every_difference_of_the_file_is_named(captured: Captured, live: Snapshot) -> None:
    file = after(live, captured("field_added").changes)
    assert guard.unpushed(file, None, live) == ("country.iso",)


# From here on: whatever the server sends, whatever the snapshots hold

NAMES = st.sampled_from(["events", "notes"])
VALUES = st.none() | st.booleans() | st.integers(-3, 300) | st.sampled_from(["string", "text", "alias"])
PATHS = st.lists(st.sampled_from(["meta", "schema", "type", "special", "is_nullable"]) | st.integers(0, 3), max_size=4)
SCHEMAS = st.none() | st.fixed_dictionaries({"name": NAMES}, optional={"is_nullable": VALUES, "max_length": VALUES})
ITEMS = st.fixed_dictionaries(
    {"collection": NAMES},
    optional={"type": st.sampled_from(["string", "text", "integer", "alias"]), "meta": st.none(), "schema": SCHEMAS},
)


def without_empty_path(difference: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in difference.items() if key != "path" or value}


PLAIN = st.fixed_dictionaries(
    {"kind": st.sampled_from(["N", "D", "E"]), "path": PATHS, "lhs": VALUES | ITEMS, "rhs": VALUES | ITEMS}
).map(without_empty_path)
INSIDE = PLAIN.filter(lambda difference: "path" in difference)
IN_LIST = st.fixed_dictionaries({"kind": st.just("A"), "path": PATHS, "index": st.integers(0, 3), "item": PLAIN})
WHOLE = st.fixed_dictionaries({"kind": st.sampled_from(["N", "D"]), "lhs": ITEMS, "rhs": ITEMS})
FIRST = INSIDE | IN_LIST | WHOLE


def entries(kind: Kind) -> st.SearchStrategy[list[dict[str, Any]]]:
    names = {"collection": NAMES} if kind is Kind.COLLECTION else {"collection": NAMES, "field": NAMES}
    differences = st.tuples(FIRST, st.lists(INSIDE | IN_LIST, max_size=2)).map(lambda both: [both[0], *both[1]])
    return st.lists(st.fixed_dictionaries({**names, "diff": differences}), max_size=3)


DIFFS = st.fixed_dictionaries({kind.value: entries(kind) for kind in Kind})


def section(kind: Kind) -> st.SearchStrategy[dict[tuple[str, ...], Any]]:
    keys = st.tuples(NAMES) if kind is Kind.COLLECTION else st.tuples(NAMES, NAMES)
    return st.dictionaries(keys, ITEMS, max_size=3)


SNAPSHOTS = st.fixed_dictionaries({kind.value: section(kind) for kind in Kind}).map(
    lambda sections: Snapshot(b"", "schema.yaml", "11.17.4", sections)
)


def drops(kind: Kind, entry: Mapping[str, Any]) -> bool:
    """Tell whether Directus 11.17.4 drops the item: what its apply-diff.ts does, written down a second time."""
    first = entry["diff"][0]
    path = first.get("path") or []
    below_meta = kind is Kind.FIELD and len(path) >= 2 and path[0] == "meta"
    return first["kind"] == "D" and not below_meta


def id_of(entry: Mapping[str, Any]) -> str:
    return ".".join(entry[key] for key in ("collection", "field") if key in entry)


@given(raw=DIFFS, base=st.none() | SNAPSHOTS, wanted=SNAPSHOTS, live=SNAPSHOTS, rows=st.integers(1, 5))
@settings(max_examples=50)
def test_nothing_that_directus_would_drop_passes_without_an_approval(
    raw: dict[str, list[dict[str, Any]]], base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int
) -> None:
    plan = whatever(raw, base, wanted, live, rows, NOBODY)
    refused = {(item.verdict.change.kind, item.id) for item in plan.refused}
    remade = {(Kind.FIELD, id_of(entry)) for entry in raw["fields"] if entry["diff"][0]["kind"] == "N"}
    for kind in Kind:
        for entry in raw[kind.value]:
            # A field that is dropped and made anew is one change of its type, and has its own test.
            if drops(kind, entry) and (kind, id_of(entry)) not in remade:
                assert (kind, id_of(entry)) in refused


@given(raw=DIFFS, base=st.none() | SNAPSHOTS, wanted=SNAPSHOTS, live=SNAPSHOTS)
@settings(max_examples=50)
def test_no_incomplete_entry_passes_whatever_is_approved(
    raw: dict[str, list[dict[str, Any]]], base: Snapshot | None, wanted: Snapshot, live: Snapshot
) -> None:
    names = {id_of(entry) for kind in Kind for entry in raw[kind.value]}
    plan = whatever(raw, base, wanted, live, 0, Approvals(dict.fromkeys(names, "yes"), frozenset(names)))
    refused = {(item.verdict.change.kind, item.id) for item in plan.refused if item.rule is Rule.INCOMPLETE}
    for kind in Kind:
        for entry in raw[kind.value]:
            if drops(kind, entry) and entry["diff"][0].get("path"):
                assert (kind, id_of(entry)) in refused


@given(raw=DIFFS, base=st.none() | SNAPSHOTS, wanted=SNAPSHOTS, live=SNAPSHOTS, rows=st.integers(0, 5))
@settings(max_examples=50)
def test_nothing_that_only_the_server_has_is_removed(
    raw: dict[str, list[dict[str, Any]]], base: Snapshot | None, wanted: Snapshot, live: Snapshot, rows: int
) -> None:
    names = {id_of(entry) for kind in Kind for entry in raw[kind.value]}
    plan = whatever(raw, base, wanted, live, rows, Approvals(destroy=dict.fromkeys(names, "yes")))
    for item in plan.items:
        change = item.verdict.change
        if change.action is Action.REMOVE and (base is None or change.key not in base.section(change.kind.value)):
            assert item.rule in {Rule.UNCAPTURED, Rule.INCOMPLETE}


@given(raw=DIFFS, base=st.none() | SNAPSHOTS, wanted=SNAPSHOTS, live=SNAPSHOTS)
@settings(max_examples=50)
def test_every_entry_of_the_server_is_in_the_plan(
    raw: dict[str, list[dict[str, Any]]], base: Snapshot | None, wanted: Snapshot, live: Snapshot
) -> None:
    plan = whatever(raw, base, wanted, live, 0, NOBODY)
    planned = {(item.verdict.change.kind, item.id) for item in plan.items}
    assert planned == {(kind, id_of(entry)) for kind in Kind for entry in raw[kind.value]}


def whatever(
    raw: dict[str, list[dict[str, Any]]],
    base: Snapshot | None,
    wanted: Snapshot,
    live: Snapshot,
    rows: int,
    approvals: Approvals,
) -> Plan:
    difference = diff.from_server(("hash", raw))
    verdicts = guard.judge(difference, base=base, wanted=wanted, live=live)
    return guard.decide(difference, verdicts, {risk: rows for verdict in verdicts for risk in verdict.risks}, approvals)


@given(before=st.integers(1, 10_000), now=st.integers(1, 10_000))
def test_a_length_is_counted_exactly_when_it_shrinks(before: int, now: int) -> None:
    def with_length(length: int) -> Snapshot:
        field = {"collection": "events", "field": "name", "type": "string", "meta": {}}
        entry = {**field, "schema": {"name": "name", "data_type": "character varying", "max_length": length}}
        empty: dict[tuple[str, ...], Any] = {}
        sections = {kind.value: empty for kind in Kind} | {"fields": {("events", "name"): entry}}
        return Snapshot(b"", "schema.yaml", "11.17.4", sections)

    edit = {"kind": "E", "path": ["schema", "max_length"], "lhs": before, "rhs": now}
    raw = {"fields": [{"collection": "events", "field": "name", "diff": [edit]}]}
    live, wanted = with_length(before), with_length(now)
    (verdict,) = guard.judge(diff.from_server(("hash", raw)), base=live, wanted=wanted, live=live)
    assert bool(verdict.risks) == (now < before)


# What a comparison tells of the server


def kinds_of(raw: Mapping[str, Any]) -> set[str]:
    """Return N, E, D and A for what is new, edited, gone and in a list; lower case for a part of an item."""
    found = [edit for section in raw.values() for entry in section for edit in entry["diff"]]
    return {edit["kind"].lower() if edit["kind"] != "E" and edit.get("path") else edit["kind"] for edit in found}
