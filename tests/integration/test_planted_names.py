"""A role that may only create things in `public` plants functions there; nothing of the tool calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Tool

# Each fits a call of the tool's better than PostgreSQL's own function does, and would make its owner superuser.
PLANTED = (
    "num_nulls(regclass, regclass, regclass, regclass, regclass, regclass)",
    "quote_ident(name)",
    'concat_ws(text, text, name, "char")',
    "pg_try_advisory_lock(numeric)",
)


@pytest.fixture
def stranger(deployed: Tool) -> Iterator[str]:
    """A role without rights but to create in `public`, which has planted its functions."""
    role = f"stranger_{deployed.database.name}"
    deployed.database.execute(f"CREATE ROLE {role}")
    deployed.database.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    for signature in PLANTED:
        returns = "bigint" if "num_nulls" in signature else "text" if "lock" not in signature else "boolean"
        deployed.database.execute(
            f"SET ROLE {role}; CREATE FUNCTION public.{signature} RETURNS {returns} LANGUAGE plpgsql AS"
            f" $$ BEGIN EXECUTE 'ALTER ROLE {role} SUPERUSER'; RETURN NULL; END $$; RESET ROLE"
        )
    yield role
    deployed.database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_planted_functions_are_named_and_never_called(deployed: Tool, stranger: str, tmp_path: Path) -> None:
    deployed.database.execute("DELETE FROM directus_sync.deploys")
    for command in (["status"], ["check"], ["diff"], ["deploy"], ["pull", "--snapshot", tmp_path / "schema.yaml"]):
        done = deployed(*command)
        assert done.code in {0, 3}, done.text
    assert deployed.database.value("SELECT rolsuper FROM pg_roles WHERE rolname = %s", stranger) is False
    assert "num_nulls" in deployed("check").out
