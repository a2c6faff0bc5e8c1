"""Shared fixtures: the test stack's PostgreSQL, databases cloned from templates, the tool, a running Directus.

Nothing starts until a test asks for it, so tests/unit runs with no server at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO

import psycopg
import pytest

from directus_sync.schema import snapshot
from tests import planted
from tests.commands import PROGRAMS, ROOT, Finished, Tool
from tests.databases import SOMEBODY, Database, quoted
from tests.redis import Redis
from tests.serving import (
    COLLECTIONS,
    RunningDirectus,
    Served,
    Serving,
    emptied,
    extension_settings,
    running_directus,
    wipe,
)
from tests.templates import Templates
from tools.devstack import cache, ports
from tools.devstack.stack import Stack

# Names that tests import from here although they are defined elsewhere.
__all__ = [
    "COLLECTIONS", "PROGRAMS", "ROOT", "SNAPSHOT", "SOMEBODY", "Cloning", "Copying", "Database", "Finished",
    "RunningDirectus", "Serving", "Tool", "emptied", "extension_settings", "quoted", "running_directus", "wipe",
]  # fmt: skip

SNAPSHOT = ROOT / "snapshots" / "schema.yaml"

Cloning = Callable[[str], Database]
Copying = Callable[[str], AbstractContextManager[Database]]


@pytest.fixture(scope="session")
def stack_environ() -> dict[str, str]:
    """Settings of the test stack, whose PostgreSQL is started, or of the server in TEST_SERVER if that is set."""
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
def templates(stack_environ: dict[str, str]) -> Templates:
    """The databases that tests copy."""
    return Templates(stack_environ)


@pytest.fixture(scope="session")
def copied(stack_environ: dict[str, str], templates: Templates, worker_id: str) -> Copying:
    """Copy the template `empty`, `bootstrapped` or `deployed` for the duration of a block."""
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
    """Copy templates; the copies stay until the session ends."""
    with ExitStack() as databases:
        yield lambda stage: databases.enter_context(copied(stage))


@pytest.fixture
def empty(copied: Copying) -> Iterator[Tool]:
    """The tool, on an empty database."""
    with copied("empty") as database:
        yield Tool(database)


@pytest.fixture
def bootstrapped(copied: Copying) -> Iterator[Tool]:
    """The tool, on a database with the pre branch and Directus's own tables."""
    with copied("bootstrapped") as database:
        yield Tool(database)


@pytest.fixture
def deployed(copied: Copying) -> Iterator[Tool]:
    """The tool, on a database that this checkout was deployed to."""
    with copied("deployed") as database:
        yield Tool(database)


@pytest.fixture(scope="module")
def settled(copied: Copying) -> Iterator[Tool]:
    """The tool, on one deployed database for a whole module.

    Its tests must leave schema and rows unchanged. They may delete the tool's records, so no test relies on those of
    another.
    """
    with copied("deployed") as database:
        yield Tool(database)


@pytest.fixture(scope="session")
def serve(clone: Cloning, templates: Templates) -> Iterator[Serving]:
    """Serve a database with this worker's only Directus, which starts on first use."""
    with ExitStack() as servers:
        yield Served(templates, lambda stage: servers.enter_context(running_directus(Tool(clone(stage)))), servers)


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


# The gateway uses this token to report the answers of devices.
COMMANDS_TOKEN = "of-the-gateway"
# The outbox sends only rows that are at least this old.
OUTBOX_SECONDS = "2"


@pytest.fixture(scope="session")
def extended(clone: Cloning, stream: Redis) -> Iterator[RunningDirectus]:
    """A Directus with the project's extension, one for each worker. Fixtures that use it call `wipe` first."""
    settings = {
        **extension_settings(),
        "TRM_REDIS": stream.url,
        "TRM_OUTBOX_SECONDS": OUTBOX_SECONDS,
        "TRM_COMMANDS_TOKEN": COMMANDS_TOKEN,
        # Otherwise Directus copies the schema for each request, which is a ninth of its work.
        "CACHE_SCHEMA_FREEZE_ENABLED": "true",
    }
    with running_directus(Tool(clone("deployed")), **settings, WEBSOCKETS_ENABLED="true") as running:
        yield running


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    """A copy of the committed snapshot that a test may change."""
    return Path(shutil.copy(SNAPSHOT, tmp_path / "schema.yaml"))


@pytest.fixture(scope="session")
def committed() -> snapshot.Snapshot:
    """The committed snapshot."""
    return snapshot.read(SNAPSHOT)


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a home folder. Record that it uses the test stack, and whether PostgreSQL already ran."""
    if hasattr(config, "workerinput"):
        return
    # Directus and browsers write to the home folder of the user who starts them.
    os.environ["XDG_CACHE_HOME"] = str(cache.folder().parent)
    home = tempfile.TemporaryDirectory(prefix="home-", ignore_cleanup_errors=True)
    os.environ["HOME"] = home.name
    stack = Stack(ROOT, "test")
    stack.state.create()
    users = (stack.state.folder / "users.lock").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    config.stash[_STACK] = (users, stack.status()["postgres"].running, home)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exclude the collected tests from garbage collection: saves 4 of 27 s of CPU in tests/unit."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that are marked as slow, unless TIER=slow."""
    if os.environ.get("TIER") == "slow":
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the stack if this run started it and no other run uses it."""
    if _STACK not in config.stash:
        return
    users, was_running, home = config.stash[_STACK]
    with home, users, contextlib.suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not was_running:
            Stack(ROOT, "test").down()


_STACK = pytest.StashKey[tuple[IO[str], bool, tempfile.TemporaryDirectory[str]]]()
