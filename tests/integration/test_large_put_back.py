"""What a large table lost or has otherwise is built while others write, and put in its place in a moment.

It is kept only if it is just that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from directus_sync.catalog import Catalog, Drift, Kind, Object, concurrent_indexes
from directus_sync.errors import CatalogDrift, DatabaseFailed, PreconditionFailed
from directus_sync.postgres import patience
from tests.catalogs import drift, put_back, read
from tests.conftest import Database, Tool
from tests.migrations.test_large_tables import POSITIONS
from tests.processes import until

NAME = "vehicles_make_plate_key"
CONSTRAINT = Object(Kind.CONSTRAINT, f"vehicles.{NAME}")
ROWS = "INSERT INTO vehicles (id, make, model, plate) VALUES (gen_random_uuid(), 'KTM', '450 EXC', '{}')"
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.{}')"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^{}' AND wait_event_type = 'Lock'"
CONCURRENTLY = "CREATE (UNIQUE )?INDEX CONCURRENTLY"
CHUNK_BY_CHUNK = "CREATE INDEX .* WITH \\(timescaledb.transaction_per_chunk\\)"
KILLED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^{}' AND wait_event_type = 'Lock'"
UNFINISHED = "SELECT relname FROM pg_class WHERE relname ~ 'directus_sync_new_'"

# An object of a large table, how it is made, and how somebody makes something else of it.
CHANGES = {
    "constraint": (
        CONSTRAINT,
        "SELECT",
        f"ALTER TABLE vehicles ADD CONSTRAINT {NAME} UNIQUE (make, model, plate) DEFERRABLE",
    ),
    "index": (
        Object(Kind.INDEX, "vehicles.vehicles_model_make"),
        "CREATE INDEX vehicles_model_make ON vehicles (model, make)",
        "DROP INDEX vehicles_model_make; CREATE INDEX vehicles_model_make ON vehicles (model, plate)",
    ),
    "unique index": (
        Object(Kind.INDEX, 'vehicles."Vehicles plate"'),
        "CREATE UNIQUE INDEX \"Vehicles plate\" ON vehicles (lower(plate)) WHERE plate <> ''",
        'DROP INDEX "Vehicles plate"; CREATE INDEX "Vehicles plate" ON vehicles (lower(plate))',
    ),
}


@pytest.fixture
def large(deployed: Tool, monkeypatch: pytest.MonkeyPatch) -> tuple[Tool, Catalog]:
    """A database whose every table is large, and its catalog, of which it then lost a constraint."""
    monkeypatch.setattr(concurrent_indexes, "LARGE_BYTES", 1)
    deployed.database.execute(ROWS.format("A1"))
    deployed.database.execute(f"ALTER TABLE vehicles ADD CONSTRAINT {NAME} UNIQUE (make, plate)")
    catalog = read(deployed)
    deployed.database.execute(f"ALTER TABLE vehicles DROP CONSTRAINT {NAME}")
    return deployed, catalog


@pytest.fixture(params=CHANGES)
def changed(large: tuple[Tool, Catalog], request: pytest.FixtureRequest) -> tuple[Tool, Catalog, Object]:
    """A database whose every table is large, what its catalog should be, and the object that is otherwise."""
    tool, _ = large
    item, make, change = CHANGES[request.param]
    tool.database.execute(f"ALTER TABLE vehicles ADD CONSTRAINT {NAME} UNIQUE (make, plate)")
    tool.database.execute(make)
    catalog = read(tool)
    if item is CONSTRAINT:
        tool.database.execute(f"ALTER TABLE vehicles DROP CONSTRAINT {NAME}")
    tool.database.execute(change)
    assert drift(catalog, tool) == {str(item): Drift.CHANGED}
    return tool, catalog, item


@contextmanager
def written(database: Database, statement: str) -> Iterator[psycopg.Connection]:
    """Have a transaction open in which somebody did this."""
    with psycopg.connect(database.conninfo) as writer:
        writer.execute(statement)
        yield writer


def assert_others_go_on_while_it_builds(tool: Tool) -> None:
    until(lambda: tool.database.value(WAITING.format(CONCURRENTLY)), 30)
    with psycopg.connect(tool.database.conninfo, options="-c lock_timeout=1s") as other:
        other.execute(ROWS.format("A3"))
        assert other.execute("SELECT count(*) FROM vehicles").fetchone() == (2,)


def test_nobody_waits_while_the_index_is_built(large: tuple[Tool, Catalog]) -> None:
    tool, catalog = large
    done: list[tuple[str, ...]] = []
    building = threading.Thread(target=lambda: done.append(put_back(tool, catalog)))
    with written(tool.database, ROWS.format("A2")) as writer:
        building.start()
        assert_others_go_on_while_it_builds(tool)
        writer.commit()
    building.join(60)
    assert done == [(str(CONSTRAINT),)]
    assert read(tool) == catalog


def test_what_a_failed_build_left_elsewhere_is_in_nobody_s_way(large: tuple[Tool, Catalog]) -> None:
    tool, catalog = large
    tool.database.execute("CREATE TABLE made_by_hand AS SELECT 1 AS number FROM generate_series(1, 2)")
    with pytest.raises(Exception, match="could not create unique index"):
        tool.database.execute("CREATE UNIQUE INDEX CONCURRENTLY ON made_by_hand (number)")
    assert put_back(tool, catalog) == (str(CONSTRAINT),)


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
        until(lambda: tool.database.value(WAITING.format(CHUNK_BY_CHUNK)), 30)
        with psycopg.connect(tool.database.conninfo, options="-c lock_timeout=1s") as other:
            other.execute(f"LOCK TABLE {chunks[0]} IN ROW EXCLUSIVE MODE")
        writer.commit()
    building.join(60)
    assert "index positions.positions_faulty_idx" in done[0]
    assert read(tool) == catalog


def test_nobody_waits_while_a_changed_one_is_built_beside_it(changed: tuple[Tool, Catalog, Object]) -> None:
    tool, catalog, item = changed
    there = read(tool).definitions[item]
    done: list[tuple[str, ...]] = []
    building = threading.Thread(target=lambda: done.append(put_back(tool, catalog)))
    with written(tool.database, ROWS.format("A2")) as writer:
        building.start()
        assert_others_go_on_while_it_builds(tool)
        # What is there serves until then, and nobody sees the other.
        assert read(tool).definitions[item] == there
        assert drift(catalog, tool) == {str(item): Drift.CHANGED}
        writer.commit()
    building.join(60)
    assert done == [(str(item),)]
    assert read(tool) == catalog
    assert tool.database.rows(UNFINISHED) == []


def test_a_deploy_after_one_that_was_killed_while_it_built_comes_right(changed: tuple[Tool, Catalog, Object]) -> None:
    tool, catalog, item = changed
    failed: list[BaseException] = []
    with written(tool.database, ROWS.format("A2")) as writer:
        building = threading.Thread(target=lambda: failed.append(_failure(tool, catalog)))
        building.start()
        until(lambda: tool.database.value(WAITING.format(CONCURRENTLY)), 30)
        assert tool.database.value(KILLED.format(CONCURRENTLY))
        building.join(60)
        writer.commit()
    assert isinstance(failed[0], DatabaseFailed)
    ((left,),) = tool.database.rows(UNFINISHED)
    assert tool.database.value(INDEX.format(left)) is False
    # It is nothing that a check or a pull should see.
    assert drift(catalog, tool) == {str(item): Drift.CHANGED}
    assert put_back(tool, catalog) == (str(item),)
    assert read(tool) == catalog
    assert tool.database.rows(UNFINISHED) == []


def _failure(tool: Tool, catalog: Catalog) -> BaseException:
    with pytest.raises(DatabaseFailed) as caught:
        put_back(tool, catalog)
    return caught.value


@pytest.mark.parametrize(
    "changed",
    ["index", *(pytest.param(name, marks=pytest.mark.slow) for name in ("constraint", "unique index"))],
    indirect=True,
)
def test_what_was_built_before_a_deploy_ended_is_used_by_the_next(
    changed: tuple[Tool, Catalog, Object], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, catalog, item = changed
    monkeypatch.setattr(patience, "ATTEMPTS", 1)
    with written(tool.database, "SELECT FROM vehicles"), pytest.raises(CatalogDrift, match="lock timeout") as caught:
        put_back(tool, catalog)
    assert str(caught.value.next).startswith("run again when the table is free")
    ((left,),) = tool.database.rows(UNFINISHED)
    number = tool.database.value(f"SELECT '{left}'::regclass::oid")
    assert put_back(tool, catalog) == (str(item),)
    assert read(tool) == catalog
    assert tool.database.value(f"SELECT relname FROM pg_class WHERE oid = {number}") == item.names[1]


def test_what_was_built_stays_for_the_next_deploy_although_another_object_fails(
    large: tuple[Tool, Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, lost = large
    monkeypatch.setattr(patience, "ATTEMPTS", 1)
    tool.database.execute("CREATE UNIQUE INDEX devices_model ON devices (model)")
    catalog = Catalog({**lost.definitions, **read(tool).definitions})
    tool.database.execute(
        "DROP INDEX devices_model; INSERT INTO devices (id, imei, model)"
        " SELECT gen_random_uuid(), 350000000000000 + number, 'FMB920' FROM generate_series(1, 2) AS number"
    )
    with written(tool.database, "SELECT FROM vehicles"), pytest.raises(CatalogDrift, match="2 objects"):
        put_back(tool, catalog)
    ((left,),) = tool.database.rows(UNFINISHED)
    assert tool.database.value(INDEX.format(left)) is True


def test_a_leftover_of_something_that_nobody_wants_any_more_is_dropped(changed: tuple[Tool, Catalog, Object]) -> None:
    tool, catalog, _ = changed
    tool.database.execute(
        f"{POSITIONS}; CREATE INDEX directus_sync_new_1 ON vehicles (plate, model);"
        " CREATE INDEX directus_sync_new_2 ON positions (speed);"
        " UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'directus_sync_new_1'::regclass"
    )
    put_back(tool, catalog)
    assert read(tool) == catalog
    assert tool.database.rows(UNFINISHED) == []


@pytest.mark.parametrize(("changed", "plate"), [("constraint", "A1"), ("unique index", "a1")], indirect=["changed"])
def test_rows_that_do_not_fit_leave_the_changed_one_as_it_is(changed: tuple[Tool, Catalog, Object], plate: str) -> None:
    tool, catalog, item = changed
    tool.database.execute(ROWS.format(plate).replace("450 EXC", "250 EXC"))
    with pytest.raises(PreconditionFailed, match="1 key of vehicles"):
        put_back(tool, catalog)
    assert drift(catalog, tool) == {str(item): Drift.CHANGED}
    assert tool.database.rows(UNFINISHED) == []


@pytest.mark.parametrize("killed", [False, True])
def test_a_changed_index_of_a_hypertable_is_built_chunk_by_chunk(large: tuple[Tool, Catalog], killed: bool) -> None:
    tool, _ = large
    tool.database.execute(POSITIONS)
    catalog = read(tool)
    tool.database.execute("DROP INDEX positions_faulty_idx; CREATE INDEX positions_faulty_idx ON positions (speed, ts)")
    chunks = [row[0] for row in tool.database.rows("SELECT show_chunks('positions')::text ORDER BY 1")]
    done: list[object] = []
    with written(tool.database, f"LOCK TABLE {chunks[-1]} IN ROW EXCLUSIVE MODE") as writer:
        building = threading.Thread(
            target=lambda: done.append(_failure(tool, catalog) if killed else put_back(tool, catalog))
        )
        building.start()
        until(lambda: tool.database.value(WAITING.format(CHUNK_BY_CHUNK)), 30)
        with psycopg.connect(tool.database.conninfo, options="-c lock_timeout=1s") as other:
            other.execute(f"LOCK TABLE {chunks[0]} IN ROW EXCLUSIVE MODE")
        if killed:
            assert tool.database.value(KILLED.format(CHUNK_BY_CHUNK))
            building.join(60)
        writer.commit()
    building.join(60)
    if killed:
        assert tool.database.rows(UNFINISHED)
        done.append(put_back(tool, catalog))
    assert done[-1] == ("index positions.positions_faulty_idx",)
    assert read(tool) == catalog
    assert tool.database.rows(UNFINISHED) == []
    # A new chunk gets it, too.
    tool.database.execute(POSITIONS.replace("2026-06-06", "2026-07-06"))
    indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname ~ 'internal' AND indexname ~ 'positions_faulty_idx'"
    assert tool.database.value(indexes) == 2 * len(chunks)
