"""Somebody worked below Directus, by SQL: what is gone comes back, and what is in the way is named before a push."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Tool
from tests.snapshots import edited, with_firmware

COLUMN = "SELECT count(*) FROM information_schema.columns WHERE table_name = '{}' AND column_name = '{}'"


def test_a_column_that_was_dropped_by_sql_comes_back(deployed: Tool) -> None:
    deployed.database.execute("ALTER TABLE vehicles DROP COLUMN plate, DROP COLUMN vin")
    shown = deployed("diff")
    assert shown.code == 3, shown.text
    assert "+ vehicles.plate  field, string; was removed on the server, comes back" in shown.out
    done = deployed("deploy")
    assert done.code == 0, done.text
    assert "Directus still listed vehicles.plate, whose column was dropped by SQL" in done.err
    assert deployed.database.value(COLUMN.format("vehicles", "plate")) == 1
    assert deployed("deploy").out.startswith("Nothing to do")


def test_a_column_that_is_there_is_not_taken_for_one_that_was_dropped(deployed: Tool, snapshot_file: Path) -> None:
    deployed.database.execute("ALTER TABLE devices ADD COLUMN firmware varchar(255)")
    edited(snapshot_file, with_firmware)
    done = deployed("push", "--snapshot", snapshot_file)
    assert "still listed" not in done.err, done.text


def test_names_that_are_taken_below_directus_are_said_before_anything_is_sent(bootstrapped: Tool) -> None:
    bootstrapped.database.execute("CREATE TABLE vehicles (id uuid); CREATE VIEW devices AS SELECT 1 AS id")
    before = bootstrapped.database.contents()
    for command in ("diff", "push"):
        refused = bootstrapped(command)
        assert refused.code == 4, refused.text
        assert "error[name-taken]: 2 new collections cannot be created" in refused.err
        assert "table vehicles\n" in refused.err
        assert "view devices\n" in refused.err
        assert bootstrapped.database.contents() == before
    bootstrapped.database.execute("DROP TABLE vehicles; DROP VIEW devices")
    assert bootstrapped("push").code == 0
