"""Shared fixtures: the test stack's PostgreSQL, databases cloned from templates, the tool, a running Directus.

Nothing starts until a test asks for it, so tests/unit runs with no server at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg
import psycopg2
import pytest

from directus_sync import settings
from directus_sync.directus import bootstrap, program, server
from directus_sync.directus.client import DirectusClient
from directus_sync.schema import snapshot
from directus_sync.state import fingerprint
from tests import planted
from tests.redis import Redis
from tools.devstack import cache, extension, ports
from tools.devstack.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOT = ROOT / "snapshots" / "schema.yaml"
PROGRAMS = Path(sys.executable).parent

# What a template's content depends on.
TEMPLATE_SOURCES = (
    "directus_sync/**/*.py",
    "directus_sync/**/*.mjs",
    "docker/directus/pnpm-lock.yaml",
    "extensions/trm/package.json",
    "migrations/**/*.py",
    "snapshots/*.yaml",
    "snapshots/access/**/*.yaml",
    "snapshots/resources/**/*.yaml",
    "tests/conftest.py",
)


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'{}'".format(text.replace("'", "''"))


@dataclass(frozen=True)
class Finished:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


# The name of the tests' own sessions, which are neither the tool's nor Directus's.
SOMEBODY = "somebody else"


# All but the records of what was refused, and of who wrote rows: what is undone was written.
TABLES = """
SELECT format('%I.%I', n.nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p') AND c.oid IS DISTINCT FROM to_regclass('directus_sync.failures')
AND n.nspname !~ '^(pg_|information_schema|_timescaledb|audit$)' ORDER BY 1"""
ROWS = "(SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} AS t)"
# Of what the fingerprint does not cover, which is all but `public`.
NAMES = """(
SELECT md5(string_agg(name, ' ' ORDER BY name)) FROM (
  SELECT n.nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p
  UNION ALL SELECT tgrelid::regclass::text || '.' || tgname FROM pg_trigger
  UNION ALL SELECT nspname FROM pg_namespace) AS named (name) WHERE name !~ '^(pg_|_timescaledb)')"""


@dataclass(frozen=True)
class Database:
    """One database of the test server, and the settings that lead there.

    session: what executes statements, instead of a new connection for each, which takes 30 ms.
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
        """The server's database that nothing is tested on."""
        return Database("postgres", self.environ)

    def drop(self) -> None:
        self.maintenance.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def schema(self) -> str:
        """The whole schema as SQL, without TimescaleDB's internals and without pg_dump's random token."""
        command = [
            "pg_dump",
            "--schema-only",
            "--no-owner",
            # A deploy grants, revisions do not: tests/integration/test_roles.py.
            "--no-privileges",
            "--restrict-key=test",
            "-N",
            "_timescaledb_*",
            self.conninfo,
        ]
        finished = subprocess.run(command, env=dict(self.environ), capture_output=True, text=True, check=True)
        return finished.stdout

    def contents(self) -> str:
        """One line for each table with a hash of its rows, and one for the schema, to show that nothing changed."""
        with self.connect() as connection:
            tables = [name for (name,) in connection.execute(TABLES)]
            hashes = [f"SELECT {quoted(name)}, {ROWS.format(name)}" for name in tables] + [f"SELECT 'names', {NAMES}"]
            rows = connection.execute(" UNION ALL ".join(hashes)).fetchall()
        with closing(psycopg2.connect(self.conninfo)) as connection:
            rows.append(("schema", fingerprint.is_possible(connection) and fingerprint.read(connection)))
        return "".join(f"{name} {found}\n" for name, found in rows)


@dataclass(frozen=True)
class Tool:
    """Runs the project's programs on one database, and looks for secrets in all they print."""

    database: Database
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {**self.database.environ, "DB_DATABASE": self.database.name, "DIRECTUS_URL": "", **self.overrides}

    def with_settings(self, **overrides: str) -> Tool:
        return dataclasses.replace(self, overrides={**self.overrides, **overrides})

    def __call__(self, *arguments: str | Path) -> Finished:
        return self.wait_for(self.start(*arguments))

    def alembic(self, *arguments: str) -> Finished:
        return self.wait_for(self.start(*arguments, program="alembic"))

    def start(self, *arguments: str | Path, program: str = "directus-sync") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAMS / program, *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that starts the tests in the background has them ignore Ctrl-C, and what they start, too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread
        )

    def wait_for(self, process: subprocess.Popen[str], timeout: float = 120) -> Finished:
        out, err = process.communicate(timeout=timeout)
        finished = Finished(process.returncode, out, err)
        for secret in {value for name in settings.SECRET_NAMES if (value := self.environ.get(name))}:
            assert secret not in out + err, f"a secret was printed: {finished.text}"
        assert not planted.leaked(out + err, {*planted.HARMLESS}), f"a secret was printed: {finished.text}"
        return finished

    @property
    def settings(self) -> settings.Settings:
        return settings.load(self.environ)


