"""One measured process. Owns the clock, the watch on memory and the time limit; refuses a process that failed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tools.bench.errors import BenchError

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024
WATCH_SECONDS = 0.02
# Far more than any command takes: one that hangs must not hold up the run.
LIMIT_SECONDS = 600.0
LOG_LINES = 40


@dataclass(frozen=True)
class Command:
    """One process to start.

    servers: ids of running servers that work for it; their CPU time counts.
    check: of a peer's push, the process that tells whether all arrived. A push of this tool does that by itself.
    """

    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    servers: tuple[int, ...] = ()
    check: Command | None = None


@dataclass(frozen=True)
class Measured:
    """What a command took with its check. alone: the seconds without the check. mebibytes: peak of its process tree."""

    seconds: float
    cpu: float
    mebibytes: float
    alone: float


def run(command: Command, log: Path) -> Measured:
    """Run a command and its check, and return what both took; all output goes to the log.

    Raises BenchError with the end of the output when one of them fails.
    """
    first = _run(command, log)
    if command.check is None:
        return first
    check = _run(command.check, log)
    return Measured(
        seconds=first.seconds + check.seconds,
        cpu=first.cpu + check.cpu,
        mebibytes=max(first.mebibytes, check.mebibytes),
        alone=first.seconds,
    )


def _run(command: Command, log: Path) -> Measured:
    with log.open("w+b") as output:
        before = _cpu_seconds(command.servers)
        begun = time.perf_counter()
        child = subprocess.Popen(
            command.arguments, env=command.environ, cwd=command.folder,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        with _watched(child.pid) as peak, _limited(child.pid):
            used = _wait(child)
            seconds = time.perf_counter() - begun
        cpu = used + _cpu_seconds(command.servers) - before
        if child.returncode != 0:
            late = f" after {seconds:.0f} s" if seconds > LIMIT_SECONDS else ""
            raise BenchError(f"{' '.join(command.arguments)} ended with {child.returncode}{late}", _tail(output))
    return Measured(seconds, cpu, max(peak) / MEBIBYTE, alone=seconds)


def _wait(child: subprocess.Popen[bytes]) -> float:
    """Wait for the end of a child, and return the CPU seconds of it and of all that it waited for."""
    try:
        _, status, used = os.wait4(child.pid, 0)
    except BaseException:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait()
        raise
    child.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


@contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """Look at the memory of the tree from a thread; the list has what it saw."""
    seen = [0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(WATCH_SECONDS):
            seen.append(_resident_bytes(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


@contextmanager
def _limited(pid: int) -> Iterator[None]:
    """Kill the process group when the time is up."""
    timer = threading.Timer(LIMIT_SECONDS, os.killpg, (pid, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-LOG_LINES:])


def _tree(root: int) -> list[int]:
    """Return the ids of a process and all below it."""
    found = [root]
    # The list grows while it is read.
    for pid in found:
        with suppress(OSError):  # a process may end at any moment, also within the search
            for path in PROC.glob(f"{pid}/task/*/children"):
                found += map(int, path.read_text().split())
    return found


def _resident_bytes(root: int) -> int:
    """Return the resident memory of the tree; pages that two processes share count twice."""
    total = 0
    for pid in _tree(root):
        with suppress(OSError):
            total += int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
    return total


def _cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time of these trees so far, with that of their processes that have ended."""
    ticks = 0
    for pid in (pid for root in roots for pid in _tree(root)):
        with suppress(OSError):
            # The name in parentheses may hold anything, so fields are counted from the last parenthesis.
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            # utime, stime, and the same of children that were waited for.
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS
