"""A schema of more than a megabyte goes there and back."""

from __future__ import annotations

from pathlib import Path

from directus_sync.schema import comparison, snapshot
from tests.chaos.conftest import with_collections
from tests.chaos.runs import Line
from tests.conftest import Tool
from tests.snapshots import edited

COLLECTIONS = 250


def test_250_collections_are_pushed_and_pulled_with_progress(
    deployed: Tool, snapshot_file: Path, tmp_path: Path
) -> None:
    line = Line(deployed, tmp_path)
    edited(snapshot_file, with_collections(COLLECTIONS))
    assert snapshot_file.stat().st_size > 1_000_000
    pushed = line("push", "--snapshot", snapshot_file)
    assert pushed.code == 0, pushed.text
    assert f"Pushing {COLLECTIONS} changes ..." in pushed.err
    assert f"Pushed {COLLECTIONS} changes in " in pushed.err

    captured = tmp_path / "pulled" / "schema.yaml"
    captured.parent.mkdir()
    pulled = line("pull", "--snapshot", captured)
    assert pulled.code == 0, pulled.text
    assert "Reading Directus's schema ..." in pulled.err
    assert "Read Directus's schema in " in pulled.err
    assert captured.stat().st_size > 1_000_000
    # The push compared again when it was done; and what is captured has all that was pushed.
    there, back = snapshot.read(snapshot_file), snapshot.read(captured)
    assert comparison.between(there, back) == ()
