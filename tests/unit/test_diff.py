"""Reading the server's diff, over answers captured from Directus 11.17.4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from directus_sync.schema import diff
from directus_sync.schema.diff import ABSENT, Action, Change, Kind, SchemaDiff
from directus_sync.schema.snapshot import Snapshot

Captured = Callable[[str], SchemaDiff]


def only(difference: SchemaDiff) -> Change:
    (change,) = difference.changes
    return change


def test_no_answer_is_no_difference() -> None:
    assert not diff.from_server(None)
    assert diff.from_server(None).changes == ()


def test_the_hash_and_the_diff_are_kept_as_the_server_sent_them() -> None:
    raw: dict[str, list[object]] = {"collections": [], "fields": [], "systemFields": [], "relations": []}
    read = diff.from_server(("abc123", raw))
    assert read.digest == "abc123"
    assert read.raw is raw


def test_a_new_collection_is_listed_with_its_fields_and_relation(captured: Captured) -> None:
    read = captured("collection_added")
    assert [(change.action, change.kind, change.id) for change in read.changes] == [
        (Action.ADD, Kind.COLLECTION, "zone"),
        (Action.ADD, Kind.FIELD, "zone.id"),
        (Action.ADD, Kind.FIELD, "zone.name"),
        (Action.ADD, Kind.FIELD, "zone.country"),
        (Action.ADD, Kind.RELATION, "zone.country"),
    ]
    assert (read.count(Action.ADD), read.count(Action.CHANGE), read.count(Action.REMOVE)) == (5, 0, 0)


def test_an_added_item_carries_what_it_will_be(captured: Captured) -> None:
    change = only(captured("field_added"))
    assert change.action is Action.ADD
    assert change.before is None
    assert change.after is not None
    assert change.after["type"] == "string"


def test_a_removed_item_carries_what_it_was(captured: Captured) -> None:
    change = only(captured("field_removed"))
    assert (change.action, change.id) == (Action.REMOVE, "station.elev")
    assert change.after is None
    assert change.before is not None
    assert change.before["schema"]["numeric_precision"] == 8


def test_a_removed_collection_is_one_removal(captured: Captured) -> None:
    change = only(captured("collection_removed"))
    assert (change.action, change.kind, change.id) == (Action.REMOVE, Kind.COLLECTION, "station")


def test_a_rename_is_a_removal_and_an_addition(captured: Captured) -> None:
    assert [(change.action, change.id) for change in captured("field_renamed").changes] == [
        (Action.REMOVE, "station.elev"),
        (Action.ADD, "station.elevation"),
    ]


@pytest.mark.parametrize(
    ("edit", "field", "before", "after"),
    [("column_to_alias", "notes", "text", "alias"), ("alias_to_column", "divider", "alias", "text")],
)
def test_a_change_between_column_and_alias_is_one_change_of_type(
    captured: Captured, edit: str, field: str, before: str, after: str
) -> None:
    # Directus sends a removal and an addition of the same field.
    change = only(captured(edit))
    assert (change.action, change.id) == (Action.CHANGE, f"station.{field}")
    assert [(edit.name, edit.before, edit.after) for edit in change.edits] == [("type", before, after)]


def test_a_change_lists_every_property_with_both_values(captured: Captured) -> None:
    change = only(captured("type_string_to_text"))
    assert change.action is Action.CHANGE
    assert [(edit.name, edit.before, edit.after) for edit in change.edits] == [
        ("type", "string", "text"),
        ("schema.data_type", "character varying", "text"),
        ("schema.max_length", 255, None),
    ]


def test_a_change_within_a_list_names_the_place_in_it(captured: Captured) -> None:
    (edit,) = only(captured("special_changed")).edits
    assert (edit.name, edit.before) == ("meta.special.1", "no-data")
    assert edit.after is ABSENT


def test_a_relation_names_the_collection_it_leads_to(captured: Captured) -> None:
    change = only(captured("relation_removed"))
    assert (change.action, change.kind, change.related) == (Action.REMOVE, Kind.RELATION, "country")


def test_a_changed_on_delete_is_a_change_of_the_relation(captured: Captured) -> None:
    change = only(captured("on_delete_changed"))
    assert (change.action, change.kind) == (Action.CHANGE, Kind.RELATION)
    assert [(edit.name, edit.before, edit.after) for edit in change.edits] == [
        ("schema.on_delete", "SET NULL", "CASCADE")
    ]


def test_an_index_of_directus_that_the_snapshot_lacks_is_a_change(captured: Captured) -> None:
    change = only(captured("system_field_removed"))
    assert (change.action, change.kind, change.id) == (
        Action.CHANGE,
        Kind.SYSTEM_FIELD,
        "directus_activity.timestamp",
    )


# Each of these was applied to Directus 11.17.4: it answered 204 and dropped the table, the column or the foreign key.
@pytest.mark.parametrize(
    "edit",
    [
        "collection_nested_removal",
        "field_schema_nested_removal",
        "field_schema_removed",
        "field_schema_null",
        "field_meta_removed",
        "relation_nested_removal",
        "relation_schema_nested_removal",
    ],
)
def test_an_entry_that_begins_with_a_missing_property_is_malformed(captured: Captured, edit: str) -> None:
    change = only(captured(edit))
    assert change.malformed
    assert change.action is Action.CHANGE


@pytest.mark.parametrize("edit", ["collection_nested_addition", "field_schema_added", "relation_nested_addition"])
def test_an_entry_that_begins_with_an_extra_property_is_malformed(captured: Captured, edit: str) -> None:
    assert only(captured(edit)).malformed


@pytest.mark.parametrize("edit", ["field_meta_nested_removal", "field_meta_nested_addition"])
def test_a_property_below_meta_of_a_field_is_a_change_like_any_other(captured: Captured, edit: str) -> None:
    change = only(captured(edit))
    assert not change.malformed
    assert change.action is Action.CHANGE


@pytest.mark.parametrize(
    "edit",
    [
        "collection_edit_then_nested_removal",
        "field_edit_then_schema_removal",
        "relation_edit_then_nested_removal",
    ],
)
def test_only_the_first_difference_of_an_entry_decides(captured: Captured, edit: str) -> None:
    change = only(captured(edit))
    assert not change.malformed
    assert change.action is Action.CHANGE


def test_every_action_has_its_own_sign() -> None:
    assert {action: action.sign for action in Action} == {Action.ADD: "+", Action.CHANGE: "~", Action.REMOVE: "-"}


def test_every_kind_has_its_own_word() -> None:
    assert [kind.noun for kind in Kind] == ["collection", "field", "index", "relation"]


def test_only_what_lies_inside_a_value_is_made_a_change_of_that_value(
    captured_answers: dict[str, Any], live: Snapshot
) -> None:
    # A property of meta that is gone stays what it is: the shape that drops the table.
    raw = captured_answers["collection_nested_removal"]["diff"]
    assert diff.with_whole_values(raw, live, live) == {**raw, "collections": list(raw["collections"])}