@dataclass(frozen=True)
class RunningDirectus:
    """A Directus that serves one database."""

    database: Database
    tool: Tool
    http: httpx.Client = field(repr=False)

    def create(self, collection: str, **values: object) -> dict[str, Any]:
        response = self.http.post(f"/items/{collection}", json=values)
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    def forget(self) -> None:
        """Make Directus read the schema again, after something else changed it."""
        assert self.http.post("/utils/cache/clear?system").status_code == 200

    def export(self) -> bytes:
        self.forget()
        return self.http.get("/schema/snapshot?export=yaml").content


Cloning = Callable[[str], Database]
Copying = Callable[[str], AbstractContextManager[Database]]
Serving = Callable[..., AbstractContextManager[RunningDirectus]]


@pytest.fixture(scope="session")
def stack_environ() -> dict[str, str]:
    """Settings of the test stack, with its PostgreSQL running; of the server that TEST_SERVER names, if it does."""
    stack = Stack(ROOT, "test")
    server = os.environ.get("TEST_SERVER")
    if not server:
        stack.up_database()
    named = _database_settings(server) if server else {}
    return {**os.environ, **planted.HARMLESS, **stack.environment(), **named, "DIRECTUS_URL": "", "DIRECTUS_TOKEN": ""}


def _database_settings(url: str) -> dict[str, str]:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return {f"DB_{part.upper()}": str(parts[part]) for part in ("host", "port", "user", "password")}


@pytest.fixture(scope="session")
def templates(stack_environ: dict[str, str]) -> _Templates:
    """The databases to copy."""
    return _Templates(stack_environ)


@pytest.fixture(scope="session")
def copied(stack_environ: dict[str, str], templates: _Templates, worker_id: str) -> Copying:
    """Have a copy of a template while a block runs: of `empty`, `bootstrapped` or `deployed`."""
    numbers = itertools.count()

    @contextmanager
    def copying(stage: str) -> Iterator[Database]:
        database = Database(f"test_{worker_id}_{os.getpid()}_{next(numbers)}", stack_environ)
        templates.copy(stage, database)
        try:
            yield database
        finally:
            database.drop()

    return copying


@pytest.fixture(scope="session")
def clone(copied: Copying) -> Iterator[Cloning]:
    """Make copies of a template that stay until the session ends."""
    with ExitStack() as databases:
        yield lambda stage: databases.enter_context(copied(stage))


@pytest.fixture
def empty(copied: Copying) -> Iterator[Tool]:
    """The tool, on a database with nothing in it."""
    with copied("empty") as database:
        yield Tool(database)


@pytest.fixture
def bootstrapped(copied: Copying) -> Iterator[Tool]:
    """The tool, on a database with the pre branch and Directus's own tables."""
    with copied("bootstrapped") as database:
        yield Tool(database)


@pytest.fixture
def deployed(copied: Copying) -> Iterator[Tool]:
    """The tool, on a database that a deploy brought to this checkout."""
    with copied("deployed") as database:
        yield Tool(database)


@pytest.fixture(scope="module")
def settled(copied: Copying) -> Iterator[Tool]:
    """The tool, on one deployed database for a module whose tests leave it as it was."""
    with copied("deployed") as database:
        yield Tool(database)


@pytest.fixture(scope="session")
def serve(clone: Cloning, templates: _Templates) -> Iterator[Serving]:
    """Have a copy of `bootstrapped` or `deployed` served by this worker's one Directus. One at a time.

    A start takes ten times as long as putting another database under a running one, and that ten times as long as
    seeing that the one before changed nothing. rows: statements that add some.
    """
    with ExitStack() as servers:
        started: list[RunningDirectus] = []
        in_use, before = False, ("", "", "")

        @contextmanager
        def serving(stage: str, rows: str = "") -> Iterator[RunningDirectus]:
            nonlocal in_use, before
            assert not in_use, "this worker's Directus serves another fixture; use running_directus for a second one"
            if not started:
                started.append(servers.enter_context(running_directus(Tool(clone(stage)))))
            (running,) = started
            database = running.database
            if before != (stage, rows, database.contents()):
                database.drop()
                templates.copy(stage, database)
                if rows:
                    database.execute(rows)
                before = stage, rows, database.contents()
            running.forget()
            in_use = True
            try:
                yield running
            finally:
                in_use = False

        yield serving


