"""Somebody worked below Directus, by SQL: what is gone comes back, and what is in the way is named before a push."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import SNAPSHOT, Tool
from tests.snapshots import drop_property, edited, with_firmware

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


def test_a_column_that_was_renamed_by_sql_does_not_come_back_empty(deployed: Tool) -> None:
    row = "INSERT INTO vehicles (id, make, model, plate) VALUES (gen_random_uuid(), 'KTM', '450', 'AA 1')"
    deployed.database.execute(f"{row}; ALTER TABLE vehicles RENAME COLUMN plate TO licence")
    before = deployed.database.contents()
    for command in ("diff", "push", "deploy"):
        refused = deployed(command)
        said = refused.out if command == "diff" else refused.err
        assert (refused.code, "renamed-by-sql" in said) == (3 if command == "diff" else 4, True), refused.text
        assert deployed.database.contents() == before
    assert "vehicles.plate (field; the table has licence, which Directus does not know)" in refused.err
    (step,) = re.findall(r"rename it back: (ALTER TABLE .*)", refused.err)

    # It was dropped, and the other one is something else.
    discarded = deployed("push", "--discard-live", "vehicles.plate")
    assert discarded.code == 0, discarded.text
    assert deployed.database.rows("SELECT plate, licence FROM vehicles") == [(None, "AA 1")]

    # It was renamed.
    deployed.database.execute("ALTER TABLE vehicles DROP COLUMN plate")
    deployed.database.execute(step)
    assert deployed("push").out.startswith("Nothing to push")
    assert deployed.database.rows("SELECT plate FROM vehicles") == [("AA 1",)]


def test_a_column_that_revisions_made_or_without_values_is_not_taken_for_a_renamed_one(
    deployed: Tool, snapshot_file: Path
) -> None:
    catalog = snapshot_file.with_name("catalog.yaml")
    shutil.copy(SNAPSHOT.with_name("catalog.yaml"), catalog)
    deployed.database.execute(
        "ALTER TABLE vehicles ADD COLUMN ours varchar DEFAULT 'x', ADD COLUMN empty varchar, DROP COLUMN plate;"
        "INSERT INTO vehicles (id, make, model) VALUES (gen_random_uuid(), 'KTM', '450')"
    )
    assert "renamed-by-sql" in deployed("push", "--snapshot", snapshot_file).err
    lines = catalog.read_text(encoding="utf-8").replace("columns:\n", "columns:\n  vehicles.ours: x\n")
    catalog.write_text(lines, encoding="utf-8")
    pushed = deployed("push", "--snapshot", snapshot_file)
    assert pushed.code == 0, pushed.text


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


UNTRACKED = {
    "a key of several columns": (
        "ALTER TABLE entry_devices DROP CONSTRAINT entry_devices_pkey, ADD PRIMARY KEY (id, entry_id)",
        "table entry_devices",
    ),
    "no key": ("ALTER TABLE entry_devices DROP CONSTRAINT entry_devices_pkey", "table entry_devices"),
    "a field": (
        "DELETE FROM directus_fields WHERE (collection, field) = ('vehicles', 'plate')",
        "column vehicles.plate",
    ),
    "relations": (
        "DELETE FROM directus_relations WHERE many_collection = 'entry_devices'",
        "foreign key entry_devices.entry_id",
    ),
    "a field with its relation": (
        "DELETE FROM directus_relations WHERE (many_collection, many_field) = ('entries', 'vehicle_id');"
        "DELETE FROM directus_fields WHERE (collection, field) = ('entries', 'vehicle_id')",
        "foreign key entries.vehicle_id",
    ),
}


@pytest.mark.parametrize("what", UNTRACKED)
def test_what_directus_forgot_and_postgresql_has_is_named_before_anything_is_sent(deployed: Tool, what: str) -> None:
    statement, line = UNTRACKED[what]
    deployed.database.execute(statement)
    before = deployed.database.contents()
    for _ in range(2):
        refused = deployed("deploy")
        assert (refused.code, "error[name-taken]" in refused.err, line in refused.err) == (4, True, True), refused.text
        assert deployed.database.contents() == before
    for step in re.findall("(?:INSERT INTO|ALTER TABLE) .*;", refused.err):
        deployed.database.execute(step)
    done = deployed("deploy", *(word for line in re.findall("--discard-live .*", refused.err) for word in line.split()))
    assert done.code == 0, done.text
    assert deployed("deploy").out.startswith("Nothing to do")


def test_relations_of_a_collection_that_lost_its_table_are_refused_elsewhere(
    bootstrapped: Tool, snapshot_file: Path
) -> None:
    """As a pull captures it after the table was renamed by SQL: what is left in Directus is a folder."""
    name = "entry_devices"
    edited(
        snapshot_file,
        drop_property("collections", "schema", collection=name),
        lambda document: document.update(fields=[e for e in document["fields"] if e["collection"] != name]),
        lambda document: [e.pop("schema") for e in document["relations"] if e["collection"] == name],
    )
    refused = bootstrapped("push", "--only", "schema", "--snapshot", snapshot_file)
    assert (refused.code, "error[not-rebuildable]" in refused.err) == (4, True), refused.text
    assert "entry_devices.entry_id (relation; the file does not have the field that it belongs to)" in refused.err


def test_a_column_with_a_foreign_key_that_was_dropped_by_sql_comes_back_as_the_message_says(deployed: Tool) -> None:
    deployed.database.execute("ALTER TABLE entry_devices DROP COLUMN device_id CASCADE")
    refused = deployed("deploy")
    assert (refused.code, "error[incomplete-entry]" in refused.err) == (4, True), refused.text
    (statement,) = re.findall("if its column was dropped, too: (DELETE FROM .*;)", refused.err)
    deployed.database.execute(statement)
    done = deployed("deploy")
    assert done.code == 0, done.text
    assert "Put back: constraint entry_devices.entry_devices_entry_id_device_id_key" in done.err
    assert deployed("deploy").out.startswith("Nothing to do")


CONTRADICTIONS = {
    "fields of a collection that is none": "DELETE FROM directus_collections WHERE collection = 'vehicles'",
    "a circle of groups": "UPDATE directus_collections SET \"group\" = collection WHERE collection = 'vehicles'",
    "a relation twice": "INSERT INTO directus_relations (many_collection, many_field, one_collection) SELECT"
    " many_collection, many_field, one_collection FROM directus_relations WHERE many_collection = 'entry_devices'",
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_contradicts_itself_in_directus_is_corrected_as_the_message_says(deployed: Tool, what: str) -> None:
    deployed.database.execute(CONTRADICTIONS[what])
    for _ in range(5):
        refused = deployed("push")
        if refused.code == 0 or "error[invalid-snapshot]" not in refused.err:
            break
        assert "this is what Directus itself has in its tables" in refused.err, refused.text
        (statement,) = re.findall("(?:INSERT|UPDATE|DELETE) .*;", refused.err)
        deployed.database.execute(statement)
    assert refused.code in {0, 4}, refused.text
    assert "error[invalid-snapshot]" not in refused.err
    discards = [word for line in re.findall("--discard-live .*", refused.err) for word in line.split()]
    done = deployed("push", *discards)
    assert done.code == 0, done.text
