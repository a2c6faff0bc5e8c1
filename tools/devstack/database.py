"""One instance's PostgreSQL. Owns its data, settings, start and stop; listens only on the loopback address."""

import os
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

from tools.devstack import ports, postgres_tree, process, unprivileged
from tools.devstack.errors import StackError
from tools.devstack.process import Process
from tools.devstack.progress import step
from tools.devstack.state import POSTGRES, State

USER = NAME = "directus"
START_SECONDS = 120.0
ATTEMPTS = 3
LONGEST_SOCKET_FOLDER = 90

SCRAM_ITERATIONS = "scram_iterations"
SETTINGS = {
    "listen_addresses": ports.HOST,
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    # Containers often have a tiny /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "128MB",
    "max_locks_per_transaction": "256",
    "client_connection_check_interval": "1s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}
# Test data may be lost in a power cut.
TEST_SETTINGS = {
    # TimescaleDB's scheduler connects to every database, which then cannot be copied or dropped.
    "timescaledb.max_background_workers": "0",
    # A session that has to load PostGIS takes 11 ms longer, and a test run has thousands of sessions.
    "shared_preload_libraries": "timescaledb,postgis-3",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # It would visit each of several hundred databases that exist for a second.
    "autovacuum": "off",
    "max_connections": "200",
    # By default a client hashes the password 4,096 times for each connection, which takes 2 ms.
    SCRAM_ITERATIONS: "1",
}


class Database:
    """The PostgreSQL of one instance; every method expects the caller to hold the instance's lock."""

    def __init__(self, state: State, *, throwaway: bool) -> None:
        self.state = state
        self.folder = state.folder / POSTGRES
        self.data = self.folder / "data"
        self.log = state.folder / "postgres.log"
        self.settings = SETTINGS | (TEST_SETTINGS if throwaway else {})

    def running(self) -> Process | None:
        """Return the server's process if it runs and reports that it is ready."""
        known = self.state.process(POSTGRES)
        pid_file = self._pid_file()
        return known if known and pid_file[:1] == [str(known.pid)] and pid_file[-1:] == ["ready"] else None

    def up(self, tree: Path) -> None:
        """Create the data folder, start the server and create the database, each only if needed."""
        # An interrupted command may have left a server that is still starting.
        known = self.state.process(POSTGRES)
        if known is None or not self._settled(known):
            self._check_version()
            self.folder.mkdir(exist_ok=True)
            as_user = unprivileged.prefix(postgres_tree.programs(tree) / "postgres", self.folder)
            if not self.data.exists():
                self._initialise(tree, as_user)
            with step("Starting PostgreSQL"):
                self._start(tree, as_user)
        self._create_database(tree)

    def down(self) -> bool:
        """Stop the server; return False if it was not running."""
        known = self.state.process(POSTGRES)
        if known is None:
            return False
        with step("Stopping PostgreSQL"):
            # INT asks PostgreSQL for a fast shutdown; TERM would wait until every client disconnects.
            known.stop(signal.SIGINT, signal.SIGQUIT)
        self.state.remember(POSTGRES, self.state.port(POSTGRES), None)
        return True

    def query(self, tree: Path, statement: str, database: str = NAME) -> str:
        """Run a statement and return its rows as text, one per line."""
        command = [
            str(postgres_tree.programs(tree) / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", ports.HOST,
            "-p", str(self.state.port(POSTGRES)), "-U", USER, "-d", database, "-c", statement,
        ]  # fmt: skip
        password = self.state.secrets()["DB_PASSWORD"]
        env = {"PATH": os.defpath, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"PostgreSQL says: {done.stderr.strip()}", f"see {self.log}")
        return done.stdout.strip()

    def _initialise(self, tree: Path, as_user: list[str]) -> None:
        # The process id is in the name because the initdb of a killed set-up may still write to its own folder.
        unfinished, password = self.folder / f"new.{os.getpid()}", self.folder / "password"
        owner = self.folder.stat()
        for stale in self.folder.glob("new.*"):
            shutil.rmtree(stale, ignore_errors=True)
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        os.chown(password, owner.st_uid, owner.st_gid)
        password.write_text(self.state.secrets()["DB_PASSWORD"])
        # The built-in locale has the same sort order on every host.
        command = [
            *as_user, str(postgres_tree.programs(tree) / "initdb"), "-D", str(unfinished), "-U", USER,
            f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            f"--set={SCRAM_ITERATIONS}={self.settings.get(SCRAM_ITERATIONS, '4096')}",
        ]  # fmt: skip
        with step("Initialising the data folder"):
            done = subprocess.run(
                command, cwd="/", env=self._environment(tree), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, umask=0o077, check=False,
            )  # fmt: skip
            password.unlink()
            if done.returncode != 0:
                raise StackError(f"initdb failed: {done.stderr.strip()}", "fix that and run this again")
            unfinished.rename(self.data)

    def _start(self, tree: Path, as_user: list[str]) -> None:
        self._clear_stale_lock()
        for _ in range(ATTEMPTS):
            port = ports.choose(self.state.port(POSTGRES))
            started = process.start(
                [*as_user, *self._command(tree, port)],
                log=self.log, cwd=Path("/"), env=self._environment(tree),
                record=partial(self.state.remember, POSTGRES, port),
            )  # fmt: skip
            if self._settled(started):
                return
            # Another program took the port, or some children of a killed server still run.
            time.sleep(1)
        last = self.log.read_text(errors="replace").splitlines()[-3:]
        raise StackError(f"PostgreSQL does not start: {' / '.join(last)}", f"see {self.log}")

    def _settled(self, one: Process) -> bool:
        """Return whether the server gets ready in time; stop it if not."""
        process.wait_for(lambda: self.running() is not None or not one.alive, START_SECONDS)
        if self.running() is not None:
            return True
        one.stop(signal.SIGINT)
        return False

    def _command(self, tree: Path, port: int) -> list[str]:
        sockets = self.folder / "socket"
        # The kernel limits the length of the path, and PostgreSQL takes a comma for the end of a folder's name.
        short = len(os.fsencode(sockets)) <= LONGEST_SOCKET_FOLDER and "," not in str(sockets)
        if short and not sockets.exists():
            sockets.mkdir(mode=0o700)
            owner = self.folder.stat()
            os.chown(sockets, owner.st_uid, owner.st_gid)
        placed = {"port": str(port), "unix_socket_directories": str(sockets) if short else ""}
        settings = self.settings | placed
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(postgres_tree.programs(tree) / "postgres"), "-D", str(self.data), *words]

    def _environment(self, tree: Path) -> dict[str, str]:
        # Without the caller's variables: PGPORT, PGDATA or LD_LIBRARY_PATH would change the server.
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **postgres_tree.data_files(tree)}

    def _create_database(self, tree: Path) -> None:
        if NAME not in self.query(tree, "select datname from pg_database", "postgres").splitlines():
            self.query(tree, f"create database {NAME}", "postgres")

    def _check_version(self) -> None:
        version = self.data / "PG_VERSION"
        made_by = version.read_text().strip() if version.exists() else postgres_tree.MAJOR
        if made_by != postgres_tree.MAJOR:
            raise StackError(
                f"{self.data} was made by PostgreSQL {made_by}, but this is PostgreSQL {postgres_tree.MAJOR}",
                f"python -m tools.devstack reset --instance {self.state.folder.name}",
            )

    def _pid_file(self) -> list[str]:
        """Return the lines of the server's pid file: first the process id, last the status."""
        try:
            return [line.strip() for line in (self.data / "postmaster.pid").read_text().splitlines()]
        except OSError:
            return []

    def _clear_stale_lock(self) -> None:
        """Remove the pid file of a crashed server if another program has its process id now.

        PostgreSQL itself removes the file of a dead process, but takes any live process for its server.
        """
        pid = (self._pid_file() or [""])[0]
        if not pid.isdigit() or Process.of(int(pid)) is None:
            return
        try:
            command = (process.PROC / pid / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return
        if os.fsencode(self.data) not in command:
            (self.data / "postmaster.pid").unlink()
