"""The seed model of the committed snapshot: keys, references, and fields that a file cannot set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from directus_sync.catalog import file as catalog_file
from directus_sync.project import ALEMBIC_TABLES
from directus_sync.schema import snapshot
from directus_sync.seed import model, reading
from directus_sync.seed.model import Collection, Column, Table
from directus_sync.seed.rows import rows
from directus_sync.settings import ROOT

SEEDS = sorted((ROOT / "snapshots" / "seeds").glob("*.yaml"))


USERS = ("id", "email", "password", "token", "status", "role", "phone", "first_name", "last_name", "nationality")


def table_of(entries: dict[str, Any]) -> Table:
    columns = {
        name: Column(_sql_type(entry), bool(entry["schema"]["is_nullable"]), has_default=False)
        for name, entry in entries.items()
        if entry.get("schema")
    }
    return Table(columns, "id", (), {})


def _sql_type(entry: dict[str, Any]) -> str:
    # Directus exports the shape of a geometry as its data type.
    return "geometry" if entry["type"].startswith("geometry") else str(entry["schema"]["data_type"])


@pytest.fixture(scope="module")
def known() -> dict[str, Collection]:
    declared = snapshot.read(ROOT / "snapshots" / "schema.yaml", ALEMBIC_TABLES)
    fields: dict[str, dict[str, Any]] = {}
    for (collection, name), entry in declared.section("fields").items():
        fields.setdefault(collection, {})[name] = entry
    tables = {name: table_of(entries) for name, entries in fields.items()}
    columns = {
        name: Column("uuid" if name == "id" else "text", nullable=name != "id", has_default=False) for name in USERS
    }
    tables["directus_users"] = Table(columns, "id", (("email",), ("token",)), {"role": "directus_roles"})
    return model.collections(declared, catalog_file.load(ROOT / "snapshots" / "catalog.yaml"), tables)


def test_the_keys_of_a_collection_are_its_unique_constraints(known: dict[str, Collection]) -> None:
    # From a column of the snapshot, a constraint of the catalog, and an index of Directus.
    assert known["organizations"].keys == (("slug",),)
    assert known["stages"].keys == (("event_id", "name"),)
    assert known["directus_users"].keys == (("email",), ("token",))
    # A deferrable constraint is an order that people change, so it is not a key.
    assert known["segments"].keys == ()
    assert known["vehicles"].keys == ()
    target = ("entry_id", "geofence_id", "waypoint_id", "direction", "ts")
    assert known["entry_crossings"].keys == (target,)
    nulls_equal = {name for name, found in known.items() if found.nulls_equal}
    assert {"penalty_formulas", "entry_crossings"} <= nulls_equal


def test_references_come_from_relations_of_the_snapshot_and_foreign_keys_of_directus(
    known: dict[str, Collection],
) -> None:
    related = {field.name: field.related for field in known["entry_devices"].fields.values() if field.related}
    assert related == {"entry_id": "entries", "device_id": "devices", "assigned_user_id": "directus_users"}
    assert known["directus_users"].fields["role"].related == "directus_roles"
    assert (known["events"].path, known["directus_users"].path) == ("/items/events", "/users")


@pytest.mark.parametrize(
    ("collection", "field", "why"),
    [
        ("events", "id", "files have no ids"),
        ("events", "created_at", "Directus fills it in"),
        ("events", "updated_at", "Directus fills it in"),
        ("entries", "entry_crew", "it shows rows of another collection"),
        ("directus_users", "password", "must not be able to log in"),
        ("directus_users", "token", "must not be able to log in"),
        ("directus_users", "organization_users", "it shows rows of another collection"),
    ],
)
def test_a_field_that_a_file_cannot_set_has_a_reason(
    known: dict[str, Collection], collection: str, field: str, why: str
) -> None:
    assert why in (known[collection].fields[field].refusal or "")


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: str(path.name))
def test_every_committed_seed_file_fits_the_schema(known: dict[str, Collection], path: Path) -> None:
    assert rows([reading.read(path)], known)
