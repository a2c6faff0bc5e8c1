"""One timed process. Owns the clock and the watch on memory; refuses a process that failed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO

from tools.bench.errors import BenchError
from tools.bench.scenario import Command, Measured

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")
MEBIBYTE = 1024 * 1024
WATCH_SECONDS = 0.02
LOG_LINES = 40


def run(command: Command, log: Path, *, watch: bool = False) -> Measured:
    """Run a command to its end, and return what it took; everything it prints goes to the log.

    watch: also look at the memory of its process tree, every 20 ms. That costs time, so it is off in timed rounds.

    Raises BenchError with the end of the output when it fails.
    """
    with log.open("w+b") as output:
        begun = time.perf_counter()
        process = _start(command, output)
        watcher = _Watcher(process.pid) if watch else None
        try:
            process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
        seconds = time.perf_counter() - begun
        # Not ru_maxrss: it counts what this process had when it started that one.
        peak = watcher.stop() / MEBIBYTE if watcher else None
        if process.returncode != 0:
            raise BenchError(f"{' '.join(command.arguments)} ended with {process.returncode}", tail(output))
    return Measured(seconds, peak)


def _start(command: Command, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command.arguments, env=command.environ, cwd=command.folder,
        stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
    )  # fmt: skip


def tail(output: IO[bytes]) -> str:
    """Return the last lines of an open file."""
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-LOG_LINES:])


def tree_bytes(root: int) -> int:
    """Return the resident memory of a process and all below it; pages that they share count more than once."""
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
        except OSError:
            continue
        # The name in parentheses may hold anything, so fields are counted from the last parenthesis.
        fields = text.rpartition(")")[2].split()
        pid = int(entry.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        resident[pid] = int(fields[21]) * PAGE
    total, found = 0, [root]
    while found:
        pid = found.pop()
        total += resident.get(pid, 0)
        found += children.get(pid, [])
    return total


class _Watcher:
    """Looks at a process tree from a thread until it is stopped."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._peak = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Return the peak in bytes."""
        self._stopped.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_SECONDS):
            self._peak = max(self._peak, tree_bytes(self._root))
