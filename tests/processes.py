"""Looking at live processes, and waiting for what they bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def marked(mark: str) -> dict[int, str]:
    """Return the live processes with `mark` in their environment, with their command lines.

    None is overlooked for its session or parent.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended meanwhile, or is a zombie
    return found


def until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait for a condition, and fail when it is not met in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.03)
