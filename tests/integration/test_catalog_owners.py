"""Whatever is made has one owner: Directus sees it, or the catalog does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from directus_sync.catalog import compare
from tests.catalogs import ZOO, read
from tests.conftest import SNAPSHOT, Cloning, RunningDirectus, Tool, running_directus


@pytest.fixture(scope="module")
def owners(clone: Cloning) -> Iterator[RunningDirectus]:
    """A Directus over a database with one of everything that revisions may make."""
    tool = Tool(clone("deployed"))
    for block in ZOO:
        tool.database.execute(block)
    with running_directus(tool) as running:
        yield running


def test_directus_shows_nothing_that_revisions_make(owners: RunningDirectus) -> None:
    assert owners.export() == SNAPSHOT.read_bytes()


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


def test_nothing_that_directus_makes_is_in_the_catalog(owners: RunningDirectus) -> None:
    before = read(owners.tool)
    key = {"field": "id", "type": "integer", "schema": {"is_primary_key": True, "has_auto_increment": True}}
    made = owners.http.post("/collections", json={"collection": "depots", "schema": {}, "meta": {}, "fields": [key]})
    assert made.status_code == 200, made.text
    tracked: dict[str, dict[str, object]] = {"meta": {}, "schema": {}}
    for collection in ("depots", "vehicles", "directus_users"):
        for field in FIELDS:
            made = owners.http.post(f"/fields/{collection}", json={**tracked, **field})
            assert made.status_code == 200, made.text
    for collection, target, kind, rule in (
        ("depots", "vehicles", "uuid", "SET NULL"),
        ("vehicles", "depots", "integer", "CASCADE"),
        ("directus_users", "depots", "integer", "RESTRICT"),
        ("depots", "directus_files", "uuid", "NO ACTION"),
    ):
        name = f"to_{target}"
        assert owners.http.post(f"/fields/{collection}", json={"field": name, "type": kind, **tracked}).is_success
        relation = {
            "collection": collection, "field": name, "related_collection": target, "schema": {"on_delete": rule},
        }  # fmt: skip
        made = owners.http.post("/relations", json=relation)
        assert made.status_code == 200, made.text
    try:
        assert compare(before, read(owners.tool)) == ()
        exported = owners.export().decode()
        assert all(f"field: {field['field']}\n" in exported for field in FIELDS)
    finally:
        for collection, target in (("vehicles", "depots"), ("directus_users", "depots")):
            owners.http.delete(f"/fields/{collection}/to_{target}")
        owners.http.delete("/collections/depots")
        for field in FIELDS:
            for collection in ("vehicles", "directus_users"):
                assert owners.http.delete(f"/fields/{collection}/{field['field']}").is_success
    assert owners.export() == SNAPSHOT.read_bytes()


# What one might put on a table that Directus tracks, how it is taken away, and who sees it.
SEEN_BY = {
    "a unique constraint on one column": (
        "ALTER TABLE devices ADD CONSTRAINT x UNIQUE (model)", "ALTER TABLE devices DROP CONSTRAINT x", "directus",
    ),
    "a deferrable one": (
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
def test_whatever_is_made_has_one_owner(owners: RunningDirectus, what: str) -> None:
    make, unmake, owner = SEEN_BY[what]
    catalog, snapshot = read(owners.tool), owners.export()
    owners.database.execute(make)
    try:
        seen = {"catalog": read(owners.tool) != catalog, "directus": owners.export() != snapshot}
    finally:
        owners.database.execute(unmake)
    assert [name for name, sees in seen.items() if sees] == [owner]
