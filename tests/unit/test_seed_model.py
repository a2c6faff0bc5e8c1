"""What the committed snapshot and catalog declare: the keys of every collection, and what a file can't set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directus_sync.catalog import file as catalog_file
from directus_sync.schema import snapshot
from directus_sync.seed import model, reading
from directus_sync.seed.model import Collection, Column, Table
from directus_sync.seed.rows import rows
from directus_sync.settings import ALEMBIC_TABLES, ROOT

SEEDS = sorted((ROOT / "snapshots" / "seeds").glob("*.yaml"))


def users() -> Iterator[tuple[str, Column]]:
    for name in (
        "id",
        "email",
        "password",
        "token",
        "status",
        "role",
        "phone",
        "first_name",
        "last_name",
        "nationality",
    ):
        yield name, Column("uuid" if name == "id" else "text", nullable=name != "id", has_default=False)


def table_of(entries: dict[str, Any]) -> Table:
    columns = {
        name: Column(_sql_type(entry), bool(entry["schema"]["is_nullable"]), has_default=False)
        for name, entry in entries.items()
        if entry.get("schema")
    }
    return Table(columns, "id", (), {})


def _sql_type(entry: dict[str, Any]) -> str:
    # Directus exports the shape of a geometry as its type.
    return "geometry" if entry["type"].startswith("geometry") else str(entry["schema"]["data_type"])


@pytest.fixture(scope="module")
def known() -> dict[str, Collection]:
    declared = snapshot.read(ROOT / "snapshots" / "schema.yaml", ALEMBIC_TABLES)
    fields: dict[str, dict[str, Any]] = {}
    for (collection, name), entry in declared.section("fields").items():
        fields.setdefault(collection, {})[name] = entry
    tables = {name: table_of(entries) for name, entries in fields.items()}
    tables["directus_users"] = Table(dict(users()), "id", (("email",), ("token",)), {"role": "directus_roles"})
    return model.collections(declared, catalog_file.load(ROOT / "snapshots" / "catalog.yaml"), tables)


def test_keys_are_what_is_declared_unique(known: dict[str, Collection]) -> None:
    expected: dict[str, tuple[tuple[str, ...], ...]] = {
        "organizations": (("slug",),),
        "devices": (("imei",),),
        "vehicles": (),
        "directus_users": (("email",), ("token",)),
        "organization_users": (("organization_id", "user_id"),),
        "organization_vehicles": (("organization_id", "vehicle_id"),),
        "organization_devices": (("organization_id", "device_id"),),
        "events": (("organization_id", "slug"),),
        "classes": (("event_id", "code"),),
        "entries": (("event_id", "race_number"),),
        "entry_crew": (("entry_id", "user_id"),),
        "entry_devices": (("entry_id", "device_id"),),
        "stages": (("event_id", "name"),),
        "geofences": (("event_id", "name"),),
        # Their order changes when somebody drags them.
        "segments": (),
        "waypoints": (),
        "speed_limit_zones": (("event_id", "name"),),
        "penalty_formulas": (
            ("event_id", "belongs_to_type", "belongs_to_id", "type", "offence_key", "offence_min", "occurrence_min"),
        ),
        "entry_segment_starts": (("entry_id", "segment_id"),),
        "entry_crossings": (("entry_id", "geofence_id", "waypoint_id", "direction", "ts"),),
        "entry_penalties": (("entry_id", "dedupe_key"),),
        "stage_results": (("stage_id", "entry_id"),),
        "position_flags": (),
    }
    assert {name: known[name].keys for name in expected} == expected
    nulls_equal = {name for name, found in known.items() if found.nulls_equal}
    assert nulls_equal == {"penalty_formulas", "entry_crossings"}


def test_references_are_relations_of_the_snapshot_and_foreign_keys_of_directus(known: dict[str, Collection]) -> None:
    related = {field.name: field.related for field in known["entry_devices"].fields.values() if field.related}
    assert related == {"entry_id": "entries", "device_id": "devices", "assigned_user_id": "directus_users"}
    assert known["directus_users"].fields["role"].related == "directus_roles"


@pytest.mark.parametrize(
    ("collection", "field"),
    [
        ("events", "id"),
        ("events", "created_at"),
        ("events", "updated_at"),
        ("entries", "entry_crew"),
        ("directus_users", "password"),
        ("directus_users", "token"),
        ("directus_users", "organization_users"),
    ],
)
def test_what_a_file_can_t_set(known: dict[str, Collection], collection: str, field: str) -> None:
    assert known[collection].fields[field].refusal is not None


def test_where_directus_has_the_rows(known: dict[str, Collection]) -> None:
    assert (known["events"].path, known["directus_users"].path) == ("/items/events", "/users")


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: str(path.name))
def test_every_committed_seed_file_fits_the_schema(known: dict[str, Collection], path: Path) -> None:
    assert rows([reading.read(path)], known)
