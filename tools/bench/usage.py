"""What processes use, from /proc: memory and CPU of a process and all below it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """Return the ids of a process and all below it."""
    found = [root]
    # The list grows while it is read.
    for pid in found:
        with suppress(OSError):  # a process may end at any moment, also within the search
            for path in PROC.glob(f"{pid}/task/*/children"):
                found += map(int, path.read_text().split())
    return found


def resident_bytes(root: int) -> int:
    """Return the resident memory of the tree; pages that two processes share count twice."""
    total = 0
    for pid in tree(root):
        with suppress(OSError):
            total += int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
    return total


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time of these trees so far, with that of their processes that have ended."""
    ticks = 0
    for pid in (pid for root in roots for pid in tree(root)):
        with suppress(OSError):
            # The name in parentheses may hold anything, so fields are counted from the last parenthesis.
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            # utime, stime, and the same of children that were waited for.
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS
