"""A push that Directus does not make as written: the next one sends the rest, and never calls it somebody's work."""

from __future__ import annotations

import copy
from pathlib import Path

from tests.conftest import Serving
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


def test_the_rest_of_a_push_is_sent_by_the_next_one(serve: Serving, snapshot_file: Path) -> None:
    path = edited(snapshot_file, with_json_without_special)
    with serve("deployed") as running:
        first = running.tool("push", "--snapshot", path)
        assert (first.code, "error[not-converged]" in first.err) == (1, True), first.text
        assert 'devices.extra (meta.special: Directus has ["cast-json"], the file null)' in first.err

        second = running.tool("push", "--snapshot", path)

        assert (second.code, second.out) == (0, "Pushed 1 change\n"), second.text
        assert running.tool("push", "--snapshot", path).out.startswith("Nothing to push")
