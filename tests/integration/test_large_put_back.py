"""On a large table a lost or changed object is built without blocking writers, then swapped in under a short lock.

The new object is kept only if it equals its definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from directus_sync.catalog import Catalog, Drift, Kind, Object, concurrent_indexes
from directus_sync.errors import CatalogDrift, DatabaseFailed, PreconditionFailed
from directus_sync.postgres import patience
from tests import catalogs
from tests.conftest import Database, Tool
from tests.migrations.test_large_tables import POSITIONS
from tests.processes import until

NAME = "vehicles_make_plate_key"
CONSTRAINT = Object(Kind.CONSTRAINT, f"vehicles.{NAME}")
ADD = f"ALTER TABLE vehicles ADD CONSTRAINT {NAME} UNIQUE (make, plate)"
DROP = f"ALTER TABLE vehicles DROP CONSTRAINT {NAME}"
ROWS = "INSERT INTO vehicles (id, make, model, plate) VALUES (gen_random_uuid(), 'KTM', '450 EXC', '{}')"
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.{}')"
OURS = "FROM pg_stat_activity WHERE query ~ '^{}' AND wait_event_type = 'Lock' AND datname = current_database()"
WAITING = f"SELECT count(*) {OURS}"
KILLED = f"SELECT pg_terminate_backend(pid) {OURS}"
CONCURRENTLY = "CREATE (UNIQUE )?INDEX CONCURRENTLY"
CHUNK_BY_CHUNK = "CREATE INDEX .* WITH \\(timescaledb.transaction_per_chunk\\)"
UNFINISHED = "SELECT relname FROM pg_class WHERE relname ~ 'directus_sync_new_'"

# An object, the SQL that creates it, and the SQL with which somebody drops or changes it.
CASES = {
    "lost": (CONSTRAINT, ADD, DROP),
    "constraint": (CONSTRAINT, ADD, f"{DROP}, ADD CONSTRAINT {NAME} UNIQUE (make, model, plate) DEFERRABLE"),
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
LOST = pytest.mark.parametrize("case", ["lost"], indirect=True)
CHANGED = pytest.mark.parametrize("case", ["constraint", "index", "unique index"], indirect=True)


@dataclass(frozen=True)
class Case:
    """A database whose tables all count as large, the catalog it should have, and the lost or changed object."""

    tool: Tool
    catalog: Catalog
    item: Object

    @property
    def database(self) -> Database:
        return self.tool.database

    @property
    def drift(self) -> dict[str, Drift]:
        return catalogs.drift(self.catalog, self.tool)

    def put_back(self) -> tuple[str, ...]:
        return catalogs.put_back(self.tool, self.catalog)

    def assert_restored(self) -> None:
        assert catalogs.read(self.tool) == self.catalog
        assert self.database.rows(UNFINISHED) == []

    @contextmanager
    def waiting(self, build: str, held: str) -> Iterator[Future[tuple[str, ...]]]:
        """Restore while a transaction holds a lock. Yield once the build waits for it; commit after the block."""
        with ThreadPoolExecutor() as threads:
            with pending(self.database, held) as writer:
                done = threads.submit(self.put_back)
                until(lambda: self.database.value(WAITING.format(build)), 30)
                yield done
                writer.commit()
            done.exception(60)

    def kill(self, build: str, done: Future[tuple[str, ...]]) -> None:
        assert self.database.value(KILLED.format(build))
        assert isinstance(done.exception(60), DatabaseFailed)


@pytest.fixture
def large(deployed: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """A database whose tables all count as large."""
    monkeypatch.setattr(concurrent_indexes, "LARGE_BYTES", 1)
    deployed.database.execute(ROWS.format("A1"))
    return deployed


@pytest.fixture(params=CASES)
def case(large: Tool, request: pytest.FixtureRequest) -> Case:
    item, make, change = CASES[request.param]
    large.database.execute(make)
    case = Case(large, catalogs.read(large), item)
    large.database.execute(change)
    assert case.drift == {str(item): Drift.MISSING if request.param == "lost" else Drift.CHANGED}
    return case


@contextmanager
def pending(database: Database, statement: str) -> Iterator[psycopg.Connection]:
    """Keep a transaction open that executed this statement."""
    with psycopg.connect(database.conninfo) as writer:
        writer.execute(statement)
        yield writer


def test_writers_do_not_wait_during_a_build_and_the_old_object_stays_until_then(case: Case) -> None:
    before, there = case.drift, catalogs.read(case.tool)
    with case.waiting(CONCURRENTLY, ROWS.format("A2")) as done:
        with psycopg.connect(case.database.conninfo, options="-c lock_timeout=1s") as other:
            other.execute(ROWS.format("A3"))
            assert other.execute("SELECT count(*) FROM vehicles").fetchone() == (2,)
        # The unfinished object is in no comparison.
        assert (case.drift, catalogs.read(case.tool).definitions) == (before, there.definitions)
    assert done.result() == (str(case.item),)
    case.assert_restored()


@pytest.mark.parametrize("case", ["lost"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "held"), [(CONCURRENTLY, ROWS.format("A2")), ("ALTER TABLE", "SELECT FROM vehicles")]
)
def test_an_object_is_restored_although_others_change_the_schema_meanwhile(
    case: Case, statement: str, held: str
) -> None:
    with case.waiting(statement, held) as done:
        case.database.execute("CREATE INDEX by_hand ON devices (model, imei); CREATE TABLE made_by_hand (id integer)")
    assert done.result() == (str(case.item),)
    assert set(case.drift) == {"index devices.by_hand", "table made_by_hand", "column made_by_hand.id"}


@LOST
def test_a_failed_restore_says_that_another_session_changed_the_database(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ATTEMPTS", 1)
    with case.waiting("ALTER TABLE", "SELECT FROM vehicles") as done:
        case.database.execute("CREATE INDEX by_hand ON devices (model, imei)")
    with pytest.raises(
        CatalogDrift, match=r"another session changed .* \(unexpected: index devices.by_hand\): run again"
    ):
        done.result()
    case.database.execute("DROP INDEX by_hand")
    assert case.put_back() == (str(case.item),)
    case.assert_restored()


@LOST
def test_an_invalid_index_on_another_table_does_not_matter(case: Case) -> None:
    case.database.execute("CREATE TABLE made_by_hand AS SELECT 1 AS number FROM generate_series(1, 2)")
    with pytest.raises(Exception, match="could not create unique index"):
        case.database.execute("CREATE UNIQUE INDEX CONCURRENTLY ON made_by_hand (number)")
    assert case.put_back() == (str(case.item),)


@LOST
@pytest.mark.parametrize("valid", [False, True])
def test_a_leftover_index_is_attached_if_valid_and_dropped_otherwise(case: Case, valid: bool) -> None:
    case.database.execute(f"CREATE UNIQUE INDEX {NAME} ON vehicles (make, plate)")
    number = case.database.value(f"SELECT '{NAME}'::regclass::oid")
    if not valid:
        case.database.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = {number}")
    # The leftover belongs to the missing constraint. A pull must not capture it.
    assert case.drift == {str(CONSTRAINT): Drift.MISSING}
    assert case.put_back() == (str(CONSTRAINT),)
    case.assert_restored()
    assert (case.database.value(f"SELECT '{NAME}'::regclass::oid") == number) is valid


@LOST
def test_an_index_with_the_same_name_and_other_columns_is_left_alone(case: Case) -> None:
    case.database.execute(f"CREATE UNIQUE INDEX {NAME} ON vehicles (make, model)")
    with pytest.raises(CatalogDrift, match="its definition does something else"):
        case.put_back()
    assert case.database.value(INDEX.format(NAME))


def test_a_definition_that_does_anything_else_is_undone(large: Tool) -> None:
    catalog, name = catalogs.read(large), "positions_speed_idx"
    index = Object(Kind.INDEX, f"vehicles.{name}")
    for definition in (
        f"CREATE INDEX {name} ON public.devices USING btree (model)",
        f"CREATE INDEX {name} ON public.vehicles USING btree (model); DROP TABLE public.entry_devices",
    ):
        with pytest.raises(CatalogDrift):
            catalogs.put_back(large, Catalog({**catalog.definitions, index: definition}))
        assert catalogs.read(large) == catalog


@LOST
def test_restore_prints_the_size_of_the_table_before_it_starts(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case.database.execute("ANALYZE vehicles")
    case.put_back()
    assert capsys.readouterr().err == f"Putting back {CONSTRAINT}, on a table of 0 MB with about 1 rows ...\n"


@CHANGED
def test_restore_works_after_a_killed_build(case: Case) -> None:
    with case.waiting(CONCURRENTLY, ROWS.format("A2")) as done:
        case.kill(CONCURRENTLY, done)
    ((left,),) = case.database.rows(UNFINISHED)
    assert case.database.value(INDEX.format(left)) is False
    # A check or a pull must not see the leftover.
    assert case.drift == {str(case.item): Drift.CHANGED}
    assert case.put_back() == (str(case.item),)
    case.assert_restored()


@pytest.mark.parametrize(
    "case",
    ["index", *(pytest.param(name, marks=pytest.mark.slow) for name in ("constraint", "unique index"))],
    indirect=True,
)
def test_the_next_deploy_uses_an_index_that_was_already_built(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ATTEMPTS", 1)
    with (
        pending(case.database, "SELECT FROM vehicles"),
        pytest.raises(CatalogDrift, match="lock timeout") as caught,
    ):
        case.put_back()
    assert str(caught.value.next).startswith("run again when the table is free")
    ((left,),) = case.database.rows(UNFINISHED)
    number = case.database.value(f"SELECT '{left}'::regclass::oid")
    assert case.put_back() == (str(case.item),)
    case.assert_restored()
    assert case.database.value(f"SELECT relname FROM pg_class WHERE oid = {number}") == case.item.names[1]


@pytest.mark.parametrize("case", ["constraint"], indirect=True)
def test_a_built_index_is_kept_if_another_object_fails(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ATTEMPTS", 1)
    index = {Object(Kind.INDEX, "devices.devices_model"): "CREATE UNIQUE INDEX devices_model ON public.devices (model)"}
    case.database.execute(
        "INSERT INTO devices (id, imei, model)"
        " SELECT gen_random_uuid(), 350000000000000 + number, 'FMB920' FROM generate_series(1, 2) AS number"
    )
    with pending(case.database, "SELECT FROM vehicles"), pytest.raises(CatalogDrift, match="2 objects"):
        catalogs.put_back(case.tool, Catalog({**case.catalog.definitions, **index}))
    ((left,),) = case.database.rows(UNFINISHED)
    assert case.database.value(INDEX.format(left)) is True


@pytest.mark.parametrize("case", ["index"], indirect=True)
def test_leftovers_that_are_no_longer_needed_are_dropped(case: Case) -> None:
    case.database.execute(
        f"{POSITIONS}; CREATE INDEX directus_sync_new_1 ON vehicles (plate, model);"
        " CREATE INDEX directus_sync_new_2 ON positions (speed);"
        " UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'directus_sync_new_1'::regclass"
    )
    case.put_back()
    case.assert_restored()


@pytest.mark.parametrize(
    ("case", "plate"), [("lost", "A1"), ("constraint", "A1"), ("unique index", "a1")], indirect=["case"]
)
def test_rows_that_do_not_fit_stop_the_build_and_leave_no_index(case: Case, plate: str) -> None:
    before = case.drift
    case.database.execute(ROWS.format(plate).replace("450 EXC", "250 EXC"))
    with pytest.raises(PreconditionFailed, match="1 key of vehicles") as caught:
        case.put_back()
    assert "2 rows" in str(caught.value.where)
    assert case.drift == before
    assert case.database.rows(UNFINISHED) == []
    assert case.database.rows("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid") == []


@pytest.mark.parametrize(
    ("change", "killed"),
    [
        ("SELECT", False),
        ("CREATE INDEX positions_faulty_idx ON positions (speed, ts)", False),
        ("CREATE INDEX positions_faulty_idx ON positions (speed, ts)", True),
    ],
    ids=["lost", "changed", "killed"],
)
def test_building_an_index_of_a_hypertable_locks_one_chunk_at_a_time(large: Tool, change: str, killed: bool) -> None:
    large.database.execute(POSITIONS)
    case = Case(large, catalogs.read(large), Object(Kind.INDEX, "positions.positions_faulty_idx"))
    large.database.execute(f"DROP INDEX positions_faulty_idx; {change}")
    chunks = [row[0] for row in large.database.rows("SELECT show_chunks('positions')::text ORDER BY 1")]
    with case.waiting(CHUNK_BY_CHUNK, f"LOCK TABLE {chunks[-1]} IN ROW EXCLUSIVE MODE") as done:
        with psycopg.connect(large.database.conninfo, options="-c lock_timeout=1s") as other:
            other.execute(f"LOCK TABLE {chunks[0]} IN ROW EXCLUSIVE MODE")
        if killed:
            case.kill(CHUNK_BY_CHUNK, done)
    if killed:
        assert large.database.rows(UNFINISHED)
    assert (case.put_back() if killed else done.result()) == (str(case.item),)
    case.assert_restored()
    # New chunks get the index too.
    large.database.execute(POSITIONS.replace("2026-06-06", "2026-07-06"))
    indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname ~ 'internal' AND indexname ~ 'positions_faulty_idx'"
    assert large.database.value(indexes) == 2 * len(chunks)
