"""Exclusive file locks. Owns waiting for another process; refuses time-outs, a dead holder frees its lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.devstack.progress import say


@contextmanager
def exclusive(path: Path, busy: str) -> Iterator[int]:
    """Hold the lock at `path`, saying `busy` when somebody else has it; yields the descriptor that holds it.

    A child given that descriptor keeps the lock for as long as it lives, even when this process is killed.
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
        # Closing, not unlocking: an unlock would also take the lock from a child that still builds.
        os.close(descriptor)
