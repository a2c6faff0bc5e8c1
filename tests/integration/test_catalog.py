"""The catalog on a real PostgreSQL: which objects it reads, and that lost objects are restored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import psycopg2
import pytest
import stamina

from directus_sync.catalog import Catalog, Drift, Kind, compare, concurrent_indexes
from directus_sync.catalog import file as catalog_file
from directus_sync.catalog import query as catalog_query
from directus_sync.catalog import restore as catalog_restore
from directus_sync.errors import CatalogDrift
from directus_sync.postgres import database, patience
from tests.catalogs import CATALOG, ZOO, connected, drift, put_back, read
from tests.checkout import Checkout
from tests.conftest import Copying, Tool


@pytest.fixture(scope="module")
def zoo(copied: Copying) -> Iterator[tuple[Tool, Catalog]]:
    """A database with every kind of object. A test that drops one must restore it."""
    with copied("deployed") as database:
        for block in ZOO:
            database.execute(block)
        yield Tool(database), read(Tool(database))


def test_the_committed_file_equals_a_clean_deploy_on_every_image(deployed: Tool) -> None:
    assert catalog_file.dump(read(deployed)) == CATALOG.read_bytes()
    # Only timescaledb-ha has the toolkit. The catalog knows it by its name alone, so a renamed extension will do.
    deployed.database.execute(
        "CREATE EXTENSION citext; UPDATE pg_extension SET extname = 'timescaledb_toolkit' WHERE extname = 'citext'"
    )
    assert compare(catalog_file.load(CATALOG), read(deployed)) == ()


def test_an_empty_database_has_an_empty_catalog(empty: Tool) -> None:
    assert read(empty) == Catalog({})


def test_reading_ignores_and_keeps_the_session_s_settings_and_ends_its_transaction(
    zoo: tuple[Tool, Catalog],
) -> None:
    tool, catalog = zoo
    settings = {
        "search_path": "directus_sync",
        "TimeZone": "Asia/Kathmandu",
        "DateStyle": "German, DMY",
        "IntervalStyle": "iso_8601",
        "quote_all_identifiers": "on",
        "extra_float_digits": "-5",
    }
    with connected(tool) as connection:
        for name, value in settings.items():
            database.query(connection, "SELECT set_config(%s, %s, false)", (name, value))
        assert catalog_query.read(connection) == catalog
        assert connection.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE
        for name, value in settings.items():
            assert database.query(connection, "SELECT current_setting(%s)", (name,)) == [(value,)]


def test_the_file_does_not_depend_on_the_order_of_creation(deployed: Tool, zoo: tuple[Tool, Catalog]) -> None:
    _, catalog = zoo
    deployed.database.execute("CREATE TABLE gone (id serial PRIMARY KEY); DROP TABLE gone")
    for block in reversed(ZOO):
        deployed.database.execute(block)
    assert catalog_file.dump(read(deployed)) == catalog_file.dump(catalog)


def test_the_file_can_hold_every_kind_of_object(zoo: tuple[Tool, Catalog]) -> None:
    _, catalog = zoo
    assert {item.kind for item in catalog.definitions} == set(Kind)
    assert catalog_file.parse(catalog_file.dump(catalog), "zoo").definitions == catalog.definitions


def test_the_catalog_leaves_out_internal_objects(zoo: tuple[Tool, Catalog]) -> None:
    tool, catalog = zoo
    tool.database.execute("INSERT INTO samples VALUES (now(), 'a', 1), (now() - interval '9 hours', 'b', 2)")
    try:
        assert tool.database.value("SELECT count(*) FROM show_chunks('samples')") > 1
        assert read(tool) == catalog
    finally:
        tool.database.execute("TRUNCATE samples")
    text = catalog_file.dump(catalog).decode()
    for word in ("_timescaledb", "ts_insert_blocker", "spatial_ref_sys", "snapshot_history", "plpgsql:", "laps_id_seq"):
        assert word not in text
    # On Directus's own tables the catalog lists only objects on fields of the project, and triggers.
    of_directus = [item for item in catalog.definitions if "directus_" in item.name]
    assert sorted(str(item) for item in of_directus if item.kind is not Kind.TRIGGER) == [
        "constraint directus_users.directus_users_nationality_check",
        "constraint directus_users.directus_users_phone_check",
        "index directus_users.directus_users_phone_idx",
    ]
    assert all("_audit" in item.name for item in of_directus if item.kind is Kind.TRIGGER)


LOST = {
    "index vehicles.vehicles_position_geography_idx": "DROP INDEX vehicles_position_geography_idx",
    "constraint entries.entries_odd_check": "ALTER TABLE entries DROP CONSTRAINT entries_odd_check",
    "constraint vehicles.vehicles_position_check": "ALTER TABLE vehicles DROP CONSTRAINT vehicles_position_check",
    "extension citext": "DROP EXTENSION citext",
    "type terrain": "DROP TYPE terrain CASCADE",
    "type knots": "DROP DOMAIN knots CASCADE",
    "table laps": "DROP TABLE laps",
    "column laps.id": "ALTER TABLE laps DROP COLUMN id",
    "column laps.twice": "ALTER TABLE laps DROP COLUMN twice",
    "column laps.code": "ALTER TABLE laps DROP COLUMN code",
    "comment laps": "COMMENT ON TABLE laps IS NULL",
    "comment laps.speed": "COMMENT ON COLUMN laps.speed IS NULL",
    "constraint laps.laps_entry_id_fkey": "ALTER TABLE laps DROP CONSTRAINT laps_entry_id_fkey",
    "constraint laps.laps_entry_fkey": "ALTER TABLE entries DROP CONSTRAINT entries_event_id_race_number_key CASCADE",
    "constraint laps.laps_during_excl": "ALTER TABLE laps DROP CONSTRAINT laps_during_excl",
    "hypertable samples": "DROP TABLE samples",
    "hypertable counters": "DROP TABLE counters; CREATE TABLE counters (number bigint NOT NULL)",
    "hypertable positions": "DROP TABLE positions",
    "column positions.faulty": "ALTER TABLE positions DROP COLUMN faulty",
    "index positions.positions_device_ts": "DROP INDEX positions_device_ts",
    "function checked(text)": "DROP FUNCTION checked(text) CASCADE",
    "constraint entries.entries_number_check": "ALTER TABLE entries DROP CONSTRAINT entries_number_check",
    "constraint entries.entries_order_key": "ALTER TABLE entries DROP CONSTRAINT entries_order_key",
    "constraint entries.entries_vehicle_key": "ALTER TABLE entries DROP CONSTRAINT entries_vehicle_key",
    "index entries.entries_notes_idx": "DROP INDEX entries_notes_idx",
    "index entries.entries_late_idx": "DROP INDEX entries_late_idx",
    "index entries.entries_notes_lower_idx": "DROP INDEX entries_notes_lower_idx",
    "index entries.entries_covering_idx": "DROP INDEX entries_covering_idx",
    "deferrable entries.entries_event_id_foreign": (
        "ALTER TABLE entries ALTER CONSTRAINT entries_event_id_foreign NOT DEFERRABLE"
    ),
    "column vehicles.weight": "ALTER TABLE vehicles DROP COLUMN weight",
    "function touch()": "DROP FUNCTION touch() CASCADE",
    "trigger classes.classes_asleep": "DROP TRIGGER classes_asleep ON classes",
    "function nothing()": "DROP PROCEDURE nothing()",
    "view named": "DROP VIEW named CASCADE",
    "sequence bibs": "DROP SEQUENCE bibs",
    "constraint directus_users.directus_users_phone_check": (
        "ALTER TABLE directus_users DROP CONSTRAINT directus_users_phone_check"
    ),
    'constraint "Odd.Table"."100%"': 'DROP TABLE "Odd.Table"',
}


def of_kind(kind: str) -> list[str]:
    return [name for name in LOST if name.startswith(f"{kind} ")]


@pytest.mark.parametrize("kind", sorted({name.partition(" ")[0] for name in LOST}))
def test_lost_objects_are_restored(zoo: tuple[Tool, Catalog], kind: str) -> None:
    names = of_kind(kind)
    lost = assert_put_back(zoo, "; ".join(LOST[name] for name in names))
    assert {name: lost.get(name) for name in names} == dict.fromkeys(names, Drift.MISSING)


BUILT_CONCURRENTLY = [
    *of_kind("index"),
    *("constraint entries.entries_order_key", "constraint entries.entries_vehicle_key", "column vehicles.weight"),
]


def test_lost_objects_of_a_large_table_are_restored(zoo: tuple[Tool, Catalog], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent_indexes, "LARGE_BYTES", 0)
    lost = assert_put_back(zoo, "; ".join(LOST[name] for name in BUILT_CONCURRENTLY))
    assert {name: lost.get(name) for name in BUILT_CONCURRENTLY} == dict.fromkeys(BUILT_CONCURRENTLY, Drift.MISSING)


def assert_put_back(zoo: tuple[Tool, Catalog], statements: str) -> dict[str, Drift]:
    """Execute statements that drop or change objects, check that all are restored, and return what was wrong."""
    tool, catalog = zoo
    with connected(tool) as connection:
        with connection.cursor() as cursor:
            cursor.execute(statements)
        found = compare(catalog, catalog_query.read(connection))
        restored = catalog_restore.restore(connection, found, catalog.definitions)
        assert set(restored) == {str(difference.object) for difference in found}
        assert catalog_query.read(connection) == catalog
    return {str(difference.object): difference.kind for difference in found}


CHANGED = {
    "constraint entries.entries_number_check": ("ALTER TABLE entries VALIDATE CONSTRAINT entries_number_check"),
    "constraint entries.entries_order_key": (
        "ALTER TABLE entries DROP CONSTRAINT entries_order_key,"
        " ADD CONSTRAINT entries_order_key UNIQUE (class_id, race_number)"
    ),
    "index entries.entries_notes_idx": (
        "DROP INDEX entries_notes_idx; CREATE UNIQUE INDEX entries_notes_idx ON entries (notes)"
    ),
    "function touch()": (
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    ),
    "trigger classes.classes_asleep": "ALTER TABLE classes ENABLE TRIGGER classes_asleep",
    "trigger classes.classes_touch": "ALTER TABLE classes DISABLE TRIGGER classes_touch",
    "view named": "CREATE OR REPLACE VIEW named AS SELECT id, slug::varchar(255) AS name FROM events",
    "comment laps": "COMMENT ON TABLE laps IS 'something else'",
    "deferrable entries.entries_event_id_foreign": (
        "ALTER TABLE entries ALTER CONSTRAINT entries_event_id_foreign DEFERRABLE INITIALLY IMMEDIATE"
    ),
}


def test_changed_objects_without_rows_are_restored(zoo: tuple[Tool, Catalog]) -> None:
    assert assert_put_back(zoo, "; ".join(CHANGED.values())) == dict.fromkeys(CHANGED, Drift.CHANGED)


def test_changed_objects_with_data_are_named_and_all_others_restored(deployed: Tool) -> None:
    deployed.database.execute("CREATE TYPE terrain AS ENUM ('sand'); CREATE SEQUENCE bibs")
    deployed.database.execute("CREATE MATERIALIZED VIEW frozen AS SELECT 1 AS number")
    catalog = read(deployed)
    deployed.database.execute(
        "ALTER TABLE positions ALTER COLUMN speed TYPE double precision;"
        " SELECT set_chunk_time_interval('positions', INTERVAL '2 days');"
        " ALTER TYPE terrain ADD VALUE 'rock'; ALTER SEQUENCE bibs INCREMENT BY 2;"
        " DROP MATERIALIZED VIEW frozen; CREATE MATERIALIZED VIEW frozen AS SELECT 2 AS number;"
        " DROP INDEX positions_faulty_idx; ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key"
    )
    names = []
    with connected(deployed) as connection, pytest.raises(CatalogDrift) as caught:
        catalog_restore.restore(
            connection,
            compare(catalog, read(deployed)),
            catalog.definitions,
            on_restored=lambda item: names.append(str(item)),
        )
    assert names == ["constraint events.events_organization_id_slug_key", "index positions.positions_faulty_idx"]
    assert (caught.value.id, caught.value.exit_code) == ("catalog-drift", 1)
    assert caught.value.what.startswith("5 objects are not as snapshots/catalog.yaml says")
    message = str(caught.value)
    assert "column positions.speed is 'double precision NOT NULL' instead of 'real NOT NULL'" in message
    assert "hypertable positions is \"by_range('ts', INTERVAL '2 days')\"" in message
    for left in ("type terrain", "sequence bibs", "materialized view frozen"):
        assert f"{left} is " in message
    assert "directus-sync pull" in message
    assert set(drift(catalog, deployed).values()) == {Drift.CHANGED}


def test_restore_waits_only_once_for_a_locked_table(deployed: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = catalog_file.load(CATALOG)
    lost = [item for item in catalog.definitions if item.kind is Kind.CONSTRAINT and item.names[0] == "entries"]
    deployed.database.execute("; ".join(f"ALTER TABLE entries DROP CONSTRAINT {item.parts[1]}" for item in lost))
    deployed.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    waits = Mock(side_effect=lambda _: stamina.retry_context(on=(), attempts=1))
    monkeypatch.setattr(patience, "attempts", waits)
    with deployed.database.connect() as reader, reader.transaction(), connected(deployed) as connection:
        reader.execute("SELECT FROM entries")
        connection.cursor().execute("SET lock_timeout TO '200ms'")
        with pytest.raises(CatalogDrift) as caught:
            catalog_restore.restore(connection, compare(catalog, read(deployed)), catalog.definitions)
    assert caught.value.what.startswith(f"{len(lost)} objects are not")
    # One wait for the table entries, and one attempt for events.
    assert waits.call_count == 2 < len(lost)
    assert set(drift(catalog, deployed)) == set(map(str, lost))
    assert len(put_back(deployed, catalog)) == len(lost)


# Slow: about two hundred objects are restored. The fast test of LOST covers all kinds and their dependents.
@pytest.mark.slow
def test_restore_recreates_everything_that_revisions_made(deployed: Tool) -> None:
    catalog = catalog_file.load(CATALOG)
    drops = {
        # A constraint that calls a function is dropped with it.
        Kind.CONSTRAINT: "ALTER TABLE {0} DROP CONSTRAINT IF EXISTS {1}",
        Kind.FUNCTION: "DROP FUNCTION {0} CASCADE",
        Kind.INDEX: "DROP INDEX {1}",
        Kind.TRIGGER: "DROP TRIGGER IF EXISTS {1} ON {0}",
        Kind.VIEW: "DROP VIEW {0}",
    }
    deployed.database.execute("DROP EXTENSION timescaledb CASCADE")
    deployed.database.execute("DROP TABLE IF EXISTS positions, last_positions, recompute_requests")
    for item in read(deployed).definitions:
        if item.kind in drops:
            names = [item.name] if item.kind is Kind.FUNCTION else item.parts
            deployed.database.execute(drops[item.kind].format(*names))
    # PostGIS stays: dropping it would drop columns that belong to Directus.
    assert set(map(str, read(deployed).definitions)) == {"extension btree_gist", "extension postgis"}
    assert len(put_back(deployed, catalog)) == len(catalog.definitions) - 2
    assert catalog_file.dump(read(deployed)) == CATALOG.read_bytes()


def test_unexpected_objects_are_left_alone(deployed: Tool) -> None:
    catalog = read(deployed)
    deployed.database.execute("CREATE TABLE mine (id serial PRIMARY KEY); INSERT INTO mine DEFAULT VALUES")
    deployed.database.execute("CREATE INDEX mine_too ON entries (lower(notes))")
    before = deployed.database.contents()
    assert drift(catalog, deployed) == {
        "table mine": Drift.UNEXPECTED,
        "column mine.id": Drift.UNEXPECTED,
        "constraint mine.mine_pkey": Drift.UNEXPECTED,
        "index entries.mine_too": Drift.UNEXPECTED,
    }
    assert put_back(deployed, catalog) == ()
    assert deployed.database.contents() == before


def test_a_deploy_does_not_restore_what_a_revision_removed(deployed: Tool, tmp_path: Path) -> None:
    name = "entries_event_id_race_number_key"
    drop = f'drop_constraint("{name}", "entries")'
    restore = f'create_unique_constraint("{name}", "entries", ["event_id", "race_number"])'
    newer = Checkout.with_revision(tmp_path, drop, restore, "post")
    there = "SELECT count(*) FROM pg_constraint WHERE conname = %s"
    for _ in range(2):
        done = newer.sync(deployed, "deploy")
        assert done.code == 0, done.text
        assert f"catalog.yaml lists constraint entries.{name}, which was removed on purpose" in done.err
        assert deployed.database.value(there, name) == 0
