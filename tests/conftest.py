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
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg
import pytest
from pytest_postgresql.janitor import DatabaseJanitor

from directus_sync import settings
from directus_sync.directus import server
from directus_sync.directus.client import DirectusClient
from directus_sync.schema import snapshot
from tools.devstack.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOT = ROOT / "snapshots" / "schema.yaml"
PROGRAMS = Path(sys.executable).parent

# What a template's content depends on.
TEMPLATE_SOURCES = (
    "directus_sync/**/*.py",
    "directus_sync/*.mjs",
    "docker/directus/pnpm-lock.yaml",
    "migrations/**/*.py",
    "snapshots/*.yaml",
    "tests/conftest.py",
)


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


@dataclass(frozen=True)
class Database:
    """One database of the test server, and the settings that lead there."""

    name: str
    environ: Mapping[str, str] = field(repr=False)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            yield connection

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
        with self.connect() as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def value(self, sql: str, *parameters: object) -> Any:
        ((value,),) = self.rows(sql, *parameters)
        return value

    def execute(self, sql: str) -> None:
        with self.connect() as connection:
            connection.execute(sql)

    def schema(self) -> str:
        """The whole schema as SQL, without TimescaleDB's internals and without pg_dump's random token."""
        command = [
            "pg_dump",
            "--schema-only",
            "--no-owner",
            "--restrict-key=test",
            "-N",
            "_timescaledb_*",
            self.conninfo,
        ]
        finished = subprocess.run(command, env=dict(self.environ), capture_output=True, text=True, check=True)
        return finished.stdout

    def contents(self) -> str:
        """Everything in it, rows included, to show that nothing changed."""
        command = ["pg_dump", "--no-owner", "--restrict-key=test", "-N", "_timescaledb_*", self.conninfo]
        return subprocess.run(command, env=dict(self.environ), capture_output=True, text=True, check=True).stdout


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
        """Have it read the schema anew, after something else changed it."""
        assert self.http.post("/utils/cache/clear?system").status_code == 200

    def export(self) -> bytes:
        self.forget()
        return self.http.get("/schema/snapshot?export=yaml").content


Cloning = Callable[[str], Database]
Serving = Callable[[str], AbstractContextManager[RunningDirectus]]


@pytest.fixture(scope="session")
def stack_environ() -> dict[str, str]:
    """Settings of the test stack, with its PostgreSQL running; of the server that TEST_SERVER names, if it does."""
    stack = Stack(ROOT, "test")
    server = os.environ.get("TEST_SERVER")
    if not server:
        stack.up_database()
    named = _database_settings(server) if server else {}
    return {**os.environ, **stack.environment(), **named, "DIRECTUS_URL": "", "DIRECTUS_TOKEN": ""}


def _database_settings(url: str) -> dict[str, str]:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return {f"DB_{part.upper()}": str(parts[part]) for part in ("host", "port", "user", "password")}


@pytest.fixture(scope="session")
def templates(stack_environ: dict[str, str]) -> _Templates:
    """The databases to copy."""
    return _Templates(stack_environ)


@pytest.fixture(scope="session")
def clone(stack_environ: dict[str, str], templates: _Templates, worker_id: str) -> Iterator[Cloning]:
    """Make databases that are copies of a template: `empty`, `bootstrapped` or `deployed`."""
    numbers = itertools.count()
    with ExitStack() as databases:

        def make(stage: str) -> Database:
            name = f"test_{worker_id}_{os.getpid()}_{next(numbers)}"
            databases.enter_context(_janitor(stack_environ, name, templates.name(stage)))
            return Database(name, stack_environ)

        yield make


@pytest.fixture
def empty(clone: Cloning) -> Tool:
    """The tool, on a database with nothing in it."""
    return Tool(clone("empty"))


@pytest.fixture
def bootstrapped(clone: Cloning) -> Tool:
    """The tool, on a database with the pre branch and Directus's own tables."""
    return Tool(clone("bootstrapped"))


@pytest.fixture
def deployed(clone: Cloning) -> Tool:
    """The tool, on a database that a deploy brought to this checkout."""
    return Tool(clone("deployed"))


