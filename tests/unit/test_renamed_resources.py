"""The recorded base of resources under the names of after a rename."""

from __future__ import annotations

from typing import Any

import pytest

from directus_sync.resources.items import Resource
from directus_sync.schema.renames.rewriting import Rename
from migrations.operations.snapshot import renamed_item
from tests.unit.test_renamed_access import MODEL


def preset(collection: str, fields: list[str], found: Any = None) -> dict[str, Any]:
    query = {"tabular": {"fields": fields}}
    return {"collection": collection, "filter": found, "layout_query": query, "layout_options": None}


def resource(name: str, row: dict[str, Any]) -> Resource:
    kind, _, key = name.partition(":")
    return Resource(kind, key, (row,))


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
        # By a relation; a field of the same name stays.
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
    assert renamed_item(resource(*before), rename, MODEL) == resource(*after)
