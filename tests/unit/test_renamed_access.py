"""The recorded base of access under the names of after a rename."""

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
        # By a relation; a field of the same name stays.
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
    item = Resource("permission", before[0], (before[1],))
    assert renamed_item(item, rename, MODEL) == Resource("permission", after[0], (after[1],))
    policy = Resource("policy", "entries", ({"name": "entries"},))
    assert renamed_item(policy, rename, MODEL) == policy
