"""Starts a Directus for one command: a whole private server, or the schema worker. It listens on a Unix socket."""

from __future__ import annotations

import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from directus_sync.directus import sockets, worker
from directus_sync.directus.client import DirectusClient
from directus_sync.directus.installation import Administrator
from directus_sync.directus.program import environment, how_it_ended, no_extensions, spawn, tail
from directus_sync.directus.session import Signed
from directus_sync.directus.worker import WHOLE, Choice
from directus_sync.errors import DirectusUnavailable, PrivateServerFailed
from directus_sync.postgres import database
from directus_sync.settings import Settings

# The server only handles the schema and rows: no Studio, no WebSockets, no rate limits.
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
# Each new connection costs PostgreSQL as much as a comparison, because it loads the catalog and PostGIS again. Directus
# can do with one connection, as it does on SQLite.
ONE_CONNECTION: Final = {"DB_POOL__MIN": "1", "DB_POOL__MAX": "1"}


@dataclass(frozen=True)
class Loaded:
    """A Directus that loads or has loaded its code, and has not connected to the database yet."""

    choice: Choice
    socket: Path
    secret: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def name(self) -> str:
        """The name for messages."""
        return "the schema worker" if self.choice.bundle else "the private Directus"


@contextmanager
def loading(settings: Settings, choice: Choice = WHOLE) -> Iterator[Loaded]:
    """Let a private Directus load its code while the block runs. It then waits until `private` starts it.

    choice: the schema worker or a whole Directus. A whole Directus loads extensions only if one of them listens to
    changes of the schema, because timers of extensions must run only in the server that people use.
    """
    # Signs the tokens of the client. Directus also encrypts a few settings with it.
    secret = settings.environ.get("SECRET") or secrets.token_urlsafe(32)
    # Replaces the code with which a whole Directus applies a schema.
    apply = (worker.APPLY,) if worker.is_proven(settings) else ()
    verb, arguments = ("work", (choice.bundle,)) if choice.bundle else ("start", apply)
    with sockets.folder() as folder, tempfile.TemporaryFile() as log:
        socket = folder / "directus.sock"
        extensions = {} if choice.load_extensions else no_extensions(settings)
        # A session that waits to change a table also blocks everybody who wants to read it.
        patience = f"{environment(settings)['PGOPTIONS']} -c lock_timeout={database.LOCK_MILLISECONDS}"
        own = {"UNIX_SOCKET_PATH": str(socket), "SECRET": secret, "PGOPTIONS": patience}
        overrides = {**LEAN, **extensions, **own, **(ONE_CONNECTION if choice.bundle else {})}
        with spawn(settings, verb, overrides, log, *arguments, stdin=subprocess.PIPE) as process:
            yield Loaded(choice, socket, secret, process, log)


@contextmanager
def private(
    settings: Settings, administrator: Administrator, choice: Choice = WHOLE, loaded: Loaded | None = None
) -> Iterator[DirectusClient]:
    """Run Directus on a Unix socket while the block runs; yield a client that acts as the administrator.

    choice: the schema worker or a whole Directus.
    loaded: a loaded Directus to use; the block of `loading` stops it. If it is another choice, or has ended (for lack
    of memory, for example), a new one is started instead.

    Raises PrivateServerFailed with the end of the log.
    """
    if loaded and (loaded.choice != choice or loaded.process.poll() is not None):
        loaded = None
    with nullcontext(loaded) if loaded else loading(settings, choice) as directus:
        session = Signed(directus.secret, administrator.id, administrator.role)
        with DirectusClient.on_socket(directus.socket, settings, session, directus.choice) as client:
            _start(directus.process)
            try:
                client.wait(settings.directus_wait, alive=lambda: _require_alive(directus))
            except DirectusUnavailable as error:
                raise PrivateServerFailed(
                    f"{directus.name} did not answer within {settings.directus_wait:g} s",
                    where=tail(directus.log),
                    next="raise DIRECTUS_SYNC_DIRECTUS_WAIT, or fix what its log says",
                ) from error
            try:
                yield client
            except DirectusUnavailable as error:
                raise _lost(directus) from error


def _start(process: subprocess.Popen[bytes]) -> None:
    """Start a loaded Directus, which waits for the end of its stdin."""
    if process.stdin is not None:
        process.stdin.close()


def _require_alive(directus: Loaded) -> None:
    if directus.process.poll() is not None:
        raise PrivateServerFailed(
            f"{directus.name} {how_it_ended(directus.process)} before it answered",
            where=tail(directus.log),
            next=_fix(directus, "fix what its log says and run again; that is safe"),
        )


def _lost(directus: Loaded) -> PrivateServerFailed:
    """Return the error for a private Directus that no longer answers."""
    # The socket closes a moment before the process has ended.
    with suppress(subprocess.TimeoutExpired):
        directus.process.wait(1)
    how = "no longer answers" if directus.process.poll() is None else how_it_ended(directus.process)
    return PrivateServerFailed(
        f"{directus.name} {how}, and was still needed",
        where=tail(directus.log),
        next=_fix(directus, "fix what its log says, or give it more memory, and run again; that is safe"),
    )


def _fix(directus: Loaded, step: str) -> str:
    return f"{step}\nDIRECTUS_SYNC_WORKER=off starts a whole Directus instead" if directus.choice.bundle else step
