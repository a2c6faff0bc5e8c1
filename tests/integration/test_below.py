"""Changes made by SQL, past Directus: lost items come back, and obstacles are named before a push."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from directus_sync.postgres import database
from directus_sync.probes import sql_changes
from directus_sync.schema.diff import Action, Change, ItemKind
from tests import small
from tests.conftest import SNAPSHOT, Database, Finished, Serving, Tool
from tests.snapshots import drop_property, edited


@dataclass(frozen=True)
class Site:
    """A database that equals a small snapshot, and the snapshot file."""

    tool: Tool
    snapshot: Path

    @property
    def database(self) -> Database:
        return self.tool.database

    def push(self, *options: str) -> Finished:
        return self.tool("push", "--snapshot", self.snapshot, *options)

    def pushed(self, *options: str) -> Finished:
        done = self.push(*options)
        assert done.code == 0, done.text
        return done

    def refused(self, error: str) -> str:
        """Push; expect a refusal that changes nothing, and return the error output."""
        before = self.database.contents()
        done = self.push()
        assert (done.code, f"error[{error}]" in done.err) == (4, True), done.text
        assert self.database.contents() == before
        return done.err


@pytest.fixture
def site(serve: Serving, tmp_path: Path) -> Iterator[Site]:
    with serve("bootstrapped", "", small.pushed) as running:
        yield Site(running.tool, small.file(tmp_path))


def discard_options(said: str) -> list[str]:
    """Return the --discard-live options that a refusal proposes."""
    return [word for line in re.findall("--discard-live .*", said) for word in line.split()]


def test_deploy_restores_a_column_dropped_by_sql(deployed: Tool) -> None:
    deployed.database.execute("ALTER TABLE vehicles DROP COLUMN plate, DROP COLUMN vin")
    shown = deployed("diff")
    assert shown.code == 3, shown.text
    assert "+ vehicles.plate  field, string; was removed on the server, comes back" in shown.out
    done = deployed.done("deploy")
    assert "Directus still listed vehicles.plate, whose column was dropped by SQL" in done.err
    column = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'vehicles' AND column_name = 'plate'"
    assert deployed.database.value(column) == 1
    assert deployed("deploy").out.startswith("Nothing to do")


def test_push_refuses_to_recreate_a_column_that_was_renamed_by_sql(site: Site) -> None:
    site.database.execute("ALTER TABLE vehicles RENAME COLUMN plate TO licence")
    said = site.refused("renamed-by-sql")
    assert "vehicles.plate (field; the table has licence, which Directus does not know)" in said
    shown = site.tool("diff", "--snapshot", site.snapshot)
    assert (shown.code, "renamed-by-sql" in shown.out) == (3, True), shown.text
    (step,) = re.findall(r"rename it back: (ALTER TABLE .*)", said)

    # Case 1: the column was dropped, and the new column is something else.
    site.pushed("--discard-live", "vehicles.plate")
    assert site.database.rows("SELECT plate, licence FROM vehicles") == [(None, "AA 301 BB")]

    # Case 2: the column was renamed.
    site.database.execute("ALTER TABLE vehicles DROP COLUMN plate")
    site.database.execute(step)
    assert site.push().out.startswith("Nothing to push")
    assert site.database.rows("SELECT plate FROM vehicles") == [("AA 301 BB",)]


@pytest.mark.parametrize(
    ("type_name", "said", "column", "value"),
    [
        ("geometry.Point", "POINT", "geometry(Point, 4326)", "st_setsrid(st_makepoint(19.8, 41.3), 4326)"),
        # Directus never creates these two types, but an adopted database can have them.
        ("integer", "smallint", "smallint", "1"),
        ("json", "jsonb", "jsonb", "'{}'"),
    ],
)
def test_a_column_renamed_by_sql_is_found_by_its_type(
    bootstrapped: Tool, type_name: str, said: str, column: str, value: str
) -> None:
    bootstrapped.database.execute(
        f"CREATE TABLE spots (place {column}); INSERT INTO spots VALUES ({value});"
        " INSERT INTO directus_fields (collection, field) VALUES ('spots', 'location')"
    )
    change = Change(
        Action.ADD, ItemKind.FIELD, "spots", "location", after={"type": type_name, "schema": {"data_type": said}}
    )
    with database.connect(bootstrapped.settings, "test") as connection:
        assert sql_changes.look_alikes(connection, [change], None) == {"spots.location": ("place",)}


def test_columns_made_by_revisions_or_without_values_do_not_count_as_renamed(site: Site) -> None:
    catalog = site.snapshot.with_name("catalog.yaml")
    shutil.copy(SNAPSHOT.with_name("catalog.yaml"), catalog)
    site.database.execute(
        "ALTER TABLE vehicles ADD COLUMN ours varchar DEFAULT 'x', ADD COLUMN empty varchar, DROP COLUMN plate"
    )
    site.refused("renamed-by-sql")
    lines = catalog.read_text(encoding="utf-8").replace("columns:\n", "columns:\n  vehicles.ours: x\n")
    catalog.write_text(lines, encoding="utf-8")
    site.pushed()


def test_push_refuses_names_of_tables_and_views_made_by_sql(serve: Serving, tmp_path: Path) -> None:
    with serve("bootstrapped") as running:
        site = Site(running.tool, small.file(tmp_path))
        site.database.execute("CREATE TABLE vehicles (id uuid); CREATE VIEW devices AS SELECT 1 AS id")
        said = site.refused("name-taken")
        assert "error[name-taken]: 2 new collections cannot be created" in said
        assert "table vehicles\n" in said
        assert "view devices\n" in said
        site.tool.refused("name-taken", "diff", "--snapshot", site.snapshot)
        site.database.execute("DROP TABLE vehicles; DROP VIEW devices")
        site.pushed()


def test_push_refuses_names_of_types_sequences_and_indexes_made_by_sql(serve: Serving, tmp_path: Path) -> None:
    """A table also creates a type with its name, and tables and indexes share one namespace."""
    with serve("bootstrapped") as running:
        site = Site(running.tool, small.file(tmp_path))
        site.database.execute(
            "CREATE TYPE vehicles AS ENUM ('car'); CREATE SEQUENCE devices;"
            " CREATE TABLE beside (vehicle integer); CREATE INDEX organizations_slug_unique ON beside (vehicle)"
        )
        said = site.refused("name-taken")
        assert "error[name-taken]: 3 names cannot be given" in said
        for taken in ("type vehicles, for the table of vehicles", "sequence devices, for the table of devices"):
            assert taken in said
        assert "index organizations_slug_unique, for the index of organizations.slug" in said
        site.database.execute("ALTER TYPE vehicles RENAME TO kinds; DROP SEQUENCE devices; DROP TABLE beside CASCADE")
        site.pushed()


# By text of the message, the statement that causes it.
UNTRACKED = {
    "tables with a key of several columns and without one": {
        "table organization_devices": "ALTER TABLE organization_devices"
        " DROP CONSTRAINT organization_devices_pkey, ADD PRIMARY KEY (id, device_id)",
        "table organization_vehicles": "ALTER TABLE organization_vehicles DROP CONSTRAINT organization_vehicles_pkey",
    },
    "a field": {
        "column vehicles.plate": "DELETE FROM directus_fields WHERE (collection, field) = ('vehicles', 'plate')",
    },
    "relations, and a field with its relation": {
        "foreign key organization_devices.device_id": (
            "DELETE FROM directus_relations WHERE many_collection = 'organization_devices'"
        ),
        "foreign key organization_vehicles.vehicle_id": (
            "DELETE FROM directus_relations"
            " WHERE (many_collection, many_field) = ('organization_vehicles', 'vehicle_id');"
            "DELETE FROM directus_fields WHERE (collection, field) = ('organization_vehicles', 'vehicle_id')"
        ),
    },
}


@pytest.mark.parametrize("what", UNTRACKED)
def test_push_names_objects_that_directus_no_longer_lists(site: Site, what: str) -> None:
    for statement in UNTRACKED[what].values():
        site.database.execute(statement)
    said = site.refused("name-taken")
    assert [line for line in UNTRACKED[what] if line not in said] == [], said
    # Table names are quoted in the proposed SQL, because a name may be a reserved word.
    assert re.findall('ALTER TABLE [^"].*', said) == []
    for step in re.findall("(?:INSERT INTO|ALTER TABLE) .*;", said):
        site.database.execute(step)
    site.pushed(*discard_options(said))
    assert site.push().out.startswith("Nothing to push")


def test_push_refuses_relations_of_a_collection_without_table(serve: Serving, tmp_path: Path) -> None:
    """A pull captures this after the table was renamed by SQL: Directus keeps only a folder."""
    name = "organization_devices"
    with serve("bootstrapped") as running:
        site = Site(running.tool, small.file(tmp_path))
        edited(
            site.snapshot,
            drop_property("collections", "schema", collection=name),
            lambda document: document.update(fields=[e for e in document["fields"] if e["collection"] != name]),
            lambda document: [e.pop("schema") for e in document["relations"] if e["collection"] == name],
        )
        said = site.refused("not-rebuildable")
    assert f"{name}.organization_id (relation; the file does not have the field that it belongs to; " in said


def test_the_sql_in_the_message_restores_a_dropped_foreign_key_column(deployed: Tool) -> None:
    deployed.database.execute("ALTER TABLE entry_devices DROP COLUMN device_id CASCADE")
    refused = deployed.refused("incomplete-entry", "push")
    (statement,) = re.findall("if its column was dropped, too: (DELETE FROM .*;)", refused.err)
    deployed.database.execute(statement)
    done = deployed.done("deploy")
    assert "Put back: constraint entry_devices.entry_devices_entry_id_device_id_key" in done.err


# Contradictions in Directus's own tables.
CONTRADICTIONS = {
    "fields of a missing collection": "DELETE FROM directus_collections WHERE collection = 'vehicles'",
    "a circle of groups": "UPDATE directus_collections SET \"group\" = collection WHERE collection = 'vehicles'",
    "a duplicate relation": "INSERT INTO directus_relations (many_collection, many_field, one_collection) SELECT"
    " many_collection, many_field, one_collection FROM directus_relations"
    " WHERE many_collection = 'organization_vehicles'",
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_the_sql_in_the_message_repairs_contradictions_in_directus(site: Site, what: str) -> None:
    site.database.execute(CONTRADICTIONS[what])
    for _ in range(5):
        refused = site.push()
        if refused.code == 0 or "error[invalid-snapshot]" not in refused.err:
            break
        assert "Directus itself has this in its tables" in refused.err, refused.text
        (statement,) = re.findall("(?:INSERT|UPDATE|DELETE) .*;", refused.err)
        site.database.execute(statement)
    assert refused.code in {0, 4}, refused.text
    assert "error[invalid-snapshot]" not in refused.err
    site.pushed(*discard_options(refused.err))
