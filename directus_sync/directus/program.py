"""Directus's programs as child processes, which end with this one, however it ends. Owns their environment and log."""

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

    verb: of directus.mjs: `bootstrap`, or `start` or `work`, which load their code and go on at the end of stdin.
    overrides: of the environment.
    """
    process = subprocess.Popen(
        [node(settings), str(_PROGRAM), verb, *map(str, arguments)],
        env={**environment(settings), **overrides},
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


def node(settings: Settings) -> str:
    """Return the path of Node. Raises WrongSettings when there is none on PATH."""
    found = shutil.which("node", path=settings.environ.get("PATH"))
    if found is None:
        raise WrongSettings("there is no `node` on PATH", next="install Node 22, or put it on PATH")
    return found


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of Directus's programs."""
    return {
        # Otherwise Directus reads the .env of this folder, and prefers even its empty lines to this environment.
        "CONFIG_PATH": os.devnull,
        "DB_PORT": "5432",  # Directus has no default for it
        # Directus looks for a package.json in this folder, and without one it loads no extension at all.
        "PACKAGE_FILE_LOCATION": str(installation.home(settings)),
        **settings.environ,
        "DIRECTUS_HOME": str(installation.home(settings)),
        "DB_CLIENT": "pg",
        "DB_EXCLUDE_TABLES": settings.excluded_tables,
        "TELEMETRY": "false",
        "LOG_STYLE": "raw",
        # If it is killed while it waits for a lock, its session would go on waiting, and everybody else behind it.
        # By default PostgreSQL looks first in a schema with the name of the role, which somebody else could have made.
        "PGOPTIONS": " ".join(
            [settings.environ.get("PGOPTIONS", ""), database.WHEN_CLIENT_IS_GONE, "-c search_path=public,pg_temp"]
        ).strip(),
    }


def no_extensions(settings: Settings) -> dict[str, str]:
    """Return what keeps Directus from loading extensions: a folder that is not there, and a package without any."""
    home = installation.home(settings)
    return {
        "EXTENSIONS_PATH": str(_PROGRAM.with_name("no-extensions")),
        "EXTENSIONS_LOCATION": "",
        "EXTENSIONS_MUST_LOAD": "false",
        "PACKAGE_FILE_LOCATION": str(home),
    }


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """Return how a process ended, as the end of a sentence."""
    if process.returncode < 0:
        return f"was killed by {signal.Signals(-process.returncode).name}"
    return f"ended with status {process.returncode}"


def tail(log: IO[bytes]) -> str:
    """Return the end of what a process printed, for the `where` of an error."""
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
