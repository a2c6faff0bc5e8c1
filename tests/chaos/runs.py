"""A deploy under way that a test may strike at a chosen moment, and what must not be left of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from directus_sync.postgres.lock import LOCK_KEY
from tests.attics import TEMPORARY
from tests.conftest import ROOT, SOMEBODY, Database, Finished, Tool
from tests.processes import marked, until
from tools.devstack.ports import is_free

# The full size takes an hour or so; the small one has the most telling of each kind.
FULL = os.environ.get("CHAOS") == "full"

OURS = "application_name LIKE 'directus-sync deploy%%'"
DIRECTUS_S = (
    f"backend_type = 'client backend' AND NOT ({OURS}) AND application_name <> '{SOMEBODY}' AND pid <> pg_backend_pid()"
)
# The server closes a session in this time once its client is gone.
SETTLED_SECONDS = 10.0
STOP_SECONDS = 10.0
RUN_SECONDS = 240.0


@dataclass(frozen=True)
class Line:
    """The line of one checkout, on one database.

    folder: for the logs and temporary files of its runs. prefix: the command by which its commands are run.
    """

    tool: Tool
    folder: Path
    checkout: Path = ROOT
    prefix: tuple[str, ...] = ()

    @property
    def database(self) -> Database:
        return self.tool.database

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[Run]:
        """Start a command, `deploy` where none is given; no process of it outlives the block, so look within it."""
        mark = f"chaos-{uuid.uuid4()}"
        folder = self.folder / mark
        temporary = folder / "tmp"
        temporary.mkdir(parents=True)
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "directus_sync", *(arguments or ("deploy",))],
                cwd=self.checkout,
                env={
                    **self.tool.environ,
                    "PYTHONPATH": str(self.checkout),
                    "TMPDIR": str(temporary),
                    "CHAOS_MARK": mark,
                    "PYTHONFAULTHANDLER": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        run = Run(self, process, mark, folder)
        try:
            yield run
        finally:
            for pid in run.processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def __call__(self, *arguments: str | Path) -> Finished:
        with self.running(*arguments) as run:
            return run.ended()


@dataclass(frozen=True)
class Run:
    """One run, and the mark in the environment by which all its processes are known."""

    line: Line
    process: subprocess.Popen[bytes]
    mark: str
    folder: Path

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text(encoding="utf-8")

    @property
    def processes(self) -> dict[int, str]:
        """Its live processes, with their command lines; none is overlooked for its session or parent."""
        return marked(self.mark)

    @property
    def node(self) -> int | None:
        """The process of Directus, bootstrapping or serving; not the one that waits beside the bootstrap."""
        found = {command.split()[-1]: pid for pid, command in self.processes.items() if "node " in command}
        return found.get("bootstrap", found.get("start"))

    @property
    def bootstraps(self) -> bool:
        """Tell whether Directus makes its own tables."""
        return any("directus.mjs bootstrap" in command for command in self.processes.values())

    @property
    def ports(self) -> set[int]:
        """The ports on which its Directus listens, or is about to."""
        found = set()
        for pid in self.processes:
            try:
                environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            found |= {int(item[5:]) for item in environ if re.fullmatch(rb"PORT=\d+", item)}
        return found

    def ended(self, seconds: float = RUN_SECONDS) -> Finished:
        """Wait for its end; see that no secret was printed, and that a failure says what to do."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            # It prints where it stands.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"it did not end within {seconds:g} s\n{self.err}") from None
        done = Finished(code, (self.folder / "out").read_text(), self.err)
        for name in ("DB_PASSWORD", "SECRET", "ADMIN_TOKEN"):
            assert self.line.tool.environ[name] not in done.out + done.err, "a secret was printed"
        assert "Traceback" not in done.err, done.text
        if code in {1, 2, 4, 5}:
            assert says_why(done), done.text
        return done


@dataclass(frozen=True)
class Watch:
    """What a moment may look at."""

    run: Run
    connection: psycopg.Connection[Any] | None
    seen: dict[str, float] = field(default_factory=dict)

    def said(self, text: str) -> bool:
        return text in self.run.err

    def counts(self, sql: str) -> int:
        """What the query counts; nothing while its tables are not there, or the server isn't."""
        if self.connection is None:
            return 0
        try:
            row = self.connection.execute(sql).fetchone()
        except psycopg.Error:
            return 0
        return int(row[0]) if row else 0


Reached = Callable[[Watch], bool]


def says(text: str) -> Reached:
    return lambda watch: watch.said(text)


def counts(sql: str, number: int = 1) -> Reached:
    return lambda watch: watch.counts(sql) >= number


def later(text: str, seconds: float) -> Reached:
    """So long after a line was printed: where nothing can be seen from outside."""

    def reached(watch: Watch) -> bool:
        now = time.monotonic()
        return watch.said(text) and now - watch.seen.setdefault(text, now) >= seconds

    return reached


