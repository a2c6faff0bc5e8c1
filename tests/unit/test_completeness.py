"""Incomplete entries are found in the file itself, even if Directus's comparison does not report them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from directus_sync.schema import completeness, snapshot
from directus_sync.schema.diff import ABSENT, Action, Change, Edit, ItemKind
from directus_sync.schema.properties import Properties, Property
from directus_sync.schema.snapshot import Snapshot

FIELD = ("vehicles", "plate")
RELATION = ("organization_vehicles", "vehicle_id")
NO_COLUMNS: Properties = {}
LACKING: list[tuple[ItemKind, tuple[str, ...], tuple[str, str]]] = [
    (ItemKind.COLLECTION, ("vehicles",), ("meta", "note")),
    (ItemKind.FIELD, FIELD, ("meta", "searchable")),
    (ItemKind.FIELD, FIELD, ("schema", "is_indexed")),
    (ItemKind.RELATION, RELATION, ("meta", "sort_field")),
    (ItemKind.RELATION, RELATION, ("schema", "on_delete")),
]


def without(given: Snapshot, kind: ItemKind, key: tuple[str, ...], path: tuple[str, str]) -> Snapshot:
    sections: dict[str, Any] = {name: dict(entries) for name, entries in given.sections.items()}
    entry = copy.deepcopy(sections[kind.value][key])
    del entry[path[0]][path[1]]
    sections[kind.value][key] = entry
    return replace(given, sections=sections)


def incomplete(wanted: Snapshot, live: Snapshot, *changes: Change) -> list[Change]:
    found = completeness.with_incomplete(changes, wanted, live, NO_COLUMNS)
    return [change for change in found if change.replaces_item]


def test_a_complete_file_has_no_incomplete_entries(committed: Snapshot) -> None:
    assert completeness.with_incomplete((), committed, committed, NO_COLUMNS) == ()
    assert completeness.with_incomplete((), committed, snapshot.empty(committed), NO_COLUMNS) == ()


@pytest.mark.parametrize(("kind", "key", "path"), LACKING)
def test_a_missing_property_is_found_although_directus_does_not_report_it(
    committed: Snapshot, kind: ItemKind, key: tuple[str, ...], path: tuple[str, str]
) -> None:
    (found,) = incomplete(without(committed, kind, key, path), committed)
    assert (found.action, found.kind, found.key) == (Action.CHANGE, kind, key)
    before = committed.section(kind.value)[key][path[0]][path[1]]
    assert found.edits == (Edit(path, before, ABSENT),)


def test_a_change_of_an_incomplete_item_is_marked_and_keeps_its_edits(committed: Snapshot) -> None:
    wanted = without(committed, ItemKind.FIELD, FIELD, ("meta", "searchable"))
    note = Edit(("meta", "note"), None, "a")
    given = Change(Action.CHANGE, ItemKind.FIELD, *FIELD, edits=(note,))
    (found,) = incomplete(wanted, committed, given)
    assert found.edits == (Edit(("meta", "searchable"), True, ABSENT), note)


def test_a_new_item_is_compared_with_other_items_or_with_directus_s_tables(committed: Snapshot) -> None:
    wanted = without(committed, ItemKind.FIELD, FIELD, ("meta", "searchable"))
    given = Change(Action.ADD, ItemKind.FIELD, *FIELD)
    there = replace(committed, sections={**committed.sections, "fields": dict(committed.section("fields"))})
    del there.sections["fields"][FIELD]  # type: ignore[attr-defined]
    assert [change.action for change in incomplete(wanted, there, given)] == [Action.ADD]

    names = [*committed.section("fields")[FIELD]["meta"], "id"]
    columns = {"fields": {name: Property(name, "text") for name in names}}
    (found,) = completeness.with_incomplete([given], wanted, snapshot.empty(committed), columns)
    assert found.replaces_item


def test_a_property_that_directus_lacks_too_is_not_missing(committed: Snapshot) -> None:
    both = without(committed, ItemKind.FIELD, FIELD, ("meta", "searchable"))
    assert incomplete(both, both) == []
