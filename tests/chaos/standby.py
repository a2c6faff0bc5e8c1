"""A primary PostgreSQL, and a standby that follows it by streaming replication until the primary is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.servers import HOST, OwnPostgres
from tests.conftest import Database, Tool
from tests.processes import until
from tools.devstack import database, postgres_tree, unprivileged
from tools.devstack.process import Process
from tools.devstack.state import POSTGRES

CAUGHT_UP = "SELECT coalesce(bool_and(replay_lsn >= pg_current_wal_lsn()), false) FROM pg_stat_replication"


class _Following(database.Database):
    """A server that counts as running once it accepts readers."""

    def running(self) -> Process | None:
        known, said = self.state.process(POSTGRES), self._pid_file()
        return known if known and said[:1] == [str(known.pid)] and said[-1:] in (["ready"], ["standby"]) else None


class Copy(OwnPostgres):
    """A copy of another server. follows: it keeps replicating from the other server."""

    def __init__(self, folder: Path, source: OwnPostgres, *, follows: bool = False) -> None:
        super().__init__(folder, source.environ)
        self.server = _Following(self.state, throwaway=True)
        shutil.copy(source.state.folder / "secrets.json", self.state.folder)
        self.server.folder.mkdir()
        programs = postgres_tree.programs(postgres_tree.postgres_tree())
        subprocess.run(
            [
                *unprivileged.prefix(programs / "postgres", self.server.folder),
                *(programs / "pg_basebackup", "-D", self.server.data, "-h", HOST, "-p", source.environ["DB_PORT"]),
                *("-U", source.environ["DB_USER"], "--checkpoint=fast", *(["-R"] if follows else [])),
            ],
            env={"PATH": os.defpath, "PGPASSWORD": source.environ["DB_PASSWORD"]},
            cwd="/",
            check=True,
            capture_output=True,
        )
        self.up()


class Pair:
    """A primary and its standby, and a tool that knows both."""

    def __init__(self, folder: Path, source: OwnPostgres) -> None:
        (folder / "primary").mkdir()
        (folder / "standby").mkdir()
        self.primary = Copy(folder / "primary", source)
        self.standby = Copy(folder / "standby", self.primary, follows=True)

    def tool(self, name: str) -> Tool:
        """Return the tool on a database, with a connection string that names both hosts."""
        environ = self.primary.environ
        ports = [server.environ["DB_PORT"] for server in (self.primary, self.standby)]
        hosts = ",".join(f"{HOST}:{port}" for port in ports)
        who = f"{environ['DB_USER']}:{environ['DB_PASSWORD']}"
        # The tests' own sessions use the first host that answers.
        both = Database(name, {**environ, "DB_HOST": f"{HOST},{HOST}", "DB_PORT": ",".join(ports)})
        string = f"postgresql://{who}@{hosts}/{name}?target_session_attrs=read-write"
        return Tool(both).with_settings(DB_CONNECTION_STRING=string)

    def wait_until_equal(self) -> None:
        until(lambda: Database("postgres", self.primary.environ).value(CAUGHT_UP), 60)

    def fail_over(self) -> None:
        """Kill the primary, which loses everything not yet replicated, and promote the standby."""
        process = self.primary.state.process(POSTGRES)
        assert process is not None
        os.kill(process.pid, signal.SIGQUIT)
        until(lambda: not process.alive, 10)
        assert Database("postgres", self.standby.environ).value("SELECT pg_promote()")

    def down(self) -> None:
        for server in (self.primary, self.standby):
            server.down()


@contextmanager
def pair(folder: Path, source: OwnPostgres) -> Iterator[Pair]:
    """Run a primary and a standby with the content of another server during the block."""
    made = Pair(folder, source)
    try:
        yield made
    finally:
        made.down()
