"""The recorded bases of access and resources get the new names after a rename."""

from __future__ import annotations

from typing import Any

import pytest

from directus_sync.resources.items import Resource
from directus_sync.schema.renames.rewriting import Model, Rename
from migrations.operations.snapshot import renamed_item

MODEL = Model.of(
    [("entries", "notes"), ("entries", "number"), ("crew", "entry"), ("crew", "number")],
    [("crew", "entry", "entries", "crew", None, None)],
)


def rule(collection: str, fields: list[str], **documents: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"permissions": {}, "validation": None, "presets": None}
    return {"policy": "one", "collection": collection, "action": "read", "fields": fields, **empty, **documents}


def item(name: str, row: dict[str, Any]) -> Resource:
    kind, _, key = name.partition(":")
    return Resource(kind, key, (row,))


@pytest.mark.parametrize(
    ("rename", "before", "after"),
    [
        (
            Rename("entries", "starts"),
            ("one/entries/read", rule("entries", ["*"])),
            ("one/starts/read", rule("starts", ["*"])),
        ),
        (
            Rename("entries", "starts"),
            ("a/b/crew/read", rule("crew", ["entry"])),
            ("a/b/crew/read", rule("crew", ["entry"])),
        ),
        (
            Rename("entries", "z", "number"),
            ("one/entries/read", rule("entries", ["notes", "number"], presets={"number": 1})),
            ("one/entries/read", rule("entries", ["notes", "z"], presets={"z": 1})),
        ),
        # Rewritten behind a relation; the collection's own field of the same name stays.
        (
            Rename("entries", "z", "number"),
            ("one/crew/read", rule("crew", ["number"], permissions={"entry": {"number": {"_eq": 1}}, "number": {}})),
            ("one/crew/read", rule("crew", ["number"], permissions={"entry": {"z": {"_eq": 1}}, "number": {}})),
        ),
    ],
)
def test_keys_fields_and_filters_get_the_new_name(
    rename: Rename, before: tuple[str, dict[str, Any]], after: tuple[str, dict[str, Any]]
) -> None:
    assert renamed_item(item(f"permission:{before[0]}", before[1]), rename, MODEL) == item(
        f"permission:{after[0]}", after[1]
    )
    policy = item("policy:entries", {"name": "entries"})
    assert renamed_item(policy, rename, MODEL) == policy


def preset(collection: str, fields: list[str], found: Any = None) -> dict[str, Any]:
    query = {"tabular": {"fields": fields}}
    return {"collection": collection, "filter": found, "layout_query": query, "layout_options": None}


@pytest.mark.parametrize(
    ("rename", "before", "after"),
    [
        (
            Rename("entries", "starts"),
            ("preset:entries/-/Mine", preset("entries", ["notes"])),
            ("preset:starts/-/Mine", preset("starts", ["notes"])),
        ),
        (
            Rename("entries", "z", "number"),
            ("preset:entries/-/-", preset("entries", ["notes", "number"], {"number": {"_eq": 1}})),
            ("preset:entries/-/-", preset("entries", ["notes", "z"], {"z": {"_eq": 1}})),
        ),
        # Rewritten behind a relation; the collection's own field of the same name stays.
        (
            Rename("entries", "z", "number"),
            ("preset:crew/-/-", preset("crew", ["number"], {"entry": {"number": {"_eq": 1}}})),
            ("preset:crew/-/-", preset("crew", ["number"], {"entry": {"z": {"_eq": 1}}})),
        ),
        (
            Rename("entries", "starts"),
            ("panel:day/entries", {"options": {"collection": "entries"}}),
            ("panel:day/entries", {"options": {"collection": "starts"}}),
        ),
        (
            Rename("entries", "starts"),
            ("setting:project_name", {"field": "project_name", "value": "entries"}),
            ("setting:project_name", {"field": "project_name", "value": "entries"}),
        ),
    ],
)
def test_lists_and_panels_get_the_new_name(
    rename: Rename, before: tuple[str, dict[str, Any]], after: tuple[str, dict[str, Any]]
) -> None:
    assert renamed_item(item(*before), rename, MODEL) == item(*after)
