"""Runs Directus as a child process that ends when this process ends, even if it is killed. Owns environment and log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from directus_sync.directus import installation
from directus_sync.errors import WrongSettings
from directus_sync.postgres import database
from directus_sync.process import children
from directus_sync.settings import Settings

_PROGRAM: Final = Path(__file__).with_name("directus.mjs")
STOP_SECONDS: Final = 5.0
LOG_LINES: Final = 12


@contextmanager
def spawn(
    settings: Settings,
    verb: str,
    overrides: Mapping[str, str],
    log: IO[bytes],
    *arguments: Path,
    stdin: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the pinned Directus while the block runs, with the settings as its environment.

    verb: a verb of directus.mjs: `bootstrap`, `start` or `work`. The program loads its code, then waits for the end of
    stdin. overrides: variables that replace those of the environment.
    """
    process = subprocess.Popen(
        [node(settings), str(_PROGRAM), verb, *map(str, arguments)],
        env={**environment(settings), **overrides},
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for this process, which stops the child when its work is done or undone
        preexec_fn=children.ending_with(os.getpid()),  # noqa: PLW1509 - two system calls, which take no lock
    )
    try:
        yield process
    finally:
        _stop(process)


def node(settings: Settings) -> str:
    """Return the path of Node. Raises WrongSettings if it is not on PATH."""
    found = shutil.which("node", path=settings.environ.get("PATH"))
    if found is None:
        raise WrongSettings("there is no `node` on PATH", next="install Node 22, or put it on PATH")
    return found


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment for Directus."""
    return {
        # Otherwise Directus reads the .env in this folder, whose lines, even empty ones, override this environment.
        "CONFIG_PATH": os.devnull,
        "DB_PORT": "5432",  # Directus has no default for this
        # The folder in which Directus looks for a package.json. Without that file it loads no extensions.
        "PACKAGE_FILE_LOCATION": str(installation.home(settings)),
        **settings.environ,
        "DIRECTUS_HOME": str(installation.home(settings)),
        "DB_CLIENT": "pg",
        "DB_EXCLUDE_TABLES": settings.excluded_tables,
        "TELEMETRY": "false",
        "LOG_STYLE": "raw",
        # If Directus is killed while it waits for a lock, its session must not go on waiting, with others behind it.
        # search_path: by default PostgreSQL first searches a schema named after the role, which anybody may have made.
        "PGOPTIONS": " ".join(
            [settings.environ.get("PGOPTIONS", ""), database.WHEN_CLIENT_IS_GONE, "-c search_path=public,pg_temp"]
        ).strip(),
    }


def no_extensions(settings: Settings) -> dict[str, str]:
    """Return the variables that keep Directus from loading extensions: a missing folder, and a package without any."""
    home = installation.home(settings)
    return {
        "EXTENSIONS_PATH": str(_PROGRAM.with_name("no-extensions")),
        "EXTENSIONS_LOCATION": "",
        "EXTENSIONS_MUST_LOAD": "false",
        "PACKAGE_FILE_LOCATION": str(home),
    }


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """Return how a process ended, as a predicate: `ended with status 1`."""
    if process.returncode < 0:
        return f"was killed by {signal.Signals(-process.returncode).name}"
    return f"ended with status {process.returncode}"


def tail(log: IO[bytes]) -> str:
    """Return the last lines that a process printed, for the `where` of an error."""
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return "its output ends with:\n" + "\n".join(lines[-LOG_LINES:]) if lines else "it printed nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
