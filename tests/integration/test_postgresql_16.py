"""PostgreSQL 16, which production runs: the tool's catalog queries work there and give the same text as on 17.

No package has TimescaleDB 2.17 and PostGIS for PostgreSQL 16. Stand-ins have some columns of the views that the tool
and Directus read, and the names of the types (tests/postgres16/timescaledb--0.sql and postgis--0.sql). To test the real
ones, name a server in TEST_SERVER. On PostgreSQL 16.14 with TimescaleDB 2.17.2 and PostGIS 3.5.1, built from source,
the tests of migrations, catalog, deploy, fast path, guard, push and pull, attic and seed passed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from directus_sync.attic import listing
from directus_sync.catalog import Catalog, Drift, Kind
from directus_sync.catalog import file as catalog_file
from directus_sync.probes import risks
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.plan import DroppedWith, Hazard, Mover, Risk, Verdict
from directus_sync.state import fingerprint
from tests.attics import open_attic
from tests.catalogs import CATALOG, ZOO, connected, drift, put_back, read
from tests.checkout import Checkout
from tests.conftest import Cloning, Database, Tool
from tests.integration import test_rows_in_the_way
from tests.integration.test_catalog import CHANGED
from tests.postgres16 import server

# Blocks that run on both servers. The others need the real TimescaleDB or PostGIS.
BLOCKS = tuple(block for block in ZOO if "create_hypertable" not in block and "geometry" not in block)

PRINTED = (server.FOLDER / "printed.sql").read_text()

Moving = Callable[[], Tool]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def moved(clone: Cloning, stack_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    """Return a function that copies a deployed database of PostgreSQL 17 to PostgreSQL 16."""
    with server.running(stack_environ, tmp_path_factory.mktemp("sixteen")) as environ:
        maintenance = Database("postgres", environ)
        server.load(clone("deployed"), "template_deployed", environ)
        numbers = itertools.count()

        def make() -> Tool:
            name = f"test_{next(numbers)}"
            maintenance.execute(f"CREATE DATABASE {name} TEMPLATE template_deployed")
            return Tool(Database(name, environ))

        yield make


@pytest.fixture
def sixteen(moved: Moving) -> Tool:
    """The tool, on a database of PostgreSQL 16 that was deployed to this checkout on 17."""
    return moved()


@pytest.fixture(scope="module")
def zoos(clone: Cloning, moved: Moving) -> tuple[Tool, Tool]:
    """A database on 17 and one on 16, with every kind of object. A test that drops one must restore it."""
    both = Tool(clone("deployed")), moved()
    for tool in both:
        for block in (*BLOCKS, PRINTED):
            tool.database.execute(block)
    return both


def test_a_deploy_to_an_empty_database_gives_the_committed_catalog(sixteen: Tool) -> None:
    maintenance = Tool(Database("postgres", sixteen.database.environ))
    maintenance.database.execute("CREATE DATABASE new")
    new = Tool(Database("new", sixteen.database.environ))
    assert new.database.value("SELECT current_setting('server_version_num')::int / 10000") == 16

    new.done("deploy")
    assert catalog_file.dump(read(new)) == CATALOG.read_bytes()
    # The fingerprint that the deploy recorded makes one query enough.
    again = new("deploy")
    assert "Nothing to do" in again.out, again.text


def test_both_versions_print_every_kind_of_object_alike(zoos: tuple[Tool, Tool]) -> None:
    seventeen, sixteen = map(read, zoos)
    assert {item.kind for item in sixteen.definitions} == set(Kind)
    assert catalog_file.dump(sixteen) == catalog_file.dump(seventeen)


@pytest.mark.parametrize("to", [16, 17])
def test_one_version_restores_objects_that_the_other_printed(
    zoos: tuple[Tool, Tool], clone: Cloning, moved: Moving, to: int
) -> None:
    source, target = (zoos[0], moved()) if to == 16 else (zoos[1], Tool(clone("deployed")))
    expected = read(source)
    lost = drift(expected, target)
    assert len(lost) > 100
    assert set(put_back(target, expected)) == set(lost)
    assert catalog_file.dump(read(target)) == catalog_file.dump(expected)


def test_changed_objects_are_restored(zoos: tuple[Tool, Tool]) -> None:
    _, tool = zoos
    catalog = read(tool)
    for name, change in CHANGED.items():
        tool.database.execute(change)
        assert drift(catalog, tool) == {name: Drift.CHANGED}
        assert put_back(tool, catalog) == (name,)
    assert read(tool) == catalog


def test_a_half_built_index_is_rebuilt(sixteen: Tool) -> None:
    tool = sixteen
    tool.database.execute("CREATE TABLE laps (id int PRIMARY KEY, number int); INSERT INTO laps VALUES (1, 1), (2, 1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        tool.database.execute("CREATE UNIQUE INDEX CONCURRENTLY laps_number_idx ON laps (number)")
    (item,) = read(tool).invalid
    assert str(item) == "index laps.laps_number_idx"
    tool.database.execute("TRUNCATE laps")
    expected = read(tool)
    expected = Catalog({**expected.definitions, **expected.invalid})
    assert put_back(tool, expected) == (str(item),)
    assert read(tool) == expected


def test_rows_that_violate_a_constraint_are_named(sixteen: Tool) -> None:
    sixteen.database.execute(test_rows_in_the_way.ROWS)
    for refusal in test_rows_in_the_way.REFUSALS:
        test_rows_in_the_way.assert_refused(sixteen, *refusal)


def test_rows_that_a_push_puts_at_risk_are_counted(sixteen: Tool) -> None:
    sixteen.database.execute(
        "CREATE TABLE laps (id int PRIMARY KEY, text text, amount numeric, at timestamptz);"
        "INSERT INTO laps VALUES"
        " (1, '1', 1.50, now()), (2, 'x', 1.00, NULL), (3, '1', 99999, now()), (4, NULL, 7, NULL)"
    )
    expected = {
        Risk(Hazard.TABLE, "laps"): 4,
        Risk(Hazard.REQUIRED, "laps", "more"): 4,
        Risk(Hazard.COLUMN, "laps", "text"): 3,
        Risk(Hazard.NOT_NULL, "laps", "at"): 2,
        Risk(Hazard.UNIQUE, "laps", "text"): 2,
        Risk(Hazard.RETYPE, "laps", "text", "integer"): 1,
        Risk(Hazard.RETYPE, "laps", "text", "uuid"): 3,
        Risk(Hazard.RETYPE, "laps", "amount", "integer"): 2,
        Risk(Hazard.RETYPE, "laps", "amount", "numeric(5, 2)"): 1,
        Risk(Hazard.RETYPE, "laps", "at", "date"): 2,
        Risk(Hazard.COLUMN, "nothing", "there"): 0,
    }
    with connected(sixteen) as connection:
        assert risks.count(connection, expected) == expected


def test_objects_that_a_removed_column_takes_along_are_named(zoos: tuple[Tool, Tool]) -> None:
    risk = Risk(Hazard.COLUMN, "entries", "race_number")
    verdict = Verdict(Change(Action.REMOVE, ItemKind.FIELD, "entries", "race_number"), Mover.GIT, (risk,))
    seventeen, sixteen = [taken(tool, verdict)[risk] for tool in zoos]
    assert sixteen == seventeen
    assert {"constraint entries.entries_event_id_race_number_key", "index entries.entries_late_idx"} <= {
        gone.name for gone in sixteen
    }


def taken(tool: Tool, verdict: Verdict) -> dict[Risk, tuple[DroppedWith, ...]]:
    with connected(tool) as connection:
        return risks.dropped_with(connection, [verdict], catalog_file.load(CATALOG))


def test_every_new_object_changes_the_fingerprint(sixteen: Tool) -> None:
    seen = set()
    for block in ("SELECT", *BLOCKS, PRINTED, *CHANGED.values()):
        sixteen.database.execute(block)
        with connected(sixteen) as connection:
            found = fingerprint.read(connection)
            assert found is not None
            assert found == fingerprint.read(connection)
        assert found not in seen, block
        seen.add(found)


ITEM = (
    "CREATE TABLE item"
    " (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, no serial, note varchar(10), amount numeric(8, 2))"
)


def test_the_attic_keeps_and_restores_writes_made_after_the_copy(sixteen: Tool) -> None:
    tool = sixteen
    tool.database.execute(f"{ITEM}; INSERT INTO item (note, amount) SELECT 'n' || n, n FROM generate_series(1, 6) n")
    with open_attic(tool) as attic:
        copy = attic.keep_one("item")
        tool.database.execute("INSERT INTO item (note) VALUES ('late'); UPDATE item SET note = 'new' WHERE id = 1")
        tool.database.execute("DELETE FROM item WHERE id = 2; UPDATE item SET id = DEFAULT WHERE id = 3")
        tool.database.execute(
            "MERGE INTO item i USING (SELECT 4 AS n) s ON id = n WHEN MATCHED THEN UPDATE SET note = 'merged'"
        )
        live = tool.database.rows("SELECT * FROM item ORDER BY 1")
        tool.database.execute("DROP TABLE item")
        assert attic.finish(copy).rows == len(live) == 6
        assert attic.rows(copy) == live
        assert attic.temporary() == []

        tool.database.execute(f"{ITEM}; INSERT INTO item OVERRIDING SYSTEM VALUE VALUES (5, 5, 'mine', 5)")
        tool.database.execute("ALTER TABLE item ADD CHECK (note <> 'merged')")
        done = attic.restore(copy)
        assert [kept.id for kept in listing(attic.connection)] == [copy.id]
    assert (done.restored, done.already_there) == (4, 0)
    assert {row.key: row.reason.partition(" violates")[0] for row in done.rejected} == {
        "4": 'new row for relation "item"',
        "5": "the table has this row with another note",
    }
    assert tool.database.value("INSERT INTO item DEFAULT VALUES RETURNING (id, no)::text") == "(9,8)"


def test_the_post_branch_can_be_downgraded_and_upgraded_again(sixteen: Tool, clone: Cloning) -> None:
    # A database without the post branch lacks exactly the objects of the post branch.
    ours = drift(catalog_file.load(CATALOG), Tool(clone("bootstrapped")))
    done = sixteen.alembic("downgrade", "post@base")
    assert done.code == 0, done.text
    assert drift(catalog_file.load(CATALOG), sixteen) == ours
    done = sixteen.alembic("upgrade", "post@head")
    assert done.code == 0, done.text
    assert catalog_file.dump(read(sixteen)) == CATALOG.read_bytes()


def test_renaming_a_collection_renames_the_same_objects_on_both_versions(
    clone: Cloning, sixteen: Tool, tmp_path: Path
) -> None:
    rename = Checkout.with_revision(
        tmp_path, 'rename_collection("entries", "starts")', 'rename_collection("starts", "entries")'
    )
    names = []
    for tool in (Tool(clone("deployed")), sixteen):
        for block in BLOCKS:
            tool.database.execute(block)
        rename.upgrade(tool)
        names.append((tool.database.rows(NAMES), catalog_file.dump(read(tool))))
    seventeen, on_16 = names
    assert on_16 == seventeen
    assert "constraint starts.starts_event_id_race_number_key" in {str(item) for item in read(sixteen).definitions}


NAMES = """
SELECT conrelid::regclass::text, conname::text FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
UNION ALL SELECT indrelid::regclass::text, indexrelid::regclass::text FROM pg_index
JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'sequence', oid::regclass::text FROM pg_class
WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
ORDER BY 1, 2
"""
