"""A new field that Directus does not make as written: the push sends the rest at once."""

from __future__ import annotations

import copy
from pathlib import Path

from tests import small
from tests.conftest import Tool
from tests.snapshots import Document, edited


def with_json_without_special(document: Document) -> None:
    """Add a JSON field without `special`; Directus adds cast-json when it creates the column."""
    (model,) = (entry for entry in document["fields"] if (entry["collection"], entry["field"]) == ("devices", "model"))
    extra = copy.deepcopy(model)
    extra["field"] = extra["meta"]["field"] = extra["schema"]["name"] = "extra"
    extra["type"] = extra["schema"]["data_type"] = "json"
    extra["schema"].update(max_length=None, is_nullable=True, is_indexed=False, is_unique=False)
    extra["meta"].update(sort=99, required=False, special=None)
    document["fields"].append(extra)


def test_what_directus_adds_to_a_new_field_is_put_right_at_once(bootstrapped: Tool, tmp_path: Path) -> None:
    path = small.file(tmp_path)
    assert bootstrapped("push", "--snapshot", path).code == 0
    pushed = bootstrapped("push", "--snapshot", edited(path, with_json_without_special))
    assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
    assert bootstrapped("push", "--snapshot", path).out.startswith("Nothing to push")
