"""Every database object has exactly one owner: either Directus shows it, or the catalog does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from directus_sync.catalog import Catalog
from tests.catalogs import ZOO, read
from tests.conftest import SNAPSHOT, RunningDirectus, Serving
from tests.making import collection, field, key, relation


@dataclass(frozen=True)
class Owners:
    """A Directus on a database with every kind of object that revisions create, and the catalog of that database."""

    running: RunningDirectus
    catalog: Catalog

    @property
    def changed(self) -> list[str]:
        """The owners that now show a difference."""
        seen = {
            "catalog": read(self.running.tool) != self.catalog,
            "directus": self.running.export() != SNAPSHOT.read_bytes(),
        }
        return [name for name, sees in seen.items() if sees]


@pytest.fixture(scope="module")
def owners(serve: Serving) -> Iterator[Owners]:
    with serve("deployed", "".join(ZOO)) as running:
        yield Owners(running, read(running.tool))


def test_directus_shows_no_object_that_revisions_create(owners: Owners) -> None:
    assert owners.changed == []


FIELDS: tuple[dict[str, Any], ...] = (
    {"field": "plain", "type": "string", "schema": {}},
    {"field": "sole", "type": "string", "schema": {"is_unique": True}},
    {"field": "searched", "type": "string", "schema": {"is_indexed": True}},
    {"field": "both", "type": "integer", "schema": {"is_unique": True, "is_indexed": True, "default_value": 1}},
    {"field": "required", "type": "text", "meta": {"required": True},
     "schema": {"is_nullable": False, "default_value": "x", "comment": "note"}},
    {"field": "none", "type": "string", "schema": {"default_value": None, "max_length": 20}},
    {"field": "price", "type": "decimal", "schema": {"numeric_precision": 8, "numeric_scale": 2, "default_value": 1}},
    {"field": "since", "type": "timestamp", "schema": {"default_value": "CURRENT_TIMESTAMP"}},
    {"field": "place", "type": "geometry.Point", "schema": {"is_indexed": True}},
    {"field": "line", "type": "geometry.LineString", "schema": {}},
    {"field": "bag", "type": "json", "schema": {}},
    {"field": "choice", "type": "string", "meta": {"options": {"choices": [{"text": "A", "value": "a"}]}},
     "schema": {}},
)  # fmt: skip
ON_TABLES = (("vehicles", "both"), ("vehicles", "place"), ("directus_users", "sole"), ("directus_users", "searched"))


def test_the_catalog_lists_no_object_that_directus_creates(owners: Owners) -> None:
    running = owners.running
    collection(running, "depots", key(), *({"schema": {}, "meta": {}, **each} for each in FIELDS))
    # Single fields on existing tables.
    for owner, name in ON_TABLES:
        (made,) = (each for each in FIELDS if each["field"] == name)
        field(running, owner, name, made["type"], schema=made["schema"])
    for owner, target, kind, rule in (
        ("depots", "vehicles", "uuid", "SET NULL"),
        ("vehicles", "depots", "integer", "CASCADE"),
        ("directus_users", "depots", "integer", "RESTRICT"),
        ("depots", "directus_files", "uuid", "NO ACTION"),
    ):
        field(running, owner, f"to_{target}", kind)
        relation(running, owner, f"to_{target}", target, schema={"on_delete": rule})
    try:
        assert owners.changed == ["directus"]
        exported = running.export().decode()
        assert all(f"field: {each['field']}\n" in exported for each in FIELDS)
    finally:
        for owner in ("vehicles", "directus_users"):
            running.http.delete(f"/fields/{owner}/to_depots")
        running.http.delete("/collections/depots")
        for owner, name in ON_TABLES:
            assert running.http.delete(f"/fields/{owner}/{name}").is_success
    assert owners.changed == []


# Objects on a table that Directus tracks: how to create and remove them, and which owner shows them.
SEEN_BY = {
    "a unique constraint on one column": (
        "ALTER TABLE devices ADD CONSTRAINT x UNIQUE (model)", "ALTER TABLE devices DROP CONSTRAINT x", "directus",
    ),
    "a deferrable foreign key": (
        "ALTER TABLE entries ALTER CONSTRAINT entries_class_id_foreign DEFERRABLE",
        "ALTER TABLE entries ALTER CONSTRAINT entries_class_id_foreign NOT DEFERRABLE", "catalog",
    ),
    "a unique index on one column": ("CREATE UNIQUE INDEX x ON devices (model)", "DROP INDEX x", "catalog"),
    "an index on one column": ("CREATE INDEX x ON devices (model)", "DROP INDEX x", "directus"),
    "a partial index on one column": (
        "CREATE INDEX x ON devices (model) WHERE model <> ''", "DROP INDEX x", "directus",
    ),
    "a hash index on one column": ("CREATE INDEX x ON devices USING hash (model)", "DROP INDEX x", "directus"),
    "an index with an included column": (
        "CREATE INDEX x ON devices (model) INCLUDE (imei)", "DROP INDEX x", "catalog",
    ),
    "an index on an expression": ("CREATE INDEX x ON devices (lower(model))", "DROP INDEX x", "catalog"),
    "an index on two columns": ("CREATE INDEX x ON devices (model, imei)", "DROP INDEX x", "catalog"),
    "a foreign key on a column": (
        "ALTER TABLE devices ADD CONSTRAINT x FOREIGN KEY (model) REFERENCES organizations (slug)",
        "ALTER TABLE devices DROP CONSTRAINT x", "directus",
    ),
    "a foreign key on two columns": (
        "ALTER TABLE classes ADD CONSTRAINT y UNIQUE (id, event_id),"
        " ADD CONSTRAINT x FOREIGN KEY (id, event_id) REFERENCES classes (id, event_id)",
        "ALTER TABLE classes DROP CONSTRAINT x, DROP CONSTRAINT y", "catalog",
    ),
    "a check": (
        "ALTER TABLE devices ADD CONSTRAINT x CHECK (model <> '')", "ALTER TABLE devices DROP CONSTRAINT x", "catalog",
    ),
    "a column": ("ALTER TABLE devices ADD COLUMN x text UNIQUE", "ALTER TABLE devices DROP COLUMN x", "catalog"),
    "a default": (
        "ALTER TABLE devices ALTER COLUMN model SET DEFAULT 'x'", "ALTER TABLE devices ALTER COLUMN model DROP DEFAULT",
        "directus",
    ),
    "a nullable column": (
        "ALTER TABLE devices ALTER COLUMN model DROP NOT NULL", "ALTER TABLE devices ALTER COLUMN model SET NOT NULL",
        "directus",
    ),
    "an index on a field of Directus's users": (
        "CREATE INDEX x ON directus_users (phone)", "DROP INDEX x", "directus",
    ),
    "an index on two fields of Directus's users": (
        "CREATE INDEX x ON directus_users (phone, nationality)", "DROP INDEX x", "catalog",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SEEN_BY)
def test_every_object_has_exactly_one_owner(owners: Owners, what: str) -> None:
    make, unmake, owner = SEEN_BY[what]
    owners.running.database.execute(make)
    try:
        assert owners.changed == [owner]
    finally:
        owners.running.database.execute(unmake)