def ours_waits(watch: Watch) -> bool:
    """A statement of the tool waits for somebody's lock."""
    return watch.counts(f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND {WAITING}") > 0


def directus_waits(watch: Watch) -> bool:
    """A statement of Directus waits for somebody's lock."""
    return watch.counts(f"SELECT count(*) FROM pg_stat_activity WHERE NOT ({OURS}) AND {WAITING}") > 0


WAITING = "wait_event_type = 'Lock' AND datname = current_database()"
# What an apply in one transaction has made so far can be seen by its locks alone; the tool's own DDL takes such, too.
LOCKED = (
    "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'relation'"
    f" AND mode = 'AccessExclusiveLock' AND granted AND datname = current_database() AND NOT ({OURS})"
)


@dataclass(frozen=True)
class Moment:
    """A point of a deploy. lock: taken by somebody else before it starts, so that it stands still there.

    fleeting: it can pass between two looks, and then cannot be seen any more.
    """

    name: str
    reached: Reached
    lock: str = ""
    fleeting: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def wait_for(moment: Moment, run: Run, *, connected: bool = True) -> None:
    """Return as soon as the moment has come, or the run has ended. connected: False where no database answers."""
    with run.line.database.connect() if connected else nullcontext() as connection:
        watch = Watch(run, connection)
        deadline = time.monotonic() + RUN_SECONDS
        while not moment.reached(watch):
            if run.process.poll() is not None:
                missed = moment.fleeting and run.process.returncode == 0
                assert moment.reached(watch) or missed, f"it never came to this: {moment.name}\n{run.err}"
                return
            assert time.monotonic() < deadline, f"it never came to this: {moment.name}\n{run.err}"
            time.sleep(0.003)


@contextmanager
def locked(database: Database, statement: str) -> Iterator[None]:
    """Hold what the statement locks while the block runs."""
    with database.connect() as connection, connection.transaction():
        if statement:
            connection.execute(statement)
        yield


Blow = Callable[[Run], None]


def kill_tool(run: Run) -> None:
    run.process.send_signal(signal.SIGKILL)


def terminate_tool(run: Run) -> None:
    run.process.send_signal(signal.SIGTERM)


def kill_node(run: Run) -> None:
    node = run.node
    assert node is not None, run.err
    os.kill(node, signal.SIGKILL)


def end_session(run: Run) -> None:
    if not _end_sessions(run, OURS):
        assert run.process.returncode == 0, f"it failed before the blow\n{run.err}"


def end_sessions_of_directus(run: Run) -> None:
    assert _end_sessions(run, DIRECTUS_S), f"it had no such session any more\n{run.err}"


def _end_sessions(run: Run, whose: str) -> bool:
    """End those that there are; between two connections of the run there is none, so the next then, if any comes."""
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {whose} AND datname = %s"
    while not (hit := run.line.database.rows(ended, run.line.database.name)) and run.process.poll() is None:
        time.sleep(0.003)
    return bool(hit)


def says_why(done: Finished) -> bool:
    """A failure has an id and a next step."""
    return re.search(r"^error\[[a-z-]+\]: .", done.err, re.M) is not None and "\n  next:" in done.err


def assert_nothing_left(run: Run, ports: set[int]) -> None:
    """No process, port, session, lock, invalid index or temporary object."""
    until(lambda: not run.processes, 5)
    # A process that ends gives back its memory, by which it is known here, before its ports.
    until(lambda: all(is_free(port) for port in ports), 5)
    database = run.line.database
    sessions = (
        "SELECT application_name, state, query FROM pg_stat_activity"
        " WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    until(lambda: not database.rows(sessions, database.name), SETTLED_SECONDS)
    assert database.rows("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND %s IN"
                         " (classid::bigint << 32 | objid::bigint)"
                         " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                         LOCK_KEY) == []  # fmt: skip
    assert database.rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid OR NOT indisready") == []
    assert database.rows("SELECT relname FROM pg_class WHERE relpersistence = 't'") == []
    assert database.rows("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()") == []
    assert [path.name for path in (run.folder / "tmp").iterdir()] == []


def assert_nothing_in_the_attic_is_under_way(database: Database) -> None:
    if database.value("SELECT to_regnamespace('attic') IS NOT NULL"):
        assert database.rows(TEMPORARY) == []


@dataclass(frozen=True)
class End:
    """What a deploy that nobody disturbed leaves: all DDL, all that Directus exports beside it, and the base."""

    schema: str
    exported: str
    base: str

    @classmethod
    def of(cls, database: Database) -> End:
        base = database.value("SELECT snapshot FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
        return cls(database.schema(), json.dumps(database.rows(EXPORTED), indent=1), bytes(base).decode())


# In the order in which Directus exports it, and what its bootstrap makes; numbers depend on what was tried before.
EXPORTED = """
SELECT 1 AS part, row_number() OVER (ORDER BY collection), to_jsonb(c) FROM directus_collections c
UNION ALL SELECT 2, row_number() OVER (ORDER BY collection, id), to_jsonb(f) - 'id' FROM directus_fields f
UNION ALL SELECT 3, row_number() OVER (ORDER BY id), to_jsonb(r) - 'id' FROM directus_relations r
UNION ALL SELECT 4, row_number() OVER (ORDER BY version), to_jsonb(version) FROM directus_migrations
UNION ALL SELECT 5, 1, jsonb_build_object(
  'roles', (SELECT count(*) FROM directus_roles), 'policies', (SELECT count(*) FROM directus_policies),
  'access', (SELECT count(*) FROM directus_access), 'users', (SELECT count(*) FROM directus_users),
  'permissions', (SELECT count(*) FROM directus_permissions), 'settings', (SELECT count(*) FROM directus_settings))
ORDER BY 1, 2"""


def assert_converges(line: Line, end: End) -> None:
    """A second run brings it all to the same end, and a third has nothing to do."""
    with line.running() as second:
        done = second.ended()
        assert done.code == 0, done.text
        assert_nothing_left(second, set())
    assert_nothing_in_the_attic_is_under_way(line.database)
    third = line()
    assert (third.code, third.out[:13]) == (0, "Nothing to do"), third.text
    if line.database.value("SELECT to_regclass('directus_sync.attic_copies') IS NOT NULL"):
        # A run that was struck may have taken a copy too; how many there are is no part of the schema.
        assert line("attic", "purge", "--older-than", "0d").code == 0
    assert End.of(line.database) == end
