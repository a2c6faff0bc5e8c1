"""Runs Alembic in this process, because starting a new one takes longer than most revisions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from alembic import command
from alembic.config import Config

from directus_sync.errors import PreconditionFailed
from directus_sync.postgres import database
from tests.conftest import ROOT, Database, Tool


@dataclass(frozen=True)
class Revised:
    """A database that a test upgrades and downgrades."""

    tool: Tool

    @property
    def database(self) -> Database:
        return self.tool.database

    def upgrade(self, revision: str) -> None:
        self._run(command.upgrade, revision)

    def downgrade(self, revision: str) -> None:
        self._run(command.downgrade, revision)

    def forget(self, revision: str) -> None:
        """Set the recorded revision of a branch to an earlier one, and keep the objects of later revisions."""
        branch = revision.partition("_")[0]
        self.database.execute(
            f"UPDATE directus_sync.alembic_version SET version_num = '{revision}' WHERE version_num LIKE '{branch}%'"
        )

    def columns(self, table: str) -> dict[str, str]:
        """Return the column types of one of the tool's tables. A nullable column has a question mark."""
        sql = (
            "SELECT column_name::text, data_type || CASE is_nullable WHEN 'YES' THEN '?' ELSE '' END"
            " FROM information_schema.columns WHERE table_schema = 'directus_sync' AND table_name = %s"
        )
        return dict(self.database.rows(sql, table))

    def _run(self, call: Callable[[Config, str], None], revision: str) -> None:
        config = Config(str(ROOT / "alembic.ini"))
        with database.connect(self.tool.settings, "a test") as connection:
            config.attributes["connection"] = connection
            call(config, revision)


Standing = Callable[[str], Revised]


def refusal(call: Callable[[str], None], revision: str) -> str:
    """Return the message of a revision whose check of the database fails."""
    with pytest.raises(PreconditionFailed) as caught:
        call(revision)
    return str(caught.value)


def psql(tool: Tool, sql: str) -> None:
    """Execute printed SQL with psql, up to the first error."""
    words = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", tool.database.conninfo]
    done = subprocess.run(words, input=sql, env=tool.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
