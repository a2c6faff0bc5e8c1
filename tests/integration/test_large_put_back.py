"""What a large table lost is built while others write to it, attached in a moment, and kept only if it is just that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from directus_sync.catalog import Catalog, Drift, Kind, Object, aside
from directus_sync.errors import CatalogDrift, PreconditionFailed
from tests.catalogs import drift, put_back, read
from tests.conftest import Database, Tool
from tests.migrations.test_large_tables import POSITIONS
from tests.processes import until

NAME = "vehicles_make_plate_key"
CONSTRAINT = Object(Kind.CONSTRAINT, f"vehicles.{NAME}")
ROWS = "INSERT INTO vehicles (id, make, model, plate) VALUES (gen_random_uuid(), 'KTM', '450 EXC', '{}')"
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.{}')"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^{}' AND wait_event_type = 'Lock'"


@pytest.fixture
def large(deployed: Tool, monkeypatch: pytest.MonkeyPatch) -> tuple[Tool, Catalog]:
    """A database whose every table is large, and its catalog, of which it then lost a constraint."""
    monkeypatch.setattr(aside, "LARGE_BYTES", 1)
    deployed.database.execute(ROWS.format("A1"))
    deployed.database.execute(f"ALTER TABLE vehicles ADD CONSTRAINT {NAME} UNIQUE (make, plate)")
    catalog = read(deployed)
    deployed.database.execute(f"ALTER TABLE vehicles DROP CONSTRAINT {NAME}")
    return deployed, catalog


@contextmanager
def written(database: Database, statement: str) -> Iterator[psycopg.Connection]:
    """Have a transaction open in which somebody did this."""
    with psycopg.connect(database.conninfo) as writer:
        writer.execute(statement)
        yield writer


def test_nobody_waits_while_the_index_is_built(large: tuple[Tool, Catalog]) -> None:
    tool, catalog = large
    done: list[tuple[str, ...]] = []
    building = threading.Thread(target=lambda: done.append(put_back(tool, catalog)))
    with written(tool.database, ROWS.format("A2")) as writer:
        building.start()
        until(lambda: tool.database.value(WAITING.format("CREATE UNIQUE INDEX CONCURRENTLY")), 30)
        with psycopg.connect(tool.database.conninfo, options="-c lock_timeout=1s") as other:
            other.execute(ROWS.format("A3"))
            assert other.execute("SELECT count(*) FROM vehicles").fetchone() == (2,)
        writer.commit()
    building.join(60)
    assert done == [(str(CONSTRAINT),)]
    assert read(tool) == catalog


@pytest.mark.parametrize("valid", [False, True])
def test_an_index_that_a_killed_build_left_is_dropped_or_attached(large: tuple[Tool, Catalog], valid: bool) -> None:
    tool, catalog = large
    tool.database.execute(f"CREATE UNIQUE INDEX {NAME} ON vehicles (make, plate)")
    number = tool.database.value(f"SELECT '{NAME}'::regclass::oid")
    if not valid:
        tool.database.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = {number}")
    # It is part of what is missing, nothing that a pull should capture.
    assert drift(catalog, tool) == {str(CONSTRAINT): Drift.MISSING}
    assert put_back(tool, catalog) == (str(CONSTRAINT),)
    assert read(tool) == catalog
    assert (tool.database.value(f"SELECT '{NAME}'::regclass::oid") == number) is valid


def test_an_index_of_its_name_over_other_columns_is_left_alone(large: tuple[Tool, Catalog]) -> None:
    tool, catalog = large
    tool.database.execute(f"CREATE UNIQUE INDEX {NAME} ON vehicles (make, model)")
    with pytest.raises(CatalogDrift, match="its definition does something else"):
        put_back(tool, catalog)
    assert tool.database.value(INDEX.format(NAME))


def test_rows_that_do_not_fit_leave_no_index_that_refuses_others(large: tuple[Tool, Catalog]) -> None:
    tool, catalog = large
    tool.database.execute(ROWS.format("A1"))
    with pytest.raises(PreconditionFailed, match="1 key of vehicles") as caught:
        put_back(tool, catalog)
    assert "2 rows" in str(caught.value.where)
    assert tool.database.rows(INDEX.format(NAME)) == []


def test_a_definition_that_does_more_than_it_says_is_undone(large: tuple[Tool, Catalog]) -> None:
    tool, catalog = large
    name = "positions_speed_idx"
    index = Object(Kind.INDEX, f"vehicles.{name}")
    for definition in (
        f"CREATE INDEX {name} ON public.devices USING btree (model)",
        f"CREATE INDEX {name} ON public.vehicles USING btree (model); DROP TABLE public.entry_devices",
    ):
        with pytest.raises(CatalogDrift):
            put_back(tool, Catalog({**read(tool).definitions, index: definition}))
        assert tool.database.rows(INDEX.format(name)) == []
    assert tool.database.value("SELECT to_regclass('entry_devices') IS NOT NULL")
    assert drift(catalog, tool) == {str(CONSTRAINT): Drift.MISSING}


def test_a_put_back_says_on_how_many_rows_before_it_begins(
    large: tuple[Tool, Catalog], capsys: pytest.CaptureFixture[str]
) -> None:
    tool, catalog = large
    tool.database.execute("ANALYZE vehicles")
    put_back(tool, catalog)
    assert capsys.readouterr().err == f"Putting back {CONSTRAINT}, on a table of 0 MB with about 1 rows ...\n"


def test_an_index_of_a_hypertable_locks_one_chunk_after_the_other(large: tuple[Tool, Catalog]) -> None:
    tool, catalog = large
    tool.database.execute(f"{POSITIONS}; DROP INDEX positions_faulty_idx")
    chunks = [row[0] for row in tool.database.rows("SELECT show_chunks('positions')::text ORDER BY 1")]
    done: list[tuple[str, ...]] = []
    building = threading.Thread(target=lambda: done.append(put_back(tool, catalog)))
    with written(tool.database, f"LOCK TABLE {chunks[-1]} IN ROW EXCLUSIVE MODE") as writer:
        building.start()
        until(lambda: tool.database.value(WAITING.format("CREATE INDEX positions_faulty_idx")), 30)
        with psycopg.connect(tool.database.conninfo, options="-c lock_timeout=1s") as other:
            other.execute(f"LOCK TABLE {chunks[0]} IN ROW EXCLUSIVE MODE")
        writer.commit()
    building.join(60)
    assert "index positions.positions_faulty_idx" in done[0]
    assert read(tool) == catalog
