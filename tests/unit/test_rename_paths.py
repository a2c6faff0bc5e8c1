"""Renames in paths, templates, filters and options. A name is rewritten only where relations lead to it."""

from __future__ import annotations

from typing import Any

import pytest

from directus_sync.schema.renames.rewriting import Model, Rename, Rewriter

MAKE = Rename("vehicles", "manufacturer", "make")
ENTRIES = Rename("entries", "registrations")
MODEL = Model(
    frozenset(
        {
            ("vehicles", "make"), ("vehicles", "entries"), ("entries", "vehicle"), ("entries", "make"),
            ("crew", "entry"), ("notes", "item"), ("directus_users", "car"), ("vehicles", "built"),
        }
    ),
    {
        ("entries", "vehicle"): ("vehicles",),
        ("vehicles", "entries"): ("entries",),
        ("crew", "entry"): ("entries",),
        ("notes", "item"): ("vehicles", "entries"),
        ("directus_users", "car"): ("vehicles",),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "here", "rewritten"),
    [
        ("make", "vehicles", "manufacturer"),
        ("-make", "vehicles", "-manufacturer"),
        ("vehicle.make", "entries", "vehicle.manufacturer"),
        ("entry.vehicle.make", "crew", "entry.vehicle.manufacturer"),
        ("entries.vehicle.make", "vehicles", "entries.vehicle.manufacturer"),
        ("item:vehicles.make", "notes", "item:vehicles.manufacturer"),
        ("year(make)", "vehicles", "year(manufacturer)"),
        ("count(entries.make)", "vehicles", "count(entries.make)"),
        ("make", "entries", "make"),
        ("item:entries.make", "notes", "item:entries.make"),
        ("make_of", "vehicles", "make_of"),
        ("*", "vehicles", "*"),
    ],
)
def test_a_path_is_rewritten_along_its_relations(path: str, here: str, rewritten: str) -> None:
    rewriter = Rewriter(MAKE, MODEL)
    assert rewriter.path(path, (here,))[0] == rewritten
    assert not rewriter.unresolved


def test_a_field_with_a_colon_in_its_name_is_rewritten() -> None:
    rewriter = Rewriter(Rename("vehicles", "new: b", "old: a"), Model(frozenset({("vehicles", "old: a")}), {}))
    assert rewriter.path("-old: a", ("vehicles",))[0] == "-new: b"


def test_a_collection_is_rewritten_only_in_paths_of_many_to_any_relations() -> None:
    rewriter = Rewriter(ENTRIES, MODEL)
    assert rewriter.path("item:entries.make", ("notes",))[0] == "item:registrations.make"
    assert rewriter.path("entries.make", ("vehicles",))[0] == "entries.make"


@pytest.mark.parametrize("path", ["make", "unknown.make"])
def test_a_path_from_an_unknown_place_is_left_and_marked(path: str) -> None:
    rewriter = Rewriter(MAKE, MODEL)
    assert rewriter.path(path, ())[0] == path
    assert rewriter.unresolved


def test_a_template_keeps_its_text() -> None:
    template = "make: {{ vehicle.make }} ({{make}})"
    assert Rewriter(MAKE, MODEL).template(template, ("entries",)) == "make: {{ vehicle.manufacturer }} ({{make}})"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"make": {"_eq": "make"}}, {"manufacturer": {"_eq": "make"}}),
        ({"_and": [{"_or": [{"make": {"_null": True}}]}]}, {"_and": [{"_or": [{"manufacturer": {"_null": True}}]}]}),
        ({"entries": {"_some": {"make": {"_eq": 1}}}}, {"entries": {"_some": {"make": {"_eq": 1}}}}),
        (
            {"entries": {"vehicle": {"make": {"_in": ["make", 2]}}}},
            {"entries": {"vehicle": {"manufacturer": {"_in": ["make", 2]}}}},
        ),
        ({"year(make)": {"_gt": 2000}}, {"year(manufacturer)": {"_gt": 2000}}),
        ({"$FOLLOW(vehicles, make)": {}}, {"$FOLLOW(vehicles,manufacturer)": {}}),
        ({"built": {"_eq": "$CURRENT_USER.car.make"}}, {"built": {"_eq": "$CURRENT_USER.car.manufacturer"}}),
        ({"built": {"_eq": "{{make}}"}}, {"built": {"_eq": "{{make}}"}}),
        (
            {"entries": {"create": [{"vehicle": {"make": "BMW"}}], "delete": [1]}},
            {"entries": {"create": [{"vehicle": {"manufacturer": "BMW"}}], "delete": [1]}},
        ),
    ],
)
def test_a_filter_or_payload_has_its_keys_rewritten(before: Any, after: Any) -> None:
    rewriter = Rewriter(MAKE, MODEL)
    assert rewriter.filter(before, ("vehicles",), ("entries",)) == after
    assert not rewriter.unresolved


