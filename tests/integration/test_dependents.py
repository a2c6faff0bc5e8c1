"""A change of a column's type is tried on an empty copy of the table, with the session settings of Directus."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from directus_sync.postgres import database
from directus_sync.probes import dependents
from directus_sync.schema.diff import Action, Change, Edit, ItemKind
from directus_sync.schema.plan import Mover, Verdict
from directus_sync.schema.snapshot import Snapshot
from tests.chaos.moments import locked
from tests.conftest import Tool
from tests.processes import until

Type = tuple[str, str, dict[str, Any]]
Obstacles = dict[tuple[ItemKind, str], tuple[str, ...]]

HELPED: Final = (
    "CREATE FUNCTION helper(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';"
    "CREATE FUNCTION norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT helper($1)';"
)
CITEXT: Final = "CREATE EXTENSION citext; ALTER TABLE kept ALTER a TYPE citext"
TEXT: Final[Type] = ("text", "text", {})
SHORT: Final[Type] = ("string", "character varying", {"max_length": 100})
WHOLE: Final[Type] = ("integer", "integer", {})
JSON: Final[Type] = ("json", "json", {})


def snapshot_with(kind: Type) -> Snapshot:
    name, data_type, more = kind
    schema = {"name": "a", "table": "kept", "data_type": data_type, **more}
    return Snapshot(b"", "a file", "11", {"fields": {("kept", "a"): {"type": name, "schema": schema}}})


def obstacles(tool: Tool, after: Type, *, faults: tuple[str, ...] = (), wait: str = "4s") -> Obstacles:
    """Return the objects that prevent another type of kept.a."""
    edits = (Edit(("type",), TEXT[0], after[0]), Edit(("schema", "data_type"), TEXT[1], after[1]))
    change = Change(Action.CHANGE, ItemKind.FIELD, "kept", "a", edits=edits)
    verdict = Verdict(change, Mover.GIT, faults=faults)
    with database.connect(tool.settings, "test") as connection:
        database.query(connection, "SELECT set_config('lock_timeout', %s, false)", (wait,))
        return dict(dependents.needed_by(connection, [verdict], snapshot_with(TEXT), snapshot_with(after)))


HARMLESS: Final = {
    "a check by a function that calls another": f"{HELPED} ALTER TABLE kept ADD CHECK (norm(a) <> 'x')",
    # PostgreSQL 17 allows no index on such a function.
    "an index of citext": f"{CITEXT}; CREATE INDEX ON kept (id) WHERE a ~ 'x'",
    "a check of citext": f"{CITEXT}; ALTER TABLE kept ADD CHECK (a ~ '^[a-z]*$')",
    "a table of the copy's name": "CREATE TABLE rehearsed (b text)",
}


@pytest.mark.parametrize("what", HARMLESS)
def test_objects_that_follow_the_new_type_are_not_reported(bootstrapped: Tool, what: str) -> None:
    bootstrapped.database.execute(f"CREATE TABLE kept (id integer PRIMARY KEY, a text); {HARMLESS[what]}")
    assert obstacles(bootstrapped, SHORT) == {}


REFUSED: Final = {
    "operator does not exist: integer ~ text": ("ALTER TABLE kept ADD CHECK (a ~ '^[0-9]*$')", WHOLE),
    "has no default btree operator class": ("CREATE STATISTICS kinds ON id, a FROM kept", JSON),
}


@pytest.mark.parametrize("said", REFUSED)
def test_objects_that_postgresql_cannot_convert_are_named(bootstrapped: Tool, said: str) -> None:
    statement, kind = REFUSED[said]
    bootstrapped.database.execute(f"CREATE TABLE kept (id integer PRIMARY KEY, a text); {statement}")
    ((what,),) = obstacles(bootstrapped, kind).values()
    assert said in what
    assert obstacles(bootstrapped, kind, faults=("no such type",)) == {}


def test_an_impossible_type_is_no_database_error(bootstrapped: Tool) -> None:
    bootstrapped.database.execute("CREATE TABLE kept (id integer PRIMARY KEY, a text)")
    long = ("string", "character varying", {"max_length": 20_000_000})
    assert obstacles(bootstrapped, long, faults=("length 20000000",)) == {}
    assert "cannot exceed" in str(obstacles(bootstrapped, long))


def test_nothing_is_reported_if_the_copy_cannot_be_created(bootstrapped: Tool) -> None:
    bootstrapped.database.execute(
        "CREATE TABLE kept (id integer PRIMARY KEY, a text);"
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no tables by hand'; END $$;"
        "CREATE EVENT TRIGGER no_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()"
    )
    assert obstacles(bootstrapped, SHORT) == {}


def test_the_probe_waits_for_a_locked_table(bootstrapped: Tool) -> None:
    bootstrapped.database.execute(
        "CREATE TABLE kept (id integer PRIMARY KEY, a text); ALTER TABLE kept ADD CHECK (a ~ '^[0-9]*$')"
    )
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor() as pool:
        with locked(bootstrapped.database, "LOCK kept IN ACCESS EXCLUSIVE MODE"):
            asked = pool.submit(obstacles, bootstrapped, WHOLE, wait="100ms")
            long = f"{waits} AND clock_timestamp() - query_start > interval '300ms'"
            until(lambda: bootstrapped.database.value(long) == 1 or asked.done())
            assert not asked.done(), asked.result()
        assert len(asked.result()) == 1


def test_nothing_is_reported_if_the_table_stays_locked(bootstrapped: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrapped.database.execute("CREATE TABLE kept (id integer PRIMARY KEY, a text)")
    monkeypatch.setattr(dependents, "_COPY", dependents._COPY.replace("1min", "100ms"))
    with locked(bootstrapped.database, "LOCK kept IN ACCESS EXCLUSIVE MODE"):
        assert obstacles(bootstrapped, SHORT) == {}
