"""Creating Directus's own tables from the prepared file gives the same result as Directus's bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from directus_sync.directus import bootstrap, server, worker
from directus_sync.postgres import database
from tests.conftest import Copying, Database, Tool

# Times, hashes and ids differ between two bootstraps. Each must exist, and each id must be of the same kind.
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'directus\\_%' ORDER BY 1"
CHANGING = {
    "MIGRATIONS_PATH": "nowhere",
    "DB_SEARCH_PATH": "public",
    "PROJECT_NAME": "2026",
    "PROJECT_OWNER": "Owner@Example.com",
    "HASH_TIME_COST": "4",
    "ADMIN_EMAIL": "Admin@Example.com",
    "ADMIN_PASSWORD": "",
}
# Directus's own bootstrap sends the owner to COMPLIANCE_URL, where nothing listens.
NAMED = {"PROJECT_NAME": "Rally", "PROJECT_OWNER": "owner@example.com", "COMPLIANCE_URL": "http://127.0.0.1:9"}
# Directus converts these to numbers or lists, and uses the result as the password.
CHANGING |= {f"a password such as {value}": value for value in ("12345678", "a,b", "json:x")}


def made_from_file(tool: Tool) -> None:
    settings = tool.settings
    with database.connect(settings, "test") as connection:
        assert bootstrap.is_prepared(settings, connection)
        choice = worker.choose(settings, connection)
        with server.loading(settings, choice) as loaded:
            bootstrap.from_file(settings, connection, loaded)


def rows(made: Database) -> dict[str, list[Any]]:
    """Return all rows in the order of writing. Ids that each bootstrap generates are replaced by names."""
    names = {str(made.value(sql)): name for name, sql in bootstrap.IDS.items()}
    assert names[made.value("SELECT project_id::text FROM directus_settings")] == "project"
    found: dict[str, list[Any]] = {}
    for (table,) in made.rows(TABLES):
        found[table] = [
            {key: names.get(str(value), value) for key, value in row.items()}
            for (row,) in made.rows(f"SELECT to_jsonb(t) FROM {table} t ORDER BY t.ctid")
        ]
    for migration in found["directus_migrations"]:
        assert migration.pop("timestamp")
    # "pending" if Directus could not send the owner.
    assert found["directus_settings"][0].pop("project_status") in {None, "pending"}
    (user,) = found["directus_users"]
    assert user.pop("password").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    return found


def sequences(made: Database) -> list[tuple[Any, ...]]:
    return made.rows("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1")


def test_the_prepared_tables_equal_a_bootstrap_in_rows_and_in_pg_dump(copied: Copying) -> None:
    """Compares with the template, which Directus's own bootstrap created after the pre branch."""
    with copied("bootstrapped") as first, copied("empty") as second:
        tool = Tool(second)
        assert tool.alembic("upgrade", "pre@head").code == 0
        made_from_file(tool)
        assert_equal(first, second)


@pytest.mark.slow
def test_the_prepared_tables_equal_a_bootstrap_with_project_name_and_owner(copied: Copying) -> None:
    with copied("empty") as first, copied("empty") as second:
        bootstrap.bootstrap(Tool(first).with_settings(**NAMED).settings)
        made_from_file(Tool(second).with_settings(**NAMED))
        assert second.value("SELECT project_owner FROM directus_settings") == NAMED["PROJECT_OWNER"]
        assert_equal(first, second)


def assert_equal(first: Database, second: Database) -> None:
    assert second.schema() == first.schema()
    assert rows(second) == rows(first)
    assert sequences(second) == sequences(first)
    ids = [[made.value(sql) for sql in bootstrap.IDS.values()] for made in (first, second)]
    assert not set(ids[0]) & set(ids[1])
    assert [[value.version for value in found] for found in ids] == [[7, 4, 4, 4, 4, 4]] * 2


@pytest.fixture(scope="module")
def always_empty(copied: Copying) -> Iterator[Tool]:
    """The tool, on an empty database that no test changes."""
    with copied("empty") as database:
        yield Tool(database)


@pytest.mark.parametrize("name", CHANGING)
def test_settings_that_change_the_bootstrap_prevent_the_prepared_file(always_empty: Tool, name: str) -> None:
    changed = {"ADMIN_PASSWORD" if "password" in name else name: CHANGING[name]}
    settings = always_empty.with_settings(**changed).settings
    with database.connect(settings, "test") as connection:
        assert not bootstrap.is_prepared(settings, connection)


def test_an_existing_directus_table_prevents_the_prepared_file(empty: Tool) -> None:
    with database.connect(empty.settings, "test") as connection:
        assert bootstrap.is_prepared(empty.settings, connection)
        empty.database.execute("CREATE TABLE directus_of_mine ()")
        assert not bootstrap.is_prepared(empty.settings, connection)


def test_deploy_repeats_an_interrupted_bootstrap(bootstrapped: Tool) -> None:
    """Directus creates its tables one by one, and adds some of their columns later."""
    bootstrapped.database.execute(
        "CREATE TABLE directus_sync.bootstrapping (); DELETE FROM directus_users;"
        " ALTER TABLE directus_extensions DROP COLUMN folder; DROP TABLE directus_policies CASCADE"
    )
    bootstrapped.done("deploy")
    assert bootstrapped.database.value("SELECT to_regclass('directus_sync.bootstrapping')") is None
    assert bootstrapped.database.value("SELECT count(*) FROM directus_policies") > 1
