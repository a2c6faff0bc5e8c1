"""The catalog on real PostgreSQL: what it sees, that Directus sees the rest, and that what is lost comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from directus_sync import database
from directus_sync.catalog import Catalog, Difference, Drift, Kind, Object, compare
from directus_sync.catalog import file as catalog_file
from directus_sync.catalog import query as catalog_query
from directus_sync.catalog import restore as catalog_restore
from directus_sync.errors import CatalogDrift, PreconditionFailed
from tests.checkout import Checkout
from tests.conftest import ROOT, SNAPSHOT, Cloning, RunningDirectus, Tool, running_directus

CATALOG = ROOT / "snapshots" / "catalog.yaml"

# One of everything that revisions may make, in blocks that do not need each other.
ZOO = (
    """
    ALTER TABLE vehicles ADD COLUMN position geometry(Point, 4326);
    CREATE INDEX vehicles_position_geography_idx ON vehicles USING gist ((position::geography));
    ALTER TABLE vehicles ADD CONSTRAINT vehicles_position_check CHECK (ST_IsValid(position));
    """,
    "ALTER TABLE entries ADD CONSTRAINT entries_odd_check CHECK (status IN ('registered', 'with,dr''awn'));",
    """
    CREATE EXTENSION btree_gist;
    CREATE TYPE terrain AS ENUM ('sand', 'rock');
    CREATE DOMAIN knots AS real NOT NULL DEFAULT 0 CONSTRAINT knots_check CHECK (VALUE >= 0);
    CREATE TABLE laps (
      id bigserial CONSTRAINT laps_pkey PRIMARY KEY, number integer GENERATED ALWAYS AS IDENTITY,
      entry_id uuid CONSTRAINT laps_entry_id_fkey REFERENCES entries ON DELETE CASCADE DEFERRABLE,
      event_id uuid, race_number integer, ground terrain DEFAULT 'sand', speed knots, during tstzrange,
      code text COLLATE "C" NOT NULL, twice integer GENERATED ALWAYS AS (race_number * 2) STORED,
      CONSTRAINT laps_code_key UNIQUE (code),
      CONSTRAINT laps_entry_fkey FOREIGN KEY (event_id, race_number) REFERENCES entries (event_id, race_number),
      CONSTRAINT laps_during_excl EXCLUDE USING gist (entry_id WITH =, during WITH &&));
    CREATE INDEX laps_ground ON laps (ground);
    COMMENT ON TABLE laps IS 'one row a lap; it''s a test';
    COMMENT ON COLUMN laps.speed IS E'knots,\nnot km/h';
    """,
    """
    CREATE TABLE samples (ts timestamptz NOT NULL, device_id text NOT NULL, value real);
    SELECT create_hypertable('samples', by_range('ts', INTERVAL '6 hours'), create_default_indexes => false);
    SELECT add_dimension('samples', by_hash('device_id', 4));
    CREATE TABLE counters (number bigint NOT NULL);
    SELECT create_hypertable('counters', by_range('number', 1000), create_default_indexes => false);
    """,
    """
    CREATE FUNCTION checked(status text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT status <> '' $$;
    ALTER TABLE entries ADD CONSTRAINT entries_checked_check CHECK (checked(status));
    ALTER TABLE entries ADD CONSTRAINT entries_number_check CHECK (race_number > 0) NOT VALID;
    ALTER TABLE entries ADD CONSTRAINT entries_order_key UNIQUE (class_id, race_number) DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE entries ADD CONSTRAINT entries_vehicle_key UNIQUE NULLS NOT DISTINCT (vehicle_id, race_number);
    CREATE UNIQUE INDEX entries_notes_idx ON entries (notes) WHERE status = 'registered';
    CREATE INDEX entries_late_idx ON entries (event_id, race_number DESC) WHERE created_at > '2026-06-01 12:00+02';
    CREATE INDEX entries_notes_lower_idx ON entries (lower(notes));
    CREATE INDEX entries_covering_idx ON entries (class_id) INCLUDE (status);
    ALTER TABLE entries ALTER CONSTRAINT entries_event_id_foreign DEFERRABLE INITIALLY DEFERRED;
    """,
    """
    ALTER TABLE vehicles ADD COLUMN weight numeric(8,2) NOT NULL DEFAULT 0;
    COMMENT ON COLUMN vehicles.weight IS 'kg';
    CREATE INDEX vehicles_weight_idx ON vehicles (weight);
    ALTER TABLE vehicles ADD CONSTRAINT vehicles_weight_key UNIQUE (weight, id);
    """,
    """
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.updated_at := now();
      RETURN NEW;
    END $$;
    CREATE TRIGGER classes_touch BEFORE UPDATE ON classes FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
      EXECUTE FUNCTION touch();
    CREATE TRIGGER classes_asleep AFTER INSERT ON classes FOR EACH STATEMENT EXECUTE FUNCTION touch();
    ALTER TABLE classes DISABLE TRIGGER classes_asleep;
    CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT';
    """,
    """
    CREATE VIEW named WITH (security_barrier=true) AS SELECT id, name FROM events;
    CREATE VIEW counted AS SELECT count(*) AS number FROM named;
    CREATE MATERIALIZED VIEW frozen AS SELECT number FROM counted;
    CREATE UNIQUE INDEX frozen_number ON frozen (number);
    CREATE SEQUENCE bibs AS integer START WITH 100 CYCLE;
    """,
    """
    ALTER TABLE directus_users ADD CONSTRAINT directus_users_nationality_check CHECK (nationality ~ '^[A-Z]{2}$');
    CREATE INDEX directus_users_phone_idx ON directus_users (lower(phone));
    """,
    """
    CREATE TABLE "Odd.Table" ("a ""b"" c" text, "user" text);
    ALTER TABLE "Odd.Table" ADD CONSTRAINT "100%" CHECK ("user" <> E'\\\\' AND "a ""b"" c" <> ')''"{}');
    """,
)  # fmt: skip


@contextmanager
def connected(tool: Tool) -> Iterator[Any]:
    with database.connect(tool.settings, "test") as connection:
        yield connection


def read(tool: Tool) -> Catalog:
    with connected(tool) as connection:
        return catalog_query.read(connection)


def put_back(tool: Tool, expected: Catalog) -> tuple[str, ...]:
    with connected(tool) as connection:
        return catalog_restore.restore(connection, compare(expected, catalog_query.read(connection)))


def drift(expected: Catalog, tool: Tool) -> dict[str, Drift]:
    return {str(difference.object): difference.kind for difference in compare(expected, read(tool))}


@pytest.fixture(scope="module")
def zoo(clone: Cloning) -> tuple[Tool, Catalog]:
    """A database with one of everything; who takes something away puts it back."""
    tool = Tool(clone("deployed"))
    for block in ZOO:
        tool.database.execute(block)
    return tool, read(tool)


def test_the_committed_file_is_what_a_clean_deploy_gives(deployed: Tool) -> None:
    assert catalog_file.dump(read(deployed)) == CATALOG.read_bytes()
    assert compare(catalog_file.load(CATALOG), read(deployed)) == ()


def test_what_an_image_puts_into_each_database_is_not_listed(deployed: Tool) -> None:
    # timescaledb-ha alone has the toolkit; to the catalog any extension of that name is one.
    deployed.database.execute(
        "CREATE EXTENSION citext; UPDATE pg_extension SET extname = 'timescaledb_toolkit' WHERE extname = 'citext'"
    )
    assert compare(catalog_file.load(CATALOG), read(deployed)) == ()


def test_a_database_with_nothing_in_it_has_an_empty_catalog(empty: Tool) -> None:
    assert read(empty) == Catalog({})


def test_two_reads_are_equal_and_leave_no_transaction_open(zoo: tuple[Tool, Catalog]) -> None:
    tool, _ = zoo
    with connected(tool) as connection:
        assert catalog_query.read(connection) == catalog_query.read(connection)
        assert connection.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE


def test_the_sessions_settings_do_not_matter_and_stay(zoo: tuple[Tool, Catalog]) -> None:
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
        for name, value in settings.items():
            assert database.query(connection, "SELECT current_setting(%s)", (name,)) == [(value,)]


def test_another_order_of_creation_gives_the_same_file(clone: Cloning, zoo: tuple[Tool, Catalog]) -> None:
    _, catalog = zoo
    other = Tool(clone("deployed"))
    other.database.execute("CREATE TABLE gone (id serial PRIMARY KEY); DROP TABLE gone")
    for block in reversed(ZOO):
        other.database.execute(block)
    assert catalog_file.dump(read(other)) == catalog_file.dump(catalog)


def test_the_file_holds_one_of_everything(zoo: tuple[Tool, Catalog]) -> None:
    _, catalog = zoo
    assert {item.kind for item in catalog.definitions} == set(Kind)
    assert catalog_file.parse(catalog_file.dump(catalog), "zoo").definitions == catalog.definitions


def test_no_internals_are_in_it(zoo: tuple[Tool, Catalog]) -> None:
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
    # Of Directus's own tables, only what stands on a project's field.
    assert sorted(str(item) for item in catalog.definitions if "directus_" in item.name) == [
        "constraint directus_users.directus_users_nationality_check",
        "index directus_users.directus_users_phone_idx",
    ]


LOST = {
    "index vehicles.vehicles_position_geography_idx": "DROP INDEX vehicles_position_geography_idx",
    "constraint entries.entries_odd_check": "ALTER TABLE entries DROP CONSTRAINT entries_odd_check",
    "constraint vehicles.vehicles_position_check": "ALTER TABLE vehicles DROP CONSTRAINT vehicles_position_check",
    "extension btree_gist": "DROP EXTENSION btree_gist CASCADE",
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
    "constraint directus_users.directus_users_nationality_check": (
        "ALTER TABLE directus_users DROP CONSTRAINT directus_users_nationality_check"
    ),
    'constraint "Odd.Table"."100%"': 'DROP TABLE "Odd.Table"',
}


@pytest.mark.parametrize("name", LOST)
def test_what_is_lost_comes_back(zoo: tuple[Tool, Catalog], name: str) -> None:
    tool, catalog = zoo
    assert compare(catalog, read(tool)) == ()
    tool.database.execute(LOST[name])
    lost = drift(catalog, tool)
    assert lost[name] is Drift.MISSING

    restored = put_back(tool, catalog)

    assert set(restored) == set(lost)
    assert read(tool) == catalog
    assert put_back(tool, catalog) == ()


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


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_changed_and_holds_no_rows_is_put_back(zoo: tuple[Tool, Catalog], name: str) -> None:
    tool, catalog = zoo
    tool.database.execute(CHANGED[name])
    assert drift(catalog, tool) == {name: Drift.CHANGED}
    assert put_back(tool, catalog) == (name,)
    assert read(tool) == catalog


def test_what_could_lose_something_is_named_and_the_rest_comes_back(deployed: Tool) -> None:
    deployed.database.execute("CREATE TYPE terrain AS ENUM ('sand'); CREATE SEQUENCE bibs")
    deployed.database.execute("CREATE MATERIALIZED VIEW frozen AS SELECT 1 AS number")
    catalog = read(deployed)
    deployed.database.execute(
        "ALTER TABLE positions ALTER COLUMN speed TYPE double precision;"
        " SELECT set_chunk_time_interval('positions', INTERVAL '2 days');"
        " ALTER TYPE terrain ADD VALUE 'rock'; ALTER SEQUENCE bibs INCREMENT BY 2;"
        " DROP MATERIALIZED VIEW frozen; CREATE MATERIALIZED VIEW frozen AS SELECT 2 AS number;"
        " DROP INDEX positions_ts; ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key"
    )
    names = []
    with connected(deployed) as connection, pytest.raises(CatalogDrift) as caught:
        catalog_restore.restore(
            connection, compare(catalog, read(deployed)), restored=lambda item: names.append(str(item))
        )
    assert names == ["constraint events.events_organization_id_slug_key", "index positions.positions_ts"]
    assert (caught.value.id, caught.value.exit_code) == ("catalog-drift", 1)
    assert caught.value.what.startswith("5 objects are not as snapshots/catalog.yaml says")
    message = str(caught.value)
    assert "column positions.speed is 'double precision NOT NULL' instead of 'real NOT NULL'" in message
    assert "hypertable positions is \"by_range('ts', INTERVAL '2 days')\"" in message
    for left in ("type terrain", "sequence bibs", "materialized view frozen"):
        assert f"{left} is " in message
    assert "directus-sync pull" in message
    assert set(drift(catalog, deployed).values()) == {Drift.CHANGED}


def test_everything_that_revisions_made_comes_back_at_once(deployed: Tool) -> None:
    catalog = catalog_file.load(CATALOG)
    drops = {
        Kind.CONSTRAINT: "ALTER TABLE {0} DROP CONSTRAINT {1}",
        Kind.FUNCTION: "DROP FUNCTION {0} CASCADE",
        Kind.INDEX: "DROP INDEX {1}",
    }
    deployed.database.execute("DROP EXTENSION timescaledb CASCADE")
    deployed.database.execute("DROP TABLE IF EXISTS positions")
    for item in read(deployed).definitions:
        if item.kind in drops:
            names = [item.name] if item.kind is Kind.FUNCTION else item.parts
            deployed.database.execute(drops[item.kind].format(*names))
    # Without PostGIS there would be no columns of its types, and those are Directus's.
    assert set(map(str, read(deployed).definitions)) == {"extension postgis"}
    assert len(put_back(deployed, catalog)) == len(catalog.definitions) - 1
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


@pytest.fixture
def organizations(deployed: Tool) -> Tool:
    """A database with two organisations, two events of one slug in the first, and a constraint lost beside it."""
    deployed.database.execute(
        "INSERT INTO organizations (id, name, slug) VALUES"
        " ('00000000-0000-0000-0000-00000000000a', 'A', 'a'), ('00000000-0000-0000-0000-00000000000b', 'B', 'b');"
        " INSERT INTO vehicles (id, make, model, year) SELECT"
        " ('00000000-0000-0000-0000-00000000001' || number)::uuid, 'Toyota', 'Hilux', 1990 + number"
        " FROM generate_series(1, 7) AS number"
    )
    return deployed


def refusal(tool: Tool, item: Object, definition: str) -> PreconditionFailed:
    """Expect what rows do not allow, while something else is missing too; return the refusal."""
    catalog = read(tool)
    tool.database.execute("DROP INDEX positions_ts")
    rows = tool.database.rows("SELECT * FROM vehicles ORDER BY id")
    with pytest.raises(PreconditionFailed) as caught:
        put_back(tool, Catalog({**catalog.definitions, item: definition}))
    assert read(tool) == catalog
    assert tool.database.rows("SELECT * FROM vehicles ORDER BY id") == rows
    return caught.value


def test_duplicates_are_counted_and_named(organizations: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_make_model_key")
    refused = refusal(organizations, item, "UNIQUE (make, model)")
    assert refused.what == (
        "constraint vehicles.vehicles_make_model_key can't be put back: 1 keys of vehicles (make, model)"
        " have more than one row"
    )
    assert refused.where == "(Toyota, Hilux)  7 rows"
    assert refused.next == "keep one row of each key, then run again"


def test_duplicates_of_an_expression_are_counted_where_the_index_applies(organizations: Tool) -> None:
    item = Object(Kind.INDEX, "vehicles.vehicles_decade_idx")
    refused = refusal(
        organizations,
        item,
        "CREATE UNIQUE INDEX vehicles_decade_idx ON public.vehicles USING btree"
        " (lower((make)::text) DESC NULLS LAST, (year % 2)) WHERE (year > 1991)",
    )
    assert "2 keys of vehicles (lower((make)::text), (year % 2)) have more than one row" in refused.what
    assert refused.where == "(toyota, 0)  3 rows\n(toyota, 1)  3 rows"


def test_nulls_are_duplicates_where_the_constraint_says_so(organizations: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_vin_key")
    refused = refusal(organizations, item, "UNIQUE NULLS NOT DISTINCT (make, vin)")
    assert refused.where == "(Toyota, None)  7 rows"


def test_rows_that_violate_a_check_are_counted_and_named(organizations: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_year_check")
    refused = refusal(organizations, item, "CHECK ((year > 1996))")
    assert "6 rows of vehicles violate CHECK ((year > 1996))" in refused.what
    assert refused.where is not None
    assert refused.where.splitlines()[0] == "(00000000-0000-0000-0000-000000000011)"
    assert refused.where.splitlines()[5:] == ["and 1 more"]


def test_rows_that_refer_to_nothing_are_counted_and_named(organizations: Tool) -> None:
    organizations.database.execute("CREATE TABLE makers (name text PRIMARY KEY)")
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_make_fkey")
    refused = refusal(organizations, item, "FOREIGN KEY (make) REFERENCES public.makers(name) ON DELETE CASCADE")
    assert refused.what.endswith("1 keys of vehicles (make) are not in makers")
    assert refused.where == "(Toyota)  7 rows"


def test_rows_without_a_value_are_counted(organizations: Tool) -> None:
    refused = refusal(organizations, Object(Kind.COLUMN, "vehicles.weight"), "numeric(8,2) NOT NULL")
    assert refused.what.endswith("7 rows of vehicles have no value for weight")
    organizations.database.execute(
        "CREATE TABLE gaps (a integer, b integer); INSERT INTO gaps VALUES (1, NULL), (1, 2)"
    )
    refused = refusal(organizations, Object(Kind.CONSTRAINT, "gaps.gaps_pkey"), "PRIMARY KEY (a, b)")
    assert refused.what.endswith("1 rows of gaps have no value for a, b")


def test_what_is_no_query_is_told_in_postgresqls_words(organizations: Tool) -> None:
    organizations.database.execute(
        "CREATE TABLE stays (during tstzrange);"
        " INSERT INTO stays SELECT tstzrange('2026-06-06', '2026-06-07') FROM generate_series(1, 2)"
    )
    item = Object(Kind.CONSTRAINT, "stays.stays_during_excl")
    refused = refusal(organizations, item, "EXCLUDE USING gist (during WITH &&)")
    assert refused.what == "constraint stays.stays_during_excl can't be put back: rows do not fit it"
    assert refused.where is not None
    assert "conflicts with key (during)=" in refused.where


def test_several_are_named_together(organizations: Tool) -> None:
    catalog = read(organizations)
    lost = {
        Object(Kind.CONSTRAINT, "vehicles.vehicles_make_model_key"): "UNIQUE (make, model)",
        Object(Kind.CONSTRAINT, "vehicles.vehicles_year_check"): "CHECK ((year > 1996))",
    }
    with pytest.raises(PreconditionFailed, match="2 objects are missing, and rows are in the way") as caught:
        put_back(organizations, Catalog({**catalog.definitions, **lost}))
    assert "(Toyota, Hilux)  7 rows" in str(caught.value)
    assert "6 rows of vehicles violate" in str(caught.value)

    lost[Object(Kind.CONSTRAINT, "nowhere.nowhere_check")] = "CHECK ((year > 1996))"
    with pytest.raises(CatalogDrift, match="3 objects are not as") as drifted:
        put_back(organizations, Catalog({**catalog.definitions, **lost}))
    assert 'constraint nowhere.nowhere_check is missing: relation "public.nowhere" does not exist' in str(drifted.value)
    assert "(Toyota, Hilux)  7 rows" in str(drifted.value)


def test_what_a_failed_concurrent_build_left_is_rebuilt(organizations: Tool) -> None:
    index = Object(Kind.INDEX, "vehicles.vehicles_make_idx")
    definition = "CREATE UNIQUE INDEX vehicles_make_idx ON public.vehicles USING btree (make, model)"
    catalog = read(organizations)
    with pytest.raises(Exception, match="could not create unique index"):
        organizations.database.execute(definition.replace("INDEX", "INDEX CONCURRENTLY"))
    left = read(organizations)
    assert (left.definitions, left.invalid) == (catalog.definitions, {index: definition})
    assert compare(catalog, left) == (Difference(Drift.UNEXPECTED, index, None, definition),)
    assert catalog_file.dump(left) == catalog_file.dump(catalog)

    organizations.database.execute("DELETE FROM vehicles WHERE year > 1991")
    expected = Catalog({**catalog.definitions, index: definition})
    assert put_back(organizations, expected) == (str(index),)
    assert read(organizations) == expected


def test_a_constraint_takes_the_place_of_its_invalid_index(organizations: Tool) -> None:
    catalog = read(organizations)
    with pytest.raises(Exception, match="could not create unique index"):
        organizations.database.execute("CREATE UNIQUE INDEX CONCURRENTLY vehicles_key ON vehicles (make, model)")
    organizations.database.execute("DELETE FROM vehicles WHERE year > 1991")
    expected = Catalog(
        {**catalog.definitions, Object(Kind.CONSTRAINT, "vehicles.vehicles_key"): "UNIQUE (make, model)"}
    )
    assert put_back(organizations, expected) == ("constraint vehicles.vehicles_key",)
    assert read(organizations) == expected


def test_a_table_in_use_is_waited_for_more_than_once(deployed: Tool) -> None:
    catalog = read(deployed)
    deployed.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    lost = compare(catalog, read(deployed))
    attempts: set[object] = set()
    deadline = time.monotonic() + 60
    with deployed.database.connect() as reader, connected(deployed) as connection, ThreadPoolExecutor() as pool:
        database.query(connection, "SELECT set_config('lock_timeout', '1s', false)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events")
        restoring = pool.submit(catalog_restore.restore, connection, lost)
        while len(attempts) < 2 and not restoring.done() and time.monotonic() < deadline:
            attempts |= set(
                deployed.database.rows(
                    "SELECT xact_start FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
                    connection.info.backend_pid,
                )
            )
        reader.rollback()
        assert restoring.result() == ("constraint events.events_organization_id_slug_key",)
    assert len(attempts) == 2
    assert read(deployed) == catalog


def test_a_table_that_stays_in_use_is_named(deployed: Tool) -> None:
    catalog = read(deployed)
    deployed.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    lost = compare(catalog, read(deployed))
    with deployed.database.connect() as reader, connected(deployed) as connection:
        reader.autocommit = False
        reader.execute("SELECT count(*) FROM events")
        database.query(connection, "SELECT set_config('lock_timeout', '50ms', false)")
        with pytest.raises(CatalogDrift, match="1 object is not as") as caught:
            catalog_restore.restore(connection, lost)
        assert "canceling statement due to lock timeout" in str(caught.value)
        reader.rollback()
        assert catalog_restore.restore(connection, lost) == ("constraint events.events_organization_id_slug_key",)
    assert read(deployed) == catalog


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


def test_a_constraint_lost_with_its_column_comes_back(deployed: Tool) -> None:
    deployed.database.execute("ALTER TABLE organization_users DROP COLUMN user_id, ADD COLUMN again uuid")
    deployed.database.execute("ALTER TABLE organization_users RENAME COLUMN again TO user_id")
    catalog = catalog_file.load(CATALOG)
    name = "constraint organization_users.organization_users_organization_id_user_id_key"
    assert drift(catalog, deployed) == {name: Drift.MISSING}
    assert put_back(deployed, catalog) == (name,)
    assert catalog_file.dump(read(deployed)) == CATALOG.read_bytes()


def test_what_a_revision_removed_is_not_put_back_by_the_next_deploy(deployed: Tool, tmp_path: Path) -> None:
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
