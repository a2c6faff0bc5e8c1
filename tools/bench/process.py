"""One measured process. Owns the clock, the watch on memory and the time limit; refuses a process that failed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tools.bench import usage
from tools.bench.errors import BenchError

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
        before = usage.cpu_seconds(command.servers)
        begun = time.perf_counter()
        child = subprocess.Popen(
            command.arguments, env=command.environ, cwd=command.folder,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        with _watched(child.pid) as peak, _limited(child.pid):
            used = _wait(child)
            seconds = time.perf_counter() - begun
        cpu = used + usage.cpu_seconds(command.servers) - before
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
            seen.append(usage.resident_bytes(pid))

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
