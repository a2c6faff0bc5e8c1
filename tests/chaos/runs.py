"""Running deploys that a test can disturb, and checks of what remains."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from directus_sync.postgres.lock import LOCK_KEY
from tests.attics import TEMPORARY
from tests.conftest import ROOT, SOMEBODY, Database, Finished, Tool
from tests.processes import marked, until

OURS = "application_name LIKE 'directus-sync deploy%%'"
# Includes the session that locks the lock's table.
OUR_SESSIONS = "application_name LIKE 'directus-sync %%'"
DIRECTUS_S = (
    f"backend_type = 'client backend' AND NOT ({OURS}) AND application_name <> '{SOMEBODY}' AND pid <> pg_backend_pid()"
)
# In seconds. The server ends a session within this time after its client ended.
SETTLED_SECONDS = 10.0
RUN_SECONDS = 240.0


@dataclass(frozen=True)
class Line:
    """Runs the commands of one checkout on one database. folder: for the logs."""

    tool: Tool
    folder: Path
    checkout: Path = ROOT

    @property
    def database(self) -> Database:
        return self.tool.database

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[Run]:
        """Start a command, by default `deploy`. After the block all its processes are killed."""
        mark = f"chaos-{uuid.uuid4()}"
        folder = self.folder / mark
        folder.mkdir()
        # Outside of the folder, because the path of a Unix socket must be short.
        with tempfile.TemporaryDirectory(prefix="chaos-") as temporary, ExitStack() as logs:
            out, err = (logs.enter_context((folder / name).open("w")) for name in ("out", "err"))
            process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "directus_sync", *(arguments or ("deploy",))],
                cwd=self.checkout,
                env={**self.tool.environ, "PYTHONPATH": str(self.checkout), "TMPDIR": temporary, "MARK": mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            run = Run(self, process, mark, folder, Path(temporary))
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
    """One run. All its processes have `mark` in their environment."""

    line: Line
    process: subprocess.Popen[bytes]
    mark: str
    folder: Path
    temporary: Path

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text(encoding="utf-8")

    @property
    def processes(self) -> dict[int, str]:
        """The live processes of this run with their command lines, in whatever session and with whatever parent."""
        return marked(self.mark)

    @property
    def node(self) -> int | None:
        """The process of Directus that bootstraps or serves, or None."""
        verbs = {pid: re.search(r"directus\.mjs (\w+)", command) for pid, command in self.processes.items()}
        found = {verb[1]: pid for pid, verb in verbs.items() if verb}
        return found.get("bootstrap", found.get("work", found.get("start")))

    def ended(self, seconds: float = RUN_SECONDS) -> Finished:
        """Wait for the end. Check that no secret was printed, and that an error says what to do next."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            # Makes the process print its stack.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"the run did not end within {seconds:g} s\n{self.err}") from None
        done = Finished(code, (self.folder / "out").read_text(), self.err)
        for name in ("DB_PASSWORD", "SECRET", "ADMIN_TOKEN"):
            assert self.line.tool.environ[name] not in done.out + done.err, "a secret was printed"
        assert "Traceback" not in done.err, done.text
        if code in {1, 2, 4, 5}:
            assert re.search(r"^error\[[a-z-]+\]: .", done.err, re.M), done.text
            assert "\n  next:" in done.err, done.text
        return done


SESSIONS = (
    "SELECT application_name, state, query FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
# Each query must be empty after a run. All look only at this database.
LEFT = {
    "the lock": "SELECT pid FROM pg_locks WHERE locktype = 'advisory'"
    f" AND {LOCK_KEY} IN (classid::bigint << 32 | objid::bigint)"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "an invalid index": "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid OR NOT indisready",
    "a temporary table": "SELECT relname FROM pg_class WHERE relpersistence = 't'",
    "a prepared transaction": "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()",
}


def assert_nothing_left(run: Run) -> None:
    """Check that no process, session, lock, invalid index, temporary object or file is left."""
    until(lambda: not run.processes, 5)
    database = run.line.database
    until(lambda: not database.rows(SESSIONS), SETTLED_SECONDS)
    assert {what: rows for what, query in LEFT.items() if (rows := database.rows(query))} == {}
    # A killed process leaves the folder of its socket behind.
    if run.process.returncode != -signal.SIGKILL:
        assert [path.name for path in run.temporary.iterdir()] == []


@dataclass(frozen=True)
class End:
    """The state after an undisturbed deploy: the schema, everything else that Directus exports, and the base."""

    schema: str
    exported: str
    base: str

    @classmethod
    def of(cls, database: Database) -> End:
        base = database.value("SELECT snapshot FROM directus_sync.snapshot_history ORDER BY id DESC LIMIT 1")
        # Disturbed runs may have taken more attic copies, which do not count.
        for (copy,) in database.rows(COPIES):
            database.execute(f"DROP TABLE attic.{copy}")
        return cls(database.schema(), json.dumps(database.rows(EXPORTED), indent=1), bytes(base).decode())


COPIES = "SELECT relname::text FROM pg_class WHERE relnamespace = 'attic'::regnamespace AND relname LIKE 'copy\\_%'"
COPIES += " AND relkind = 'r'"
# In Directus's export order, with counts of what its bootstrap creates. Ids depend on earlier attempts.
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
    """Check that a second run reaches the expected end, and that a third has nothing to do."""
    with line.running() as second:
        done = second.ended()
        assert done.code == 0, done.text
        assert_nothing_left(second)
    assert line.database.rows(TEMPORARY) == []
    third = line()
    assert (third.code, third.out[:13]) == (0, "Nothing to do"), third.text
    assert End.of(line.database) == end


def answers(database: Database) -> bool:
    """Return whether the database accepts connections."""
    try:
        return bool(database.value("SELECT true"))
    except psycopg.OperationalError:
        return False
