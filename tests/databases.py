"""One database of the test server: read its contents, copy it, and check that nothing changed in it."""

from __future__ import annotations

import atexit
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import psycopg
import psycopg2

from directus_sync.state import fingerprint


def quoted(text: str) -> str:
    """Quote a text as an SQL literal."""
    return "'{}'".format(text.replace("'", "''"))


def identifier(name: str) -> str:
    """Quote a name as an SQL identifier."""
    return '"{}"'.format(name.replace('"', '""'))


# The application_name of the tests' own sessions, which marks them as neither the tool nor Directus.
SOMEBODY = "somebody else"


# Leaves out records of failures and of who wrote rows, which grow even if a write is undone, and PostGIS's own rows.
TABLES = """
SELECT format('%I.%I', n.nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p') AND c.oid IS DISTINCT FROM to_regclass('directus_sync.failures')
AND c.oid IS DISTINCT FROM to_regclass('public.spatial_ref_sys')
AND n.nspname !~ '^(pg_|information_schema|_timescaledb|audit$)' ORDER BY 1"""
ROWS = "(SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} AS t)"
# Names in all schemas, because the fingerprint covers only `public`.
NAMES = """(
SELECT md5(string_agg(name, ' ' ORDER BY name)) FROM (
  SELECT n.nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  UNION ALL SELECT concat_ws('.', pronamespace, proname, proargtypes) FROM pg_proc
  WHERE pronamespace <> 'pg_catalog'::regnamespace
  UNION ALL SELECT tgrelid::regclass::text || '.' || tgname FROM pg_trigger
  UNION ALL SELECT nspname FROM pg_namespace) AS named (name) WHERE name !~ '^(pg_|_timescaledb)')"""
# Drops what was created in a bootstrapped database, by Directus or by SQL.
EMPTIED: Final = """
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND relname !~ '^(directus_|spatial_ref_sys$|positions$)' LOOP
    EXECUTE 'DROP TABLE IF EXISTS ' || name || ' CASCADE';
  END LOOP;
END $$;
DELETE FROM public.directus_relations; DELETE FROM public.directus_fields; DELETE FROM public.directus_collections;
DROP TYPE IF EXISTS public.mood CASCADE; DROP DOMAIN IF EXISTS public.whole CASCADE;
DROP SEQUENCE IF EXISTS public.numbers CASCADE;
DELETE FROM directus_sync.snapshot_history"""


@cache
def _session(conninfo: str) -> psycopg.Connection[Any]:
    """Return this process's connection to a database, which is opened once."""
    connection: psycopg.Connection[Any] = psycopg.connect(conninfo, autocommit=True)
    atexit.register(connection.close)
    return connection


@dataclass(frozen=True)
class Database:
    """One database of the test server, and the settings to reach it.

    session: executes the statements; without it each statement opens a connection, which takes 30 ms.
    """

    name: str
    environ: Mapping[str, str] = field(repr=False)
    session: psycopg.Connection[Any] | None = field(default=None, repr=False)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            yield connection

    def _connect(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        return nullcontext(self.session) if self.session else self.connect()

    @property
    def conninfo(self) -> str:
        return psycopg.conninfo.make_conninfo(
            host=self.environ["DB_HOST"],
            port=self.environ["DB_PORT"],
            user=self.environ["DB_USER"],
            password=self.environ["DB_PASSWORD"],
            dbname=self.name,
            application_name=SOMEBODY,
        )

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def value(self, sql: str, *parameters: object) -> Any:
        ((value,),) = self.rows(sql, *parameters)
        return value

    def execute(self, sql: str) -> None:
        with self._connect() as connection:
            connection.execute(sql)

    @property
    def maintenance(self) -> Database:
        """The server's database `postgres`, which no test changes."""
        found = Database("postgres", self.environ)
        return replace(found, session=_session(found.conninfo))

    def drop(self) -> None:
        self.maintenance.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def copy_to(self, copy: Database) -> None:
        """Copy this database, after disconnecting all its sessions."""
        for statement in (
            f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{self.name}'",
            f"CREATE DATABASE {copy.name} TEMPLATE {self.name} STRATEGY file_copy",
            f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true",
        ):
            self.maintenance.execute(statement)

    def schema(self) -> str:
        """Return the schema as SQL, without TimescaleDB's internals and without pg_dump's random token."""
        command = [
            "pg_dump",
            "--schema-only",
            "--no-owner",
            # Deploys grant privileges and revisions do not: tests/integration/test_roles.py.
            "--no-privileges",
            "--restrict-key=test",
            "-N",
            "_timescaledb_*",
            self.conninfo,
        ]
        finished = subprocess.run(command, env=dict(self.environ), capture_output=True, text=True, check=True)
        return finished.stdout

    def contents(self) -> str:
        """Return one line with a hash for each table's rows and one for the schema, to show that nothing changed."""
        with self.connect() as connection:
            tables = [name for (name,) in connection.execute(TABLES)]
            hashes = [f"SELECT {quoted(name)}, {ROWS.format(name)}" for name in tables] + [f"SELECT 'names', {NAMES}"]
            rows = connection.execute(" UNION ALL ".join(hashes)).fetchall()
        with closing(psycopg2.connect(self.conninfo)) as connection:
            rows.append(("schema", fingerprint.read(connection)))
        return "".join(f"{name} {found}\n" for name, found in rows)
