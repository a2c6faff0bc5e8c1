"""Folders for Unix sockets that only this user may enter: nobody else can answer there, or see a token."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from directus_sync.errors import WrongSettings

# For the folder of the sockets, so that 107 bytes suffice for a socket in it.
MOST_BYTES: Final = 64
PREFIX: Final = "directus-sync-"
SETTLED_SECONDS: Final = 60


@contextmanager
def folder() -> Iterator[Path]:
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
    with made as path:
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(path)
        finally:
            os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove the folders that no process holds; one that was just made may not be held yet."""
    for old in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime < SETTLED_SECONDS:
                continue
            # A pipe of this name would block it until somebody writes.
            handle = os.open(old, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old)
            finally:
                os.close(handle)
