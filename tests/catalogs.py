"""SQL for every kind of object that revisions may create; reads, compares and restores a catalog as the tool does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from directus_sync.catalog import Catalog, Drift, compare
from directus_sync.catalog import query as catalog_query
from directus_sync.catalog import restore as catalog_restore
from directus_sync.postgres import database
from tests.conftest import ROOT, Tool

CATALOG = ROOT / "snapshots" / "catalog.yaml"

# Every kind of object that revisions may create. No block depends on another block.
ZOO = (
    """
    ALTER TABLE vehicles ADD COLUMN position geometry(Point, 4326);
    CREATE INDEX vehicles_position_geography_idx ON vehicles USING gist ((position::geography));
    ALTER TABLE vehicles ADD CONSTRAINT vehicles_position_check CHECK (ST_IsValid(position));
    """,
    "ALTER TABLE entries ADD CONSTRAINT entries_odd_check CHECK (status IN ('registered', 'with,dr''awn'));",
    """
    CREATE EXTENSION citext;
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
    ALTER TABLE directus_users ADD CONSTRAINT directus_users_phone_check CHECK (phone <> '');
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
        with connection.cursor() as cursor:
            cursor.execute(database.IN_PUBLIC)  # for the tests' own statements
        yield connection


def read(tool: Tool) -> Catalog:
    with connected(tool) as connection:
        return catalog_query.read(connection)


def put_back(tool: Tool, expected: Catalog) -> tuple[str, ...]:
    with connected(tool) as connection:
        found = compare(expected, catalog_query.read(connection))
        return catalog_restore.restore(connection, found, expected.definitions)


def drift(expected: Catalog, tool: Tool) -> dict[str, Drift]:
    return {str(difference.object): difference.kind for difference in compare(expected, read(tool))}
