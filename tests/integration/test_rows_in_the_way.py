"""What is in the way of putting something back: rows, what a failed build left, a table in use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from directus_sync import output
from directus_sync.catalog import Catalog, Difference, Drift, Kind, Object, compare
from directus_sync.catalog import file as catalog_file
from directus_sync.catalog import restore as catalog_restore
from directus_sync.errors import CatalogDrift, PreconditionFailed
from directus_sync.postgres import database, patience
from tests.catalogs import connected, put_back, read
from tests.conftest import Copying, Tool

ROWS = """
INSERT INTO vehicles (id, make, model, year) SELECT ('00000000-0000-0000-0000-00000000001' || number)::uuid, 'Toyota',
  'Hilux', 1990 + number FROM generate_series(1, 7) AS number;
CREATE TABLE makers (name text PRIMARY KEY);
CREATE TABLE gaps (a integer, b integer);
INSERT INTO gaps VALUES (1, NULL), (1, 2);
CREATE TABLE stays (during tstzrange);
INSERT INTO stays SELECT tstzrange('2026-06-06', '2026-06-07') FROM generate_series(1, 2)"""


@pytest.fixture(scope="module")
def crowded(copied: Copying) -> Iterator[Tool]:
    """A database with rows that are in the way of much."""
    with copied("deployed") as database:
        database.execute(ROWS)
        yield Tool(database)


def refusal(tool: Tool, item: Object, definition: str) -> PreconditionFailed:
    """Expect what rows do not allow, while something else is missing too; return the refusal."""
    catalog = read(tool)
    tool.database.execute("DROP INDEX positions_faulty_idx")
    rows = tool.database.rows("SELECT * FROM vehicles ORDER BY id")
    with pytest.raises(PreconditionFailed) as caught:
        put_back(tool, Catalog({**catalog.definitions, item: definition}))
    assert read(tool) == catalog
    assert tool.database.rows("SELECT * FROM vehicles ORDER BY id") == rows
    return caught.value


def test_duplicates_are_counted_and_named(crowded: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_make_model_key")
    refused = refusal(crowded, item, "UNIQUE (make, model)")
    assert refused.what == (
        "constraint vehicles.vehicles_make_model_key can't be put back: 1 key of vehicles (make, model)"
        " has more than one row"
    )
    assert refused.where == "(…, …)  7 rows"
    assert refused.next == "keep one row of each key, then run again\nsee the values: directus-sync -v deploy"


def test_duplicates_of_an_expression_are_counted_where_the_index_applies(crowded: Tool) -> None:
    item = Object(Kind.INDEX, "vehicles.vehicles_decade_idx")
    refused = refusal(
        crowded,
        item,
        "CREATE UNIQUE INDEX vehicles_decade_idx ON public.vehicles USING btree"
        " (lower((make)::text) DESC NULLS LAST, (year % 2)) WHERE (year > 1991)",
    )
    assert "2 keys of vehicles (lower((make)::text), (year % 2)) have more than one row" in refused.what
    assert refused.where == "(…, 0)  3 rows\n(…, 1)  3 rows"


def test_nulls_are_duplicates_where_the_constraint_says_so(crowded: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_vin_key")
    refused = refusal(crowded, item, "UNIQUE NULLS NOT DISTINCT (make, vin)")
    assert refused.where == "(…, None)  7 rows"


def test_rows_that_violate_a_check_are_counted_and_named(crowded: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_year_check")
    refused = refusal(crowded, item, "CHECK ((year > 1996))")
    assert "6 rows of vehicles violate CHECK ((year > 1996))" in refused.what
    assert refused.where is not None
    assert refused.where.splitlines()[0] == "(00000000-0000-0000-0000-000000000011)"
    assert refused.where.splitlines()[5:] == ["and 1 more"]


def test_rows_that_refer_to_nothing_are_counted_and_named(crowded: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "vehicles.vehicles_make_fkey")
    refused = refusal(crowded, item, "FOREIGN KEY (make) REFERENCES public.makers(name) ON DELETE CASCADE")
    assert refused.what.endswith("1 key of vehicles (make) is not in makers")
    assert refused.where == "(…)  7 rows"


def test_rows_without_a_value_are_counted(crowded: Tool) -> None:
    refused = refusal(crowded, Object(Kind.COLUMN, "vehicles.weight"), "numeric(8,2) NOT NULL")
    assert refused.what.endswith("7 rows of vehicles have no value for weight")
    refused = refusal(crowded, Object(Kind.CONSTRAINT, "gaps.gaps_pkey"), "PRIMARY KEY (a, b)")
    assert refused.what.endswith("1 row of gaps has no value for a, b")


def test_what_is_no_query_is_told_in_postgresqls_words(crowded: Tool) -> None:
    item = Object(Kind.CONSTRAINT, "stays.stays_during_excl")
    refused = refusal(crowded, item, "EXCLUDE USING gist (during WITH &&)")
    assert refused.what == "constraint stays.stays_during_excl can't be put back: rows do not fit it"
    assert refused.where is not None
    assert f"Key (during)={output.MASKED}" in refused.where


def test_several_are_named_together(crowded: Tool) -> None:
    catalog = read(crowded)
    lost = {
        Object(Kind.CONSTRAINT, "vehicles.vehicles_make_model_key"): "UNIQUE (make, model)",
        Object(Kind.CONSTRAINT, "vehicles.vehicles_year_check"): "CHECK ((year > 1996))",
    }
    with pytest.raises(PreconditionFailed, match="2 objects are missing, and rows are in the way") as caught:
        put_back(crowded, Catalog({**catalog.definitions, **lost}))
    assert "(…, …)  7 rows" in str(caught.value)
    assert "6 rows of vehicles violate" in str(caught.value)

    lost[Object(Kind.CONSTRAINT, "nowhere.nowhere_check")] = "CHECK ((year > 1996))"
    with pytest.raises(CatalogDrift, match="3 objects are not as") as drifted:
        put_back(crowded, Catalog({**catalog.definitions, **lost}))
    assert 'constraint nowhere.nowhere_check is missing: relation "public.nowhere" does not exist' in str(drifted.value)
    assert "(…, …)  7 rows" in str(drifted.value)


def test_what_a_failed_concurrent_build_left_is_rebuilt(deployed: Tool) -> None:
    index = Object(Kind.INDEX, "vehicles.vehicles_make_idx")
    definition = "CREATE UNIQUE INDEX vehicles_make_idx ON public.vehicles USING btree (make, model)"
    deployed.database.execute(ROWS)
    catalog = read(deployed)
    with pytest.raises(Exception, match="could not create unique index"):
        deployed.database.execute(definition.replace("INDEX", "INDEX CONCURRENTLY"))
    left = read(deployed)
    assert (left.definitions, left.invalid) == (catalog.definitions, {index: definition})
    assert compare(catalog, left) == (Difference(Drift.UNEXPECTED, index, None, definition),)
    assert catalog_file.dump(left) == catalog_file.dump(catalog)

    deployed.database.execute("DELETE FROM vehicles WHERE year > 1991")
    expected = Catalog({**catalog.definitions, index: definition})
    assert put_back(deployed, expected) == (str(index),)
    assert read(deployed) == expected


def test_a_constraint_takes_the_place_of_its_invalid_index(deployed: Tool) -> None:
    deployed.database.execute(ROWS)
    catalog = read(deployed)
    with pytest.raises(Exception, match="could not create unique index"):
        deployed.database.execute("CREATE UNIQUE INDEX CONCURRENTLY vehicles_key ON vehicles (make, model)")
    deployed.database.execute("DELETE FROM vehicles WHERE year > 1991")
    expected = Catalog(
        {**catalog.definitions, Object(Kind.CONSTRAINT, "vehicles.vehicles_key"): "UNIQUE (make, model)"}
    )
    assert put_back(deployed, expected) == ("constraint vehicles.vehicles_key",)
    assert read(deployed) == expected


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
        restoring = pool.submit(catalog_restore.restore, connection, lost, catalog.definitions)
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


def test_a_table_that_stays_in_use_is_named(deployed: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ATTEMPTS", 2)
    catalog = read(deployed)
    deployed.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    lost = compare(catalog, read(deployed))
    with deployed.database.connect() as reader, connected(deployed) as connection:
        reader.autocommit = False
        reader.execute("SELECT count(*) FROM events")
        database.query(connection, "SELECT set_config('lock_timeout', '50ms', false)")
        with pytest.raises(CatalogDrift, match="1 object is not as") as caught:
            catalog_restore.restore(connection, lost, catalog.definitions)
        assert "canceling statement due to lock timeout" in str(caught.value)
        reader.rollback()
        names = catalog_restore.restore(connection, lost, catalog.definitions)
    assert names == ("constraint events.events_organization_id_slug_key",)
    assert read(deployed) == catalog
