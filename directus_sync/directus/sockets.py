"""Folders for Unix sockets. Only this user can enter them, so nobody else can answer on a socket or see a token."""

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

# The longest path of the parent folder: the path of a socket has at most 107 bytes.
MOST_BYTES: Final = 64
PREFIX: Final = "directus-sync-"
SETTLED_SECONDS: Final = 60


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that only this user can enter, and remove the folders of killed runs."""
    parent = Path(tempfile.gettempdir())
    parent = parent if len(bytes(parent)) <= MOST_BYTES else Path("/tmp")  # noqa: S108 - the folder in it is new and 0700
    _sweep(parent)
    try:
        made = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent)
    except OSError as error:
        raise WrongSettings(
            f"cannot create a temporary folder: {error.strerror}",
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
    """Remove the folders that no process has locked, except new ones: they may not be locked yet."""
    for old in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime < SETTLED_SECONDS:
                continue
            # O_DIRECTORY: opening a named pipe would block until somebody writes to it.
            handle = os.open(old, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old)
            finally:
                os.close(handle)
