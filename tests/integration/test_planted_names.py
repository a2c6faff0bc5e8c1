"""A role that can only create objects plants some in `public` and in a schema named like the deploying role, where
unqualified names are looked up. The tool must never call or read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Tool

# Each matches a call of the tool better than PostgreSQL's own function, and would make its owner a superuser.
PLANTED = (
    "num_nulls(regclass, regclass, regclass, regclass, regclass, regclass)",
    "quote_ident(name)",
    'concat_ws(text, text, name, "char")',
    "pg_try_advisory_lock(numeric)",
)


OPERATORS = ("=(regclass, oid)", "<>(name, text)", '||(text, "char")')
TABLES = ("directus_users", "directus_fields", "alembic_version_pre", "snapshot_history", "positions")


@pytest.fixture
def stranger(deployed: Tool) -> Iterator[str]:
    """A role that can only create in `public` and create a schema, and has planted objects in both."""
    role, run = f"stranger_{deployed.database.name}", deployed.database.execute
    own = deployed.database.value("SELECT quote_ident(current_user)")
    run(f"CREATE ROLE {role}")
    run(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {deployed.database.name} TO {role}")
    body = f"LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE {role} SUPERUSER'; RETURN NULL; END $$"
    planted = [f"SET ROLE {role}; CREATE SCHEMA {own}; GRANT USAGE ON SCHEMA {own} TO public"]
    for schema in ("public", own):
        for signature in PLANTED:
            returns = "bigint" if "num_nulls" in signature else "text" if "lock" not in signature else "boolean"
            planted.append(f"CREATE FUNCTION {schema}.{signature} RETURNS {returns} {body}")
        for number, (name, types) in enumerate(operator.split("(") for operator in OPERATORS):
            left, right = types.removesuffix(")").split(", ")
            made = f"{schema}.f{number}"
            planted.append(f"CREATE FUNCTION {made}({left}, {right}) RETURNS boolean {body}")
            call = f"FUNCTION = {made}, LEFTARG = {left}, RIGHTARG = {right}"
            planted.append(f"CREATE OPERATOR {schema}.{name} ({call})")
    planted += [f"CREATE TABLE {own}.{table} (id integer)" for table in TABLES]
    run("; ".join(planted))
    yield role
    run(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_the_tool_names_planted_objects_and_never_uses_them(deployed: Tool, stranger: str, tmp_path: Path) -> None:
    deployed.database.execute("DELETE FROM directus_sync.deploys")
    note = "UPDATE public.directus_fields SET note = 'x' WHERE (collection, field) = ('vehicles', 'plate')"
    deployed.database.execute(note)
    assert deployed("push", "--discard-live", "vehicles.plate").code == 0
    said = ""
    for command in (["status"], ["check"], ["diff"], ["deploy"], ["pull", "--snapshot", tmp_path / "schema.yaml"]):
        done = deployed(*command)
        assert done.code in {0, 3}, done.text
        said += done.out
    assert deployed.database.value("SELECT rolsuper FROM pg_roles WHERE rolname = %s", stranger) is False
    assert "num_nulls" in said
