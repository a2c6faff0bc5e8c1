"""Reads Directus's diff, and computes differences without Directus. The answers are from Directus 11.17.4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from directus_sync.schema import comparison, diff
from directus_sync.schema.diff import ABSENT, Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.snapshot import Snapshot
from tests.properties.directus import patched
from tests.snapshots import after

Captured = Callable[[str], SchemaDiff]


def only(difference: SchemaDiff) -> Change:
    (change,) = difference.changes
    return change


# For each answer: the action, kind and name of every item.
LISTED: dict[str, list[tuple[Action, ItemKind, str]]] = {
    "collection_added": [
        (Action.ADD, ItemKind.COLLECTION, "zone"),
        *((Action.ADD, ItemKind.FIELD, f"zone.{name}") for name in ("id", "name", "country")),
        (Action.ADD, ItemKind.RELATION, "zone.country"),
    ],
    "field_added": [(Action.ADD, ItemKind.FIELD, "country.iso")],
    "field_removed": [(Action.REMOVE, ItemKind.FIELD, "station.elev")],
    "collection_removed": [(Action.REMOVE, ItemKind.COLLECTION, "station")],
    "field_renamed": [
        (Action.REMOVE, ItemKind.FIELD, "station.elev"),
        (Action.ADD, ItemKind.FIELD, "station.elevation"),
    ],
    "relation_removed": [(Action.REMOVE, ItemKind.RELATION, "station.country")],
    "system_field_removed": [(Action.CHANGE, ItemKind.SYSTEM_FIELD, "directus_activity.timestamp")],
}
EDITED = {
    "type_string_to_text": [
        ("type", "string", "text"),
        ("schema.data_type", "character varying", "text"),
        ("schema.max_length", 255, None),
    ],
    # The path has the index in the list.
    "special_changed": [("meta.special.1", "no-data", ABSENT)],
    "on_delete_changed": [("schema.on_delete", "SET NULL", "CASCADE")],
}


@pytest.mark.parametrize("edit", LISTED)
def test_an_item_has_its_entry_before_a_removal_or_after_an_addition(captured: Captured, edit: str) -> None:
    read = captured(edit)
    assert [(change.action, change.kind, change.id) for change in read.changes] == LISTED[edit]
    for change in read.changes:
        assert (change.before is not None, change.after is not None) == (
            change.action is Action.REMOVE,
            change.action is Action.ADD,
        )
        entry = change.before or change.after or {}
        assert entry.get("related_collection") == ("country" if change.kind is ItemKind.RELATION else None)


@pytest.mark.parametrize("edit", EDITED)
def test_a_change_lists_every_property_with_both_values(captured: Captured, edit: str) -> None:
    change = only(captured(edit))
    assert [(found.name, found.before, found.after) for found in change.edits] == EDITED[edit]
    assert (change.action, change.before, change.after) == (Action.CHANGE, None, None)


@pytest.mark.parametrize(
    ("edit", "field", "before", "after"),
    [("column_to_alias", "notes", "text", "alias"), ("alias_to_column", "divider", "alias", "text")],
)
def test_a_column_that_becomes_an_alias_or_back_is_one_change_of_type(
    captured: Captured, edit: str, field: str, before: str, after: str
) -> None:
    # Directus sends a removal and an addition of the same field.
    change = only(captured(edit))
    assert (change.action, change.id) == (Action.CHANGE, f"station.{field}")
    assert change.edits == (Edit(("type",), before, after),)
    assert [(item or {})["type"] for item in (change.before, change.after)] == [before, after]


@pytest.mark.parametrize(
    ("difference", "edit"),
    [
        ({"kind": "N", "path": ["meta", "a", "b"], "rhs": 1}, Edit(("meta", "a", "b"), ABSENT, 1)),
        ({"kind": "D", "path": ["meta", "a", "b"], "lhs": 1}, Edit(("meta", "a", "b"), 1, ABSENT)),
        ({"kind": "E", "path": ["type"], "lhs": 1, "rhs": None}, Edit(("type",), 1, None)),
        ({"kind": "E", "lhs": 1, "rhs": 2}, Edit((), 1, 2)),
        (
            {"kind": "A", "path": ["meta", "a"], "index": 2, "item": {"kind": "N", "rhs": "x"}},
            Edit(("meta", "a", 2), ABSENT, "x"),
        ),
        ({"kind": "A", "index": 0, "item": {"kind": "D", "lhs": "x"}}, Edit((0,), "x", ABSENT)),
    ],
)
def test_an_edit_has_both_values_or_marks_one_as_absent(difference: dict[str, Any], edit: Edit) -> None:
    entry = {"collection": "station", "field": "code", "diff": [difference]}
    raw = {"fields": [entry]}
    read = diff.from_server(("abc123", raw))
    assert (read.digest, read.raw) == ("abc123", raw)
    change = only(read)
    assert change.edits == (edit,)
    assert (change.before, change.after) == (None, None)


@pytest.mark.parametrize(
    ("edit", "replaces_item"),
    [
        # When these were applied, Directus 11.17.4 answered 204 and dropped the table, column or foreign key.
        *((f"{part}_nested_removal", True) for part in ("collection", "field_schema", "relation", "relation_schema")),
        *((f"field_{what}", True) for what in ("schema_removed", "schema_null", "meta_removed")),
        # Directus mistakes these for the creation of the whole item.
        *((edit, True) for edit in ("collection_nested_addition", "field_schema_added", "relation_nested_addition")),
        # A property below meta of a field may be added or removed.
        *((f"field_meta_nested_{what}", False) for what in ("removal", "addition")),
        # Only the first difference of an entry decides.
        *((f"{part}_edit_then_nested_removal", False) for part in ("collection", "relation")),
        ("field_edit_then_schema_removal", False),
    ],
)
def test_an_entry_that_begins_with_a_missing_or_extra_property_is_malformed(
    captured: Captured, edit: str, replaces_item: bool
) -> None:
    change = only(captured(edit))
    assert (change.replaces_item, change.action) == (replaces_item, Action.CHANGE)


def test_every_action_has_a_sign_and_every_kind_a_noun() -> None:
    assert {action: action.sign for action in Action} == {Action.ADD: "+", Action.CHANGE: "~", Action.REMOVE: "-"}
    assert [kind.noun for kind in ItemKind] == ["collection", "field", "index", "relation"]


INSIDE = {"kind": "N", "path": ["meta", "translations", 0, "plural"], "rhs": "stations"}
ALSO_INSIDE = {"kind": "D", "path": ["meta", "translations", 1], "lhs": {}}
ELSEWHERE = {"kind": "E", "path": ["meta", "icon"], "lhs": None, "rhs": "flag"}
ANYWHERE = {"kind": "E", "lhs": 1, "rhs": 2}


def with_translations(live: Snapshot, value: object) -> Snapshot:
    country = live.section("collections")["country",]
    entry = {**country, "meta": {**country["meta"], "translations": value}}
    return replace(live, sections={**live.sections, "collections": {("country",): entry}})


def test_a_change_inside_a_value_of_a_collection_is_sent_as_the_whole_value(live: Snapshot) -> None:
    before, now = with_translations(live, ["old"]), with_translations(live, ["new"])
    entry = {"collection": "country", "diff": [INSIDE, ELSEWHERE, ALSO_INSIDE, ANYWHERE]}
    raw = {"collections": [entry], "fields": ["as they are"]}
    whole = {"kind": "E", "path": ["meta", "translations"], "lhs": ["old"], "rhs": ["new"]}
    sent = diff.with_whole_values(raw, before, now)
    assert sent == {
        "collections": [{"collection": "country", "diff": [whole, ELSEWHERE, ANYWHERE]}],
        "fields": ["as they are"],
    }
    change = only(diff.from_server(("hash", {"collections": sent["collections"]})))
    assert not change.replaces_item
    assert [edit.path for edit in change.edits] == [("meta", "translations"), ("meta", "icon"), ()]


@pytest.mark.parametrize(
    "first",
    [
        ELSEWHERE,
        # Removed or added as a whole: Directus would drop or create the table.
        {"kind": "D", "path": ["meta", "note"], "lhs": "x"},
        {"kind": "D", "path": ["meta"], "lhs": {}},
        {"kind": "N", "path": ["schema", "name", "inside"], "rhs": 1},
        {"kind": "D", "lhs": {}},
    ],
)
def test_all_other_differences_of_a_collection_are_sent_unchanged(live: Snapshot, first: dict[str, Any]) -> None:
    raw = {"collections": [{"collection": "country", "diff": [first, INSIDE]}], "relations": []}
    assert diff.with_whole_values(raw, live, live) == raw


@pytest.mark.parametrize("side", ["live", "wanted"])
def test_a_difference_of_a_value_that_one_side_lacks_is_sent_unchanged(live: Snapshot, side: str) -> None:
    country = live.section("collections")["country",]
    meta = {key: value for key, value in country["meta"].items() if key != "translations"}
    without = replace(live, sections={**live.sections, "collections": {("country",): {**country, "meta": meta}}})
    raw = {"collections": [{"collection": "country", "diff": [INSIDE]}]}
    assert diff.with_whole_values(raw, **{"live": live, "wanted": live, side: without}) == raw
    unknown = {"collections": [{"collection": "nowhere", "diff": [INSIDE]}]}
    assert diff.with_whole_values(unknown, live, live) == unknown


def test_a_diff_without_the_key_collections_gets_an_empty_list(live: Snapshot) -> None:
    assert diff.with_whole_values({}, live, live) == {"collections": []}


# Differences computed without Directus


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (True, True, True),
        (1, 1.0, True),
        ("1", 1, False),
        (None, False, False),
        (None, None, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": 1, "b": None}, {"a": 1, "c": None}, False),
        ({"a": [1, {"b": 0}]}, {"a": [1, {"b": False}]}, False),
        ({"a": [1, {"b": 0}]}, {"a": [1, {"b": 0}]}, True),
        ([1], [1, 2], False),
        ([1, 2], [2, 1], False),
        ([], {}, False),
    ],
)
def test_values_are_compared_as_in_javascript(one: object, other: object, equal: bool) -> None:
    assert comparison.same(one, other) is equal
    assert comparison.same(other, one) is equal


@pytest.mark.parametrize(
    "edit",
    [
        *("field_added", "field_removed", "note_changed", "type_string_to_text", "folder_added"),
        *("relation_removed", "on_delete_changed"),
    ],
)
def test_the_tool_finds_the_same_difference_as_directus(
    captured_answers: dict[str, Any], captured: Captured, live: Snapshot, edit: str
) -> None:
    wanted = replace(live, sections=patched(live.sections, captured_answers[edit]["diff"]))
    (found,), told = comparison.between(live, wanted), only(captured(edit))
    assert (found.action, found.kind, found.key) == (told.action, told.kind, told.key)
    assert set(found.edits) == set(told.edits)
    if told.action is not Action.CHANGE:
        assert (found.before, found.after) == (told.before, told.after)


def test_differences_are_listed_by_section_and_name(captured_answers: dict[str, Any], live: Snapshot) -> None:
    wanted = replace(live, sections=patched(live.sections, captured_answers["collection_added"]["diff"]))
    assert [(change.kind, change.id) for change in comparison.between(live, wanted)] == [
        (ItemKind.COLLECTION, "zone"),
        (ItemKind.FIELD, "zone.country"),
        (ItemKind.FIELD, "zone.id"),
        (ItemKind.FIELD, "zone.name"),
        (ItemKind.RELATION, "zone.country"),
    ]


@pytest.mark.parametrize("flag", ["is_primary_key", "has_auto_increment"])
def test_the_column_of_an_auto_incremented_key_is_not_compared(live: Snapshot, flag: str) -> None:
    entry = live.section("fields")["country", "id"]
    assert comparison.comparable(ItemKind.FIELD, entry) == {
        key: value for key, value in entry.items() if key != "schema"
    }
    plain = {**entry, "schema": {**entry["schema"], flag: False}}
    assert comparison.comparable(ItemKind.FIELD, plain) == plain
    assert comparison.comparable(ItemKind.FIELD, None) is None


def test_a_missing_property_differs_from_a_null_property(live: Snapshot) -> None:
    before, now = with_translations(live, None), with_translations(live, {"inside": None})
    (change,) = comparison.between(before, now)
    assert change.edits == (Edit(("meta", "translations"), None, {"inside": None}),)
    (change,) = comparison.between(now, with_translations(live, {}))
    assert change.edits == (Edit(("meta", "translations", "inside"), None, ABSENT),)
    (change,) = comparison.between(with_translations(live, {}), now)
    assert change.edits == (Edit(("meta", "translations", "inside"), ABSENT, None),)


def test_a_diff_without_changes_is_false() -> None:
    assert not SchemaDiff()
    assert SchemaDiff((Change(Action.ADD, ItemKind.COLLECTION, "a"),))


def test_the_status_of_a_collection_is_not_a_difference(live: Snapshot) -> None:
    status = {"kind": "E", "path": ["meta", "status"], "lhs": "inactive", "rhs": "active"}
    note = {"kind": "E", "path": ["meta", "note"], "lhs": None, "rhs": "x"}
    entries = [{"collection": "country", "diff": [status]}, {"collection": "station", "diff": [status, note]}]
    raw = diff.without_others_changes({"collections": entries, "fields": [], "relations": []})
    assert raw["collections"] == [{"collection": "station", "diff": [note]}]
    assert not diff.from_server(("hash", {**raw, "collections": []}))

    other = after(
        live, [Change(Action.CHANGE, ItemKind.COLLECTION, "country", edits=(Edit(("meta", "status"), None, "a"),))]
    )
    assert comparison.between(live, other) == ()


def test_a_system_index_that_the_file_lacks_is_not_a_difference() -> None:
    def entry(field: str, *, wanted: bool) -> dict[str, object]:
        edit = {"kind": "E", "path": ["schema", "is_indexed"], "lhs": not wanted, "rhs": wanted}
        return {"collection": "directus_users", "field": field, "diff": [edit]}

    missing, unlisted = entry("email", wanted=True), entry("title", wanted=False)
    raw = {"collections": [], "fields": [], "systemFields": [missing, unlisted], "relations": []}
    assert diff.without_others_changes(raw)["systemFields"] == [missing]
    assert diff.unlisted_indexes(raw) == ("directus_users.title",)
    assert not diff.from_server(("hash", diff.without_others_changes({**raw, "systemFields": [unlisted]})))
