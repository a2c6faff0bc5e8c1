"""The pinned Directus as a child process: bootstrapping a database, and a private server for one deploy.

Both die with this process, however it ends. Nothing here speaks HTTP but the wait for the first answer.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from directus_sync.directus import installation
from directus_sync.errors import BootstrapFailed, DirectusUnavailable, PrivateServerFailed, WrongSettings
from directus_sync.postgres import database
from directus_sync.process import children, signals
from directus_sync.settings import Settings

if TYPE_CHECKING:
    from directus_sync.directus.client import DirectusClient

_PROGRAM: Final = Path(__file__).with_name("directus.mjs")
HOST: Final = "127.0.0.1"
BOOTSTRAP_SECONDS: Final = 600.0
STOP_SECONDS: Final = 5.0
LOG_LINES: Final = 12
PORT_ATTEMPTS: Final = 3
# As Directus 11 says it.
PORT_TAKEN: Final = "is already in use"

# Each takes 300 MiB, and the database may be on the same machine.
ROOM_BYTES: Final = 1 << 30
# Of control groups, version 2 and 1: the most that a container may have, and what it has.
_LIMITS: Final = tuple(
    (Path("/sys/fs/cgroup", limit), Path("/sys/fs/cgroup", used))
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    )
)

# A server for schema calls only: no studio, no sockets to clients, no limits meant for the public.
_PRIVATE: Final = {
    "HOST": HOST,
    "UNIX_SOCKET_PATH": "",
    "SERVE_APP": "false",
    "WEBSOCKETS_ENABLED": "false",
    "RATE_LIMITER_ENABLED": "false",
    "RATE_LIMITER_GLOBAL_ENABLED": "false",
    "PRESSURE_LIMITER_ENABLED": "false",
    "CACHE_ENABLED": "false",
    "LOG_LEVEL": "warn",
}


def bootstrap(settings: Settings) -> None:
    """Run `directus bootstrap`: create or upgrade Directus's own tables, and the first administrator.

    Raises BootstrapFailed with the end of its output.
    """
    with tempfile.TemporaryFile() as log, _spawn(settings, "bootstrap", {}, log) as process:
        try:
            process.wait(BOOTSTRAP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BootstrapFailed(
                f"directus bootstrap did not end within {BOOTSTRAP_SECONDS:g} s",
                where=_tail(log),
                next="mend what its output says and run again, which is safe",
            ) from error
        if process.returncode != 0:
            raise BootstrapFailed(
                f"directus bootstrap {_how_it_ended(process)}",
                where=_tail(log),
                next="mend the cause and run again, which is safe",
            )


def has_room_for_two() -> bool:
    """Tell whether this machine, or the container, has the memory for a Directus beside the one that bootstraps."""
    limits = [_number(limit) - _number(used) for limit, used in _LIMITS if limit.is_file() and used.is_file()]
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    available = re.search(r"^MemAvailable: +(\d+) kB$", meminfo, re.MULTILINE)
    return min([int(available[1]) * 1024 if available else 0, *limits]) >= ROOM_BYTES


def _number(path: Path) -> float:
    text = path.read_text(encoding="ascii").strip()
    return math.inf if text == "max" else int(text)


@dataclass(frozen=True)
class Loaded:
    """A Directus that has nothing left to load, or soon will have, and looks at no database yet."""

    url: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]


@contextmanager
def loading(settings: Settings) -> Iterator[Loaded]:
    """Have a private Directus load itself while the block runs, and wait there for `private` to start it."""
    url = f"http://{HOST}:{(port := _free_port())}"
    with (
        tempfile.TemporaryFile() as log,
        _spawn(settings, "start", _listening(port, url), log, stdin=subprocess.PIPE) as process,
    ):
        yield Loaded(url, process, log)


@contextmanager
def private(settings: Settings, loaded: Loaded | None = None) -> Iterator[DirectusClient]:
    """Run Directus on a free loopback port while the block runs; yield a client of it.

    loaded: the one to start, which its own block stops. One that has ended since, as for want of memory, is replaced.

    Raises PrivateServerFailed with the end of its log.
    """
    from directus_sync.directus.client import DirectusClient  # noqa: PLC0415 - see there

    if loaded and loaded.process.poll() is not None:
        loaded = None
    for attempt in range(1, PORT_ATTEMPTS + 1):
        with (
            nullcontext(loaded) if loaded else loading(settings) as directus,
            DirectusClient(directus.url, settings) as client,
        ):
            try:
                _let_go(directus.process)
                client.wait(settings.directus_wait, alive=lambda: _require_alive(directus.process, directus.log))
            except PrivateServerFailed as error:
                # Somebody else took the port between our look and Directus's bind.
                if PORT_TAKEN in (error.where or "") and attempt < PORT_ATTEMPTS:
                    loaded = None
                    continue
                raise
            except DirectusUnavailable as error:
                raise PrivateServerFailed(
                    f"the private Directus did not answer within {settings.directus_wait:g} s",
                    where=_tail(directus.log),
                    next="raise DIRECTUS_SYNC_DIRECTUS_WAIT, or mend what its log says",
                ) from error
            try:
                yield client
            except DirectusUnavailable as error:
                raise _lost(directus) from error
            return


@contextmanager
def _spawn(
    settings: Settings, verb: str, overrides: dict[str, str], log: IO[bytes], *, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    home = installation.home(settings)
    node = shutil.which("node", path=settings.environ.get("PATH"))
    if node is None:
        raise WrongSettings("there is no `node` on PATH", next="install Node 22, or put it on PATH")
    environment = {
        # Or Directus reads the .env of this folder, and takes even its blank lines over what it is given here.
        "CONFIG_PATH": os.devnull,
        "DB_PORT": "5432",  # Directus has no default for it
        **settings.environ,
        "DIRECTUS_HOME": str(home),
        "DB_CLIENT": "pg",
        "DB_EXCLUDE_TABLES": settings.excluded_tables,
        "TELEMETRY": "false",
        "LOG_STYLE": "raw",
        # Killed while it waits for a lock, its sessions would go on waiting, and all others behind them.
        "PGOPTIONS": f"{settings.environ.get('PGOPTIONS', '')} {database.WHEN_CLIENT_IS_GONE}".strip(),
        **overrides,
    }
    # What a signal's handler raises just after the fork is lost: Python runs its at-fork hooks, such as logging's,
    # without passing on their exceptions. Nor would anybody stop a child that Popen did not return.
    process = None
    try:
        with signals.held_back() as unmasked:
            process = subprocess.Popen(
                [node, str(_PROGRAM), verb],
                env=environment,
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours: we stop it when the work in hand is undone or done
                preexec_fn=children.ending_with(os.getpid(), unmasked),  # noqa: PLW1509 - three system calls, and no lock
            )
        yield process
    finally:
        if process is not None:
            _stop(process)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Let a Directus that is loaded go on: it waits for the end of its stdin."""
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
        # Not for ever: an interruption within `wait` may have left its lock taken.
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)


def _require_alive(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    if process.poll() is not None:
        raise PrivateServerFailed(
            f"the private Directus {_how_it_ended(process)} before it answered",
            where=_tail(log),
            next="mend what its log says and run again, which is safe",
        )


def _lost(directus: Loaded) -> PrivateServerFailed:
    """Return the error for one that answers no longer."""
    # Its port is closed before its end is known.
    with suppress(subprocess.TimeoutExpired):
        directus.process.wait(1)
    how = "does not answer any more" if directus.process.poll() is None else _how_it_ended(directus.process)
    return PrivateServerFailed(
        f"the private Directus {how}, and was still needed",
        where=_tail(directus.log),
        next="mend what its log says, or give it more memory; then run again, which is safe",
    )


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    if process.returncode < 0:
        return f"was killed by {signal.Signals(-process.returncode).name}"
    return f"ended with status {process.returncode}"


def _listening(port: int, url: str) -> dict[str, str]:
    return {**_PRIVATE, "PORT": str(port), "PUBLIC_URL": url}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return "its output ends with:\n" + "\n".join(lines[-LOG_LINES:]) if lines else "it printed nothing"
