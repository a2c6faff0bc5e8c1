"""The pinned Directus as a child process: bootstrapping a database, and a private server for one command.

Both end with this process, however it ends. The private server listens on a Unix socket in a folder that only this user
may enter, so that nobody else can answer in its place or see a token.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from directus_sync.directus import installation
from directus_sync.directus.client import DirectusClient
from directus_sync.directus.installation import Administrator
from directus_sync.directus.session import Signed
from directus_sync.errors import BootstrapFailed, DirectusUnavailable, PrivateServerFailed, WrongSettings
from directus_sync.postgres import database
from directus_sync.process import children
from directus_sync.settings import Settings

_PROGRAM: Final = Path(__file__).with_name("directus.mjs")
BOOTSTRAP_SECONDS: Final = 600.0
STOP_SECONDS: Final = 5.0
LOG_LINES: Final = 12
# For the folder of the sockets, so that 107 bytes suffice for a socket in it.
MOST_BYTES: Final = 64
PREFIX: Final = "directus-sync-"
SETTLED_SECONDS: Final = 60

# Each Directus takes 300 MiB, and the database may be on the same machine.
ROOM_BYTES: Final = 1 << 30
# Of control groups, version 2 and 1: the most that a container may have, and what it uses.
_LIMITS: Final = tuple(
    (Path("/sys/fs/cgroup", limit), Path("/sys/fs/cgroup", used))
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    )
)

# A server for schema calls and rows: no Studio, no WebSockets, no limits for the public.
LEAN: Final = {
    "SERVE_APP": "false",
    "WEBSOCKETS_ENABLED": "false",
    "RATE_LIMITER_ENABLED": "false",
    "RATE_LIMITER_GLOBAL_ENABLED": "false",
    "PRESSURE_LIMITER_ENABLED": "false",
    "CACHE_ENABLED": "false",
    "LOG_LEVEL": "warn",
    "PUBLIC_URL": "http://localhost",
}

# A folder that is not there: the hooks and their timers are for the server that people use.
NO_EXTENSIONS: Final = {"EXTENSIONS_PATH": str(_PROGRAM.with_name("no-extensions")), "EXTENSIONS_LOCATION": ""}


def bootstrap(settings: Settings) -> None:
    """Run `directus bootstrap`: create or upgrade Directus's own tables, and the first administrator.

    Raises BootstrapFailed with the end of its output.
    """
    with tempfile.TemporaryFile() as log, spawn(settings, "bootstrap", {}, log) as process:
        try:
            process.wait(BOOTSTRAP_SECONDS)
            how = None if process.returncode == 0 else _how_it_ended(process)
        except subprocess.TimeoutExpired:
            how = f"did not end within {BOOTSTRAP_SECONDS:g} s"
        if how is not None:
            raise BootstrapFailed(
                f"directus bootstrap {how}",
                where=_tail(log),
                next="fix what its output says and run again; that is safe",
            )


def has_room_for_two() -> bool:
    """Tell whether this machine or container has the memory for a second Directus during a bootstrap."""
    limits = [_number(limit) - _number(used) for limit, used in _LIMITS if limit.is_file() and used.is_file()]
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    available = re.search(r"^MemAvailable: +(\d+) kB$", meminfo, re.MULTILINE)
    return min([int(available[1]) * 1024 if available else 0, *limits]) >= ROOM_BYTES


def _number(path: Path) -> float:
    text = path.read_text(encoding="ascii").strip()
    return math.inf if text == "max" else int(text)


@dataclass(frozen=True)
class Loaded:
    """A Directus that has loaded its code, or soon will have, and has not connected to the database yet."""

    socket: Path
    secret: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]


@contextmanager
def loading(settings: Settings) -> Iterator[Loaded]:
    """Let a private Directus load its code while the block runs; it waits for `private` to start it."""
    # The tokens for it are signed with this. Directus also encrypts a few settings with it.
    secret = settings.environ.get("SECRET") or secrets.token_urlsafe(32)
    with _folder() as folder, tempfile.TemporaryFile() as log:
        socket = folder / "directus.sock"
        overrides = {**LEAN, "UNIX_SOCKET_PATH": str(socket), "SECRET": secret}
        with spawn(settings, "start", overrides, log, stdin=subprocess.PIPE) as process:
            yield Loaded(socket, secret, process, log)


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that only this user may enter, and remove those of runs that were killed."""
    # A Unix socket's path has at most 107 bytes, and TMPDIR may be longer than that.
    parent = Path(tempfile.gettempdir())
    parent = parent if len(bytes(parent)) <= MOST_BYTES else Path("/tmp")  # noqa: S108 - the folder in it is new and 0700
    _sweep(parent)
    try:
        made = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent)
    except OSError as error:
        raise WrongSettings(
            f"no temporary folder can be made: {error.strerror}",
            where=str(parent),
            next="set TMPDIR to a writable folder",
        ) from error
    with made as folder:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(folder)
        finally:
            os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove the folders that no process holds; one that was just made may not be held yet."""
    for old in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime < SETTLED_SECONDS:
                continue
            handle = os.open(old, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old)
            finally:
                os.close(handle)


@contextmanager
def private(settings: Settings, administrator: Administrator, loaded: Loaded | None = None) -> Iterator[DirectusClient]:
    """Run Directus on a Unix socket while the block runs; yield a client that works as the administrator.

    loaded: the one to start, which its own block stops. One that has ended since, for lack of memory, is replaced.

    Raises PrivateServerFailed with the end of its log.
    """
    if loaded and loaded.process.poll() is not None:
        loaded = None
    with nullcontext(loaded) if loaded else loading(settings) as directus:
        session = Signed(directus.secret, administrator.id, administrator.role)
        with DirectusClient.on_socket(directus.socket, settings, session) as client:
            _start(directus.process)
            try:
                client.wait(settings.directus_wait, alive=lambda: _require_alive(directus))
            except DirectusUnavailable as error:
                raise PrivateServerFailed(
                    f"the private Directus did not answer within {settings.directus_wait:g} s",
                    where=_tail(directus.log),
                    next="raise DIRECTUS_SYNC_DIRECTUS_WAIT, or fix what its log says",
                ) from error
            try:
                yield client
            except DirectusUnavailable as error:
                raise _lost(directus) from error


@contextmanager
def spawn(
    settings: Settings, verb: str, overrides: dict[str, str], log: IO[bytes], *, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the pinned Directus while the block runs, with the settings as its environment.

    verb: `bootstrap`, or `start`, which loads its code and goes on at the end of its stdin.
    overrides: of the environment.
    """
    home = installation.home(settings)
    node = shutil.which("node", path=settings.environ.get("PATH"))
    if node is None:
        raise WrongSettings("there is no `node` on PATH", next="install Node 22, or put it on PATH")
    environment = {
        # Otherwise Directus reads the .env of this folder, and prefers even its empty lines to this environment.
        "CONFIG_PATH": os.devnull,
        "DB_PORT": "5432",  # Directus has no default for it
        **settings.environ,
        "DIRECTUS_HOME": str(home),
        # Without it Directus looks for a package.json where the tool was started, and warns or ends.
        "PACKAGE_FILE_LOCATION": str(home),
        **NO_EXTENSIONS,
        "DB_CLIENT": "pg",
        "DB_EXCLUDE_TABLES": settings.excluded_tables,
        "TELEMETRY": "false",
        "LOG_STYLE": "raw",
        # If it is killed while it waits for a lock, its session would go on waiting, and everybody else behind it.
        "PGOPTIONS": f"{settings.environ.get('PGOPTIONS', '')} {database.WHEN_CLIENT_IS_GONE}".strip(),
        **overrides,
    }
    process = subprocess.Popen(
        [node, str(_PROGRAM), verb],
        env=environment,
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for this process, which stops it when the work in hand is done or undone
        preexec_fn=children.ending_with(os.getpid()),  # noqa: PLW1509 - two system calls, and no lock
    )
    try:
        yield process
    finally:
        _stop(process)


def _start(process: subprocess.Popen[bytes]) -> None:
    """Let a loaded Directus go on: it waits for the end of its stdin."""
    if process.stdin is not None:
        process.stdin.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _require_alive(directus: Loaded) -> None:
    if directus.process.poll() is not None:
        raise PrivateServerFailed(
            f"the private Directus {_how_it_ended(directus.process)} before it answered",
            where=_tail(directus.log),
            next="fix what its log says and run again; that is safe",
        )


def _lost(directus: Loaded) -> PrivateServerFailed:
    """Return the error for a private Directus that no longer answers."""
    # Its socket is closed before its end can be seen.
    with suppress(subprocess.TimeoutExpired):
        directus.process.wait(1)
    how = "no longer answers" if directus.process.poll() is None else _how_it_ended(directus.process)
    return PrivateServerFailed(
        f"the private Directus {how}, and was still needed",
        where=_tail(directus.log),
        next="fix what its log says, or give it more memory; then run again, which is safe",
    )


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    if process.returncode < 0:
        return f"was killed by {signal.Signals(-process.returncode).name}"
    return f"ended with status {process.returncode}"


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return "its output ends with:\n" + "\n".join(lines[-LOG_LINES:]) if lines else "it printed nothing"
