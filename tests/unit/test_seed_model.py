"""What the committed snapshot and catalog declare: the keys of every collection, and what a file can't set."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
from tests import snapshots

# One that is deferrable is an order that people change, and no key.
UNIQUES = re.compile(r"^  (\w+)\.\w+: UNIQUE (?:NULLS NOT DISTINCT )?\(([^)]*)\)$", re.MULTILINE)
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


def declared() -> dict[str, set[tuple[str, ...]]]:
    """Return what is declared unique, as the files have it: columns of the snapshot, constraints of the catalog."""
    found: dict[str, set[tuple[str, ...]]] = {}
    document = snapshots.load((ROOT / "snapshots" / "schema.yaml").read_text(encoding="utf-8"))
    for entry in document["fields"]:
        schema = entry.get("schema") or {}
        if schema.get("is_unique") and not schema.get("is_primary_key"):
            found.setdefault(entry["collection"], set()).add((entry["field"],))
    for table, columns in UNIQUES.findall((ROOT / "snapshots" / "catalog.yaml").read_text(encoding="utf-8")):
        found.setdefault(table, set()).add(tuple(columns.split(", ")))
    return found


def test_keys_are_what_is_declared_unique(known: dict[str, Collection]) -> None:
    expected = {**declared(), "directus_users": {("email",), ("token",)}}
    own = {name: set(found.keys) for name, found in known.items() if found.keys}
    assert {name: keys for name, keys in own.items() if name in expected} == {
        name: keys for name, keys in expected.items() if name in known
    }
    # A few that are known by heart, in case both are read wrongly.
    assert known["organizations"].keys == (("slug",),)
    assert known["stages"].keys == (("event_id", "name"),)
    assert known["segments"].keys == ()
    assert known["vehicles"].keys == ()
    nulls_equal = {name for name, found in known.items() if found.nulls_equal}
    assert {"penalty_formulas", "entry_crossings"} <= nulls_equal


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