@pytest.fixture(scope="session")
def serve(clone: Cloning, templates: _Templates) -> Iterator[Serving]:
    """Have a copy of `bootstrapped` or `deployed` served by this worker's one Directus.

    A start takes ten times as long as putting another database under a running one. One at a time.
    """
    with ExitStack() as servers:
        started: list[RunningDirectus] = []
        in_use = False

        @contextmanager
        def serving(stage: str) -> Iterator[RunningDirectus]:
            nonlocal in_use
            assert not in_use, "this worker's Directus serves another fixture; use running_directus for a second one"
            if not started:
                started.append(servers.enter_context(running_directus(Tool(clone(stage)))))
            (running,) = started
            maintenance = Database("postgres", running.database.environ)
            maintenance.execute(f"DROP DATABASE {running.database.name} WITH (FORCE)")
            maintenance.execute(f"CREATE DATABASE {running.database.name} TEMPLATE {templates.name(stage)}")
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


@contextmanager
def running_directus(tool: Tool) -> Iterator[RunningDirectus]:
    """Serve the tool's database while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    listening = {**server.LEAN, "HOST": "127.0.0.1", "PORT": str(port), "PUBLIC_URL": url}
    served = tool.with_settings(DIRECTUS_URL=url)
    with (
        tempfile.TemporaryFile() as log,
        server.spawn(tool.settings, "start", listening, log),
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

    def name(self, stage: str) -> str | None:
        if stage == "empty":
            return None
        name = f"template_{stage}_{self.key}"
        maintenance = Database("postgres", self.environ)
        with maintenance.connect() as connection:
            # Ends with the connection, so that a killed builder blocks nobody.
            connection.execute("SELECT pg_advisory_lock(hashtext('templates'))")
            known = {row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()}
            if name not in known:
                self._drop_stale(connection, known)
                self._build(stage, name)
        return name

    def _build(self, stage: str, name: str) -> None:
        draft = f"draft_{stage}"
        janitor = _janitor(self.environ, draft, self.name_of_base(stage))
        janitor.drop()
        janitor.init()
        tool = Tool(Database(draft, self.environ))
        if stage == "bootstrapped":
            done = tool.alembic("upgrade", "pre@head")
            server.bootstrap(tool.settings)
        else:
            done = tool("deploy")
        assert done.code == 0, done.text
        maintenance = Database("postgres", self.environ)
        # TimescaleDB's scheduler visits every database it may connect to, and a visited one can't be copied.
        maintenance.execute(f"ALTER DATABASE {draft} ALLOW_CONNECTIONS false")
        maintenance.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{draft}'")
        maintenance.execute(f"ALTER DATABASE {draft} RENAME TO {name}")

    def name_of_base(self, stage: str) -> str | None:
        if stage == "bootstrapped":
            return None
        base = f"template_bootstrapped_{self.key}"
        if not Database("postgres", self.environ).rows("SELECT FROM pg_database WHERE datname = %s", base):
            self._build("bootstrapped", base)
        return base

    def _drop_stale(self, connection: psycopg.Connection[Any], known: set[str]) -> None:
        for name in known:
            if name.startswith(("template_bootstrapped_", "template_deployed_")) and not name.endswith(self.key):
                connection.execute(f"DROP DATABASE {name}")


def _janitor(environ: Mapping[str, str], name: str, template: str | None) -> DatabaseJanitor:
    # template1 may have extensions: the image timescaledb-ha puts some there.
    return DatabaseJanitor(
        user=environ["DB_USER"],
        host=environ["DB_HOST"],
        port=environ["DB_PORT"],
        password=environ["DB_PASSWORD"],
        dbname=name,
        template_dbname=template or "template0",
    )


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    """A copy of the committed snapshot, to be changed."""
    return Path(shutil.copy(SNAPSHOT, tmp_path / "schema.yaml"))


@pytest.fixture(scope="session")
def committed() -> snapshot.Snapshot:
    """The committed snapshot."""
    return snapshot.read(SNAPSHOT)


def pytest_configure(config: pytest.Config) -> None:
    """Note that this run uses the test stack; and whether it was running before, as it then goes on running."""
    if hasattr(config, "workerinput"):
        return
    stack = Stack(ROOT, "test")
    stack.state.create()
    users = (stack.state.folder / "users.lock").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    config.stash[_STACK] = (users, stack.status()["postgres"].running)


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
    users, was_running = config.stash[_STACK]
    with users, contextlib.suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not was_running:
            Stack(ROOT, "test").down()


_STACK = pytest.StashKey[tuple[IO[str], bool]]()
