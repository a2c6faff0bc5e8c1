"""Exclusive file locks. Waits for the holder without a time-out, because a holder that dies frees its lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.devstack.progress import say


@contextmanager
def exclusive(path: Path, busy: str) -> Iterator[int]:
    """Hold the lock at `path`, and yield its descriptor. Print `busy` if another process has the lock.

    A child that inherits the descriptor keeps the lock as long as it runs, even if this process is killed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(busy)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        # Do not unlock: that would also end the lock of a child that still runs.
        os.close(descriptor)
