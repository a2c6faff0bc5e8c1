"""Finds live processes, and waits for conditions."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def marked(mark: str) -> dict[int, str]:
    """Return the live processes with `mark` in their environment, with their command lines.

    Their session and parent do not matter.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended, or is a zombie
    return found


def until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait for a condition; fail if it is not met in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.03)
