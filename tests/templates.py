"""Databases that tests copy as their starting point. They are kept for the next run."""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg

from directus_sync.directus import bootstrap
from tests import memory
from tests.commands import ROOT, Tool
from tests.databases import Database

# The files that determine the content of the templates.
TEMPLATE_SOURCES = (
    "directus_sync/**/*.py",
    "directus_sync/**/*.mjs",
    "docker/directus/pnpm-lock.yaml",
    "extensions/trm/package.json",
    "migrations/**/*.py",
    "snapshots/*.yaml",
    "snapshots/access/**/*.yaml",
    "snapshots/resources/**/*.yaml",
    "tests/templates.py",
)


class Templates:
    """Databases to copy, built once for all workers. Their names contain a hash of the sources."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.space = memory.tablespace(environ)
        digest = hashlib.sha256()
        for path in sorted(path for pattern in TEMPLATE_SOURCES for path in ROOT.glob(pattern)):
            digest.update(path.read_bytes())
        self.key = digest.hexdigest()[:12]
        # template1 can contain extensions: the image timescaledb-ha installs some there.
        self.names = {"empty": "template0"}

    def copy(self, stage: str, database: Database) -> None:
        """Create a database as a copy of a template."""
        self._copy(stage, database, self.space)

    def _copy(self, stage: str, database: Database, space: str) -> None:
        if stage not in self.names:
            self.names[stage] = self._name(stage)
        template = self.names[stage]
        # The default strategy, wal_log, takes twice as long.
        database.maintenance.execute(
            f"CREATE DATABASE {database.name} TEMPLATE {template} STRATEGY file_copy TABLESPACE {space}"
        )

    def _name(self, stage: str) -> str:
        name = f"template_{stage}_{self.key}"
        maintenance = Database("postgres", self.environ)
        with maintenance.connect() as connection:
            # The lock ends with the connection, so that a killed builder blocks nobody. Building a template may need
            # the one below it, whose lock another session takes.
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (stage,))
            known = {row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()}
            if name not in known:
                self._drop_stale(connection, known)
                self._build(stage, name)
        return name

    def _build(self, stage: str, name: str) -> None:
        draft = Database(f"draft_{stage}", self.environ)
        draft.drop()
        self._copy("empty" if stage == "bootstrapped" else "bootstrapped", draft, memory.ELSEWHERE)
        tool = Tool(draft)
        if stage == "bootstrapped":
            done = tool.alembic("upgrade", "pre@head")
            bootstrap.bootstrap(tool.settings)
        else:
            done = tool("deploy")
        assert done.code == 0, done.text
        # TimescaleDB's scheduler connects to every database that accepts connections, and then it cannot be copied.
        for statement in (
            "ALTER DATABASE {} ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{}'",
            "ALTER DATABASE {} RENAME TO " + name,
        ):
            draft.maintenance.execute(statement.format(draft.name))

    def _drop_stale(self, connection: psycopg.Connection[Any], known: set[str]) -> None:
        for name in known:
            if name.startswith(("template_bootstrapped_", "template_deployed_")) and not name.endswith(self.key):
                connection.execute(f"DROP DATABASE IF EXISTS {name}")
