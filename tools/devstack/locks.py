"""Exclusive file locks. Owns waiting for the holder, without a time-out: a holder that dies frees its lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.devstack.progress import say


@contextmanager
def exclusive(path: Path, busy: str) -> Iterator[int]:
    """Hold the lock at `path`, saying `busy` while another process has it; yields the descriptor that holds it.

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
        # Close, not unlock: an unlock would also end the lock of a child that still builds.
        os.close(descriptor)
