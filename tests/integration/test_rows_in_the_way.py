"""Obstacles to restoring an object: rows that violate it, the leftover of a failed build, a table in use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import psycopg2
import pytest

from directus_sync import output
from directus_sync.catalog import Catalog, Difference, Drift, Kind, Object, compare
from directus_sync.catalog import file as catalog_file
from directus_sync.catalog import restore as catalog_restore
from directus_sync.errors import CatalogDrift, PreconditionFailed
from directus_sync.postgres import database, messages
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
    """A database with rows that violate many constraints."""
    with copied("deployed") as database:
        database.execute(ROWS)
        yield Tool(database)


# By kind, name and definition: the end of the message, and the named keys. An EXCLUDE gets PostgreSQL's own reason.
REFUSALS = {
    (Kind.CONSTRAINT, "vehicles.vehicles_make_model_key", "UNIQUE (make, model)"): (
        "1 key of vehicles (make, model) has more than one row", "(…, …)  7 rows",
    ),
    (Kind.INDEX, "vehicles.vehicles_decade_idx",
     "CREATE UNIQUE INDEX vehicles_decade_idx ON public.vehicles USING btree"
     " (lower((make)::text) DESC NULLS LAST, (year % 2)) WHERE (year > 1992)"): (
        "2 keys of vehicles (lower((make)::text), (year % 2)) have more than one row", "(…, 1)  3 rows\n(…, 0)  2 rows",
    ),
    (Kind.CONSTRAINT, "vehicles.vehicles_vin_key", "UNIQUE NULLS NOT DISTINCT (make, vin)"): (
        "1 key of vehicles (make, vin) has more than one row", "(…, None)  7 rows",
    ),
    (Kind.CONSTRAINT, "vehicles.vehicles_year_check", "CHECK ((year > 1996))"): (
        "6 rows of vehicles violate CHECK ((year > 1996))",
        "\n".join([*(f"(00000000-0000-0000-0000-00000000001{n})" for n in range(1, 6)), "and 1 more"]),
    ),
    (Kind.CONSTRAINT, "vehicles.vehicles_make_fkey",
     "FOREIGN KEY (make) REFERENCES public.makers(name) ON DELETE CASCADE"): (
        "1 key of vehicles (make) is not in makers", "(…)  7 rows",
    ),
    (Kind.COLUMN, "vehicles.weight", "numeric(8,2) NOT NULL"): ("7 rows of vehicles have no value for weight", ""),
    (Kind.CONSTRAINT, "gaps.gaps_pkey", "PRIMARY KEY (a, b)"): ("1 row of gaps has no value for a, b", ""),
    (Kind.CONSTRAINT, "stays.stays_during_excl", "EXCLUDE USING gist (during WITH &&)"): (
        "rows do not fit it",
        f'could not create exclusion constraint "stays_during_excl": Key (during)={output.MASKED}.',
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT note::integer FROM notes",
        "SELECT note::date FROM notes",
        "SELECT note::json FROM notes",
        "SELECT ('{\"a\": ' || note)::jsonb FROM notes",
        "CREATE UNIQUE INDEX ON notes (note)",
        "INSERT INTO notes SELECT note, 0 FROM notes",
        "SELECT to_date(note, 'YYYY') FROM notes",
        "SELECT 1 FROM notes WHERE missing = 'personal'",
        "DO $$ BEGIN EXECUTE 'SELECT ''personal''::integer'; END $$",
    ],
)
def test_a_message_of_postgresql_shows_no_value_of_a_row(crowded: Tool, statement: str) -> None:
    with database.connect(crowded.settings, "test") as connection, connection.cursor() as cursor:
        cursor.execute(
            "SET search_path TO pg_temp; CREATE TEMPORARY TABLE notes (note text, size integer CHECK (size > 0))"
        )
        cursor.execute("INSERT INTO notes VALUES (E'personal\nname', 1), (E'personal\nname', 2)")
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute(statement)
        # YYYY reads four characters.
        assert "pers" in str(caught.value)
        assert not {"pers", "personal", "name"} & set(re.findall(r"\w+", messages.reason(caught.value)))


@pytest.mark.parametrize(("kind", "name", "definition"), REFUSALS)
def test_restore_counts_and_names_rows_that_violate_the_object(
    crowded: Tool, kind: Kind, name: str, definition: str
) -> None:
    assert_refused(crowded, kind, name, definition)


def assert_refused(tool: Tool, kind: Kind, name: str, definition: str) -> None:
    """Expect the refusal; another missing object must be restored all the same."""
    item = Object(kind, name)
    catalog = read(tool)
    tool.database.execute("DROP INDEX positions_faulty_idx")
    rows = tool.database.rows("SELECT * FROM vehicles ORDER BY id")
    with pytest.raises(PreconditionFailed) as caught:
        put_back(tool, Catalog({**catalog.definitions, item: definition}))
    assert read(tool) == catalog
    assert tool.database.rows("SELECT * FROM vehicles ORDER BY id") == rows
    what, where = REFUSALS[kind, name, definition]
    assert caught.value.what == f"{item} can't be put back: {what}"
    got = caught.value.where or ""
    assert got == where or (kind is Kind.CONSTRAINT and "EXCLUDE" in definition and where in got)


def test_restore_names_several_violated_objects_together(crowded: Tool) -> None:
    catalog = read(crowded)
    lost = {
        Object(Kind.CONSTRAINT, "vehicles.vehicles_make_model_key"): "UNIQUE (make, model)",
        Object(Kind.CONSTRAINT, "vehicles.vehicles_year_check"): "CHECK ((year > 1996))",
    }
    with pytest.raises(PreconditionFailed, match="2 objects are missing, and rows are in the way") as caught:
        put_back(crowded, Catalog({**catalog.definitions, **lost}))
    assert "(…, …)  7 rows" in str(caught.value)
    assert "see the values: directus-sync -v deploy" in str(caught.value)
    assert "6 rows of vehicles violate" in str(caught.value)

    lost[Object(Kind.CONSTRAINT, "nowhere.nowhere_check")] = "CHECK ((year > 1996))"
    with pytest.raises(CatalogDrift, match="3 objects are not as") as drifted:
        put_back(crowded, Catalog({**catalog.definitions, **lost}))
    assert 'constraint nowhere.nowhere_check is missing: relation "public.nowhere" does not exist' in str(drifted.value)
    assert "(…, …)  7 rows" in str(drifted.value)


def test_an_invalid_index_of_a_failed_build_is_rebuilt(deployed: Tool) -> None:
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


def test_a_constraint_replaces_an_invalid_index_of_its_name(deployed: Tool) -> None:
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


def test_restore_retries_while_a_table_is_in_use(deployed: Tool) -> None:
    catalog = read(deployed)
    deployed.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    lost = compare(catalog, read(deployed))
    with deployed.database.connect() as reader, connected(deployed) as connection, ThreadPoolExecutor() as pool:
        database.query(connection, "SELECT set_config('lock_timeout', '200ms', false)")
        reader.execute("BEGIN; SELECT count(*) FROM events")
        restoring = pool.submit(catalog_restore.restore, connection, lost, catalog.definitions)
        # Longer than the first attempt can take.
        still = wait([restoring], 0.6).not_done
        reader.rollback()
        assert still == {restoring}
        assert restoring.result() == ("constraint events.events_organization_id_slug_key",)
    assert read(deployed) == catalog
