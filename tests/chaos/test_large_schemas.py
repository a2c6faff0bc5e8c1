"""A schema of more than a megabyte can be pushed and pulled."""

from __future__ import annotations

from pathlib import Path

import pytest

from directus_sync.schema import comparison, snapshot
from tests import small
from tests.chaos.conftest import with_collections
from tests.conftest import RunningDirectus, Serving
from tests.snapshots import Document, edited


def with_long_notes(document: Document) -> None:
    for entry in document["collections"][-4:]:
        entry["meta"]["note"] = "A note. " * 40_000


# 4 collections with long notes give as many bytes as a large schema; the slow test has 250.
@pytest.mark.parametrize("number", [4, pytest.param(250, marks=pytest.mark.slow)])
def test_push_and_pull_report_progress_for_a_large_schema(serve: Serving, tmp_path: Path, number: int) -> None:
    with serve("bootstrapped", "", small.pushed) as running:
        travel(running, small.file(tmp_path), number)


def travel(directus: RunningDirectus, snapshot_file: Path, number: int) -> None:
    edited(snapshot_file, with_collections(number), with_long_notes)
    assert snapshot_file.stat().st_size > 1_000_000
    pushed = directus.tool("push", "--snapshot", snapshot_file)
    assert pushed.code == 0, pushed.text
    assert f"Pushing {number} changes ..." in pushed.err
    assert f"Pushed {number} changes in " in pushed.err

    captured = snapshot_file.parent / "pulled" / "schema.yaml"
    captured.parent.mkdir()
    pulled = directus.tool("pull", "--snapshot", captured)
    assert pulled.code == 0, pulled.text
    assert "Read Directus's schema in " in pulled.err
    # The push compared again at its end. The pulled file must equal the pushed one.
    there, back = snapshot.read(snapshot_file), snapshot.read(captured)
    assert comparison.between(there, back) == ()