def test_a_template_in_a_filter_refers_to_the_collection_of_the_form() -> None:
    before: Any = {"make": {"_eq": "{{make}}"}}
    rewriter = Rewriter(MAKE, MODEL)
    assert rewriter.filter(before, ("entries",), ("vehicles",)) == {"make": {"_eq": "{{manufacturer}}"}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"template": "{{make}}"}, {"template": "{{manufacturer}}"}),
        ({"fields": ["make", "entries.make"]}, {"fields": ["manufacturer", "entries.make"]}),
        ({"tabular": {"sort": ["-make"]}}, {"tabular": {"sort": ["-manufacturer"]}}),
        ({"kanban": {"groupField": "make"}}, {"kanban": {"groupField": "manufacturer"}}),
        ({"widths": {"make": 100}}, {"widths": {"manufacturer": 100}}),
        ({"filter": {"make": {"_eq": "x"}}}, {"filter": {"manufacturer": {"_eq": "x"}}}),
    ],
)
def test_options_that_hold_field_names_are_rewritten(before: Any, after: Any) -> None:
    rewriter = Rewriter(MAKE, MODEL)
    assert rewriter.options(before, ("vehicles",), ()) == after
    assert not rewriter.unresolved


@pytest.mark.parametrize("option", [{"icon": "make"}, {"choices": [{"value": "make"}]}, {"make": 1}])
def test_an_option_with_the_same_text_is_left_and_marked(option: Any) -> None:
    rewriter = Rewriter(MAKE, MODEL)
    assert rewriter.options(option, ("vehicles",), ()) == option
    assert rewriter.unresolved
    elsewhere = Rewriter(MAKE, MODEL)
    elsewhere.options(option, ("crew",), ())
    assert not elsewhere.unresolved


def test_options_that_name_a_collection_are_rewritten() -> None:
    before: Any = {"selectedCollection": "entries", "collections": ["entries", "crew"], "icon": "entries"}
    after = {"selectedCollection": "registrations", "collections": ["registrations", "crew"], "icon": "entries"}
    assert Rewriter(ENTRIES, MODEL).options(before, (), ()) == after


def test_a_condition_refers_to_the_form_and_its_options_to_the_related_collection() -> None:
    before: Any = [
        {"name": "make", "rule": {"make": {"_null": True}}, "options": {"filter": {"make": {"_eq": "{{make}}"}}}}
    ]
    after = [
        {
            "name": "make",
            "rule": {"make": {"_null": True}},
            "options": {"filter": {"manufacturer": {"_eq": "{{make}}"}}},
        }
    ]
    assert Rewriter(MAKE, MODEL).conditions(before, ("vehicles",), ("entries",)) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            {"collection": "vehicles", "payload": {"make": 1}},
            {"collection": "vehicles", "payload": {"manufacturer": 1}},
        ),
        ({"collection": "entries", "payload": {"make": 1}}, {"collection": "entries", "payload": {"make": 1}}),
        (
            {"collection": "vehicles", "query": {"filter": {"make": {}}, "fields": ["make"]}},
            {"collection": "vehicles", "query": {"filter": {"manufacturer": {}}, "fields": ["manufacturer"]}},
        ),
    ],
)
def test_an_operation_is_rewritten_if_it_names_its_collection(before: Any, after: Any) -> None:
    assert Rewriter(MAKE, MODEL).automation(before) == after


@pytest.mark.parametrize("rename", [MAKE, ENTRIES])
def test_a_path_that_already_has_the_new_name_stays(rename: Rename) -> None:
    rewriter = Rewriter(rename, MODEL)
    assert rewriter.path("vehicle.manufacturer", ("registrations",))[0] == "vehicle.manufacturer"
    assert rewriter.path("item:registrations.make", ("notes",))[0] == "item:registrations.make"
    assert not rewriter.unresolved


VERBS = Model(
    frozenset({("vehicles", "create"), ("entries", "vehicle"), ("vehicles", "owner")}),
    {("entries", "vehicle"): ("vehicles",)},
)

CREATED = Rename("vehicles", "made", "create")


@pytest.mark.parametrize(
    ("before", "here", "after"),
    [
        ({"create": {"_eq": 1}}, "vehicles", {"made": {"_eq": 1}}),
        ({"vehicle": {"create": {"_eq": 1}}}, "entries", {"vehicle": {"made": {"_eq": 1}}}),
        # If the collection has no field `create`, it is the verb of a payload.
        ({"create": [{"create": 1}]}, "entries", {"create": [{"create": 1}]}),
    ],
)
def test_a_field_named_create_is_rewritten_and_not_taken_for_a_verb(before: Any, here: str, after: Any) -> None:
    assert Rewriter(CREATED, VERBS).filter(before, (here,), ()) == after


@pytest.mark.parametrize("option", ["filter", "_filter"])
def test_a_filter_in_options_is_rewritten_as_a_filter(option: str) -> None:
    before: Any = {option: {"create": {"_eq": "create"}}}
    assert Rewriter(CREATED, VERBS).options(before, ("vehicles",), ()) == {option: {"made": {"_eq": "create"}}}


@pytest.mark.parametrize(
    ("rename", "after"),
    [
        (Rename("vehicles", "cars"), "$FOLLOW(cars,owner)"),
        (Rename("vehicles", "holder", "owner"), "$FOLLOW(vehicles,holder)"),
        (Rename("entries", "registrations"), "$FOLLOW(vehicles,owner)"),
    ],
)
def test_a_relation_in_follow_is_rewritten(rename: Rename, after: str) -> None:
    before: Any = {"$FOLLOW(vehicles, owner)": {"id": {"_null": True}}}
    assert Rewriter(rename, VERBS).filter(before, ("directus_users",), ()) == {after: {"id": {"_null": True}}}