@pytest.fixture(scope="module")
def directus(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus on a deployed database, shared by the tests of one module."""
    with serve("deployed") as running:
        yield running


@pytest.fixture(scope="session")
def stream() -> Iterator[Redis]:
    """The Redis that the extension sends to. It does not run unless a test starts it."""
    redis = Redis(ports.choose())
    try:
        yield redis
    finally:
        redis.kill()


# Who passes on what devices answer.
COMMANDS_TOKEN = "of-the-gateway"


@pytest.fixture(scope="session")
def extended(clone: Cloning, stream: Redis) -> Iterator[RunningDirectus]:
    """A Directus with the project's extension, one for each worker; each user begins with `wipe`."""
    settings = {
        **extension_settings(),
        "TRM_REDIS": stream.url,
        "TRM_OUTBOX_SECONDS": "1",
        "TRM_COMMANDS_TOKEN": COMMANDS_TOKEN,
    }
    with running_directus(Tool(clone("deployed")), **settings, WEBSOCKETS_ENABLED="true") as running:
        yield running


def wipe(database: Database) -> None:
    """Delete the rows of every collection, and every user but the administrator."""
    email = quoted(database.environ["ADMIN_EMAIL"])
    database.execute(f"{truncation(database)}; DELETE FROM public.directus_users WHERE email <> {email}")


def truncation(database: Database) -> str:
    """Return the statement that deletes the rows of every collection."""
    names = ", ".join(f"public.{row[0]}" for row in database.rows(COLLECTIONS))
    return f"TRUNCATE {names}, public.positions, public.recompute_requests, public.directus_activity CASCADE"


COLLECTIONS = """
SELECT collection FROM public.directus_collections JOIN pg_tables ON tablename = collection AND schemaname = 'public'
WHERE collection NOT LIKE 'directus%'"""


def extension_settings() -> dict[str, str]:
    """Return the settings with which a Directus loads the project's extension."""
    return {"EXTENSIONS_PATH": str(extension.built(ROOT)), "EXTENSIONS_MUST_LOAD": "true"}


@contextmanager
def running_directus(tool: Tool, **overrides: str) -> Iterator[RunningDirectus]:
    """Serve the tool's database while the block runs. overrides: of the server's environment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    listening = {**server.LEAN, "HOST": "127.0.0.1", "PORT": str(port), "PUBLIC_URL": url, **overrides}
    served = tool.with_settings(DIRECTUS_URL=url)
    with (
        tempfile.TemporaryFile() as log,
        program.spawn(tool.settings, "start", listening, log),
        DirectusClient(url, served.settings) as client,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {tool.settings.token}"}, timeout=60) as http,
    ):
        client.wait(60)
        yield RunningDirectus(tool.database, served, http)


class _Templates:
    """Databases to copy. Built once for all workers and kept for the next run, under a name that tells the content."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        digest = hashlib.sha256()
        for path in sorted(path for pattern in TEMPLATE_SOURCES for path in ROOT.glob(pattern)):
            digest.update(path.read_bytes())
        self.key = digest.hexdigest()[:12]
        # template1 may have extensions: the image timescaledb-ha puts some there.
        self.names = {"empty": "template0"}

    def copy(self, stage: str, database: Database) -> None:
        """Make a database."""
        if stage not in self.names:
            self.names[stage] = self._name(stage)
        database.maintenance.execute(f"CREATE DATABASE {database.name} TEMPLATE {self.names[stage]}")

    def _name(self, stage: str) -> str:
        name = f"template_{stage}_{self.key}"
        maintenance = Database("postgres", self.environ)
        with maintenance.connect() as connection:
            # Ends with the connection, so that a killed builder blocks nobody.
            # A builder asks for the one below it: by another session, so by a lock of its own.
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (stage,))
            known = {row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()}
            if name not in known:
                self._drop_stale(connection, known)
                self._build(stage, name)
        return name

    def _build(self, stage: str, name: str) -> None:
        draft = Database(f"draft_{stage}", self.environ)
        draft.drop()
        self.copy("empty" if stage == "bootstrapped" else "bootstrapped", draft)
        tool = Tool(draft)
        if stage == "bootstrapped":
            done = tool.alembic("upgrade", "pre@head")
            bootstrap.bootstrap(tool.settings)
        else:
            done = tool("deploy")
        assert done.code == 0, done.text
        # TimescaleDB's scheduler visits every database it may connect to, and a visited one can't be copied.
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


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    """A copy of the committed snapshot, to be changed."""
    return Path(shutil.copy(SNAPSHOT, tmp_path / "schema.yaml"))


@pytest.fixture(scope="session")
def committed() -> snapshot.Snapshot:
    """The committed snapshot."""
    return snapshot.read(SNAPSHOT)


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a home folder, and note that it uses the test stack; one that ran before goes on running."""
    if hasattr(config, "workerinput"):
        return
    # Directus and browsers write to the home folder of whoever starts them.
    os.environ["XDG_CACHE_HOME"] = str(cache.folder().parent)
    home = tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True)
    os.environ["HOME"] = home.name
    stack = Stack(ROOT, "test")
    stack.state.create()
    users = (stack.state.folder / "users.lock").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    config.stash[_STACK] = (users, stack.status()["postgres"].running, home)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked as slow, unless TIER=slow asks for everything."""
    if os.environ.get("TIER") == "slow":
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the tests started, unless another run uses it."""
    if _STACK not in config.stash:
        return
    users, was_running, home = config.stash[_STACK]
    with home, users, contextlib.suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not was_running:
            Stack(ROOT, "test").down()


_STACK = pytest.StashKey[tuple[IO[str], bool, tempfile.TemporaryDirectory[str]]]()
