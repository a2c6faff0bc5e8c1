"""Runs and measures one process. Owns the clock, the memory readings and the time limit; raises if a process fails."""

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
# Far more than any command takes. A command that hangs is killed then, and the run goes on.
LIMIT_SECONDS = 600.0
LOG_LINES = 40


@dataclass(frozen=True)
class Command:
    """One process to start.

    servers: process ids of running servers that work for the command; their CPU time counts.
    check: for a peer's push, the command that checks whether everything arrived. A push of this tool includes that.
    """

    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    servers: tuple[int, ...] = ()
    check: Command | None = None


@dataclass(frozen=True)
class Measured:
    """The cost of a command and its check. alone: seconds without the check. mebibytes: peak of the process tree."""

    seconds: float
    cpu: float
    mebibytes: float
    alone: float


def run(command: Command, log: Path) -> Measured:
    """Run a command and its check, and return the cost of both; all output goes to the log.

    Raises BenchError with the end of the output if one of them fails.
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
    """Wait until a child ends. Return its CPU seconds, with those of the processes that it waited for."""
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
    """Read the memory of the process tree in a thread, and yield the list of readings in bytes."""
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
    """Kill the process group after the time limit."""
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
    """Return the ids of a process and of all its descendants."""
    found = [root]
    # The loop extends the list that it iterates over.
    for pid in found:
        with suppress(OSError):  # a process may end during the search
            for path in PROC.glob(f"{pid}/task/*/children"):
                found += map(int, path.read_text().split())
    return found


def _resident_bytes(root: int) -> int:
    """Return the resident memory of the process tree; pages that two processes share count twice."""
    total = 0
    for pid in _tree(root):
        with suppress(OSError):
            total += int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
    return total


def _cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time of these process trees so far, including their processes that have ended."""
    ticks = 0
    for pid in (pid for root in roots for pid in _tree(root)):
        with suppress(OSError):
            # The name in parentheses can contain any character, so fields are counted from the last parenthesis.
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            # utime, stime, and the same of children that were waited for.
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS
