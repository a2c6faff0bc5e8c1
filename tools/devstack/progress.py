"""Progress on stderr, one line per step. Owns the wording of durations; does not write to stdout."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def say(line: str) -> None:
    """Write one line."""
    _write(f"{line}\n")


@contextmanager
def step(what: str, log: Path | None = None) -> Iterator[None]:
    """Print `what ... ` when a step begins, and `done in 3.1 s` when it ends. On a terminal, count the seconds.

    log: the step's log file, which the line names.
    """
    line = f"{what}{f' (log: {log})' if log else ''} ... "
    _write(line)
    begun, over = time.monotonic(), threading.Event()
    if sys.stderr.isatty():
        threading.Thread(target=_count, args=(line, begun, over), daemon=True).start()
    try:
        yield
    except BaseException as error:
        over.set()
        say("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    over.set()
    say(f"done in {time.monotonic() - begun:.1f} s")


def _count(line: str, begun: float, over: threading.Event) -> None:
    """Write the elapsed seconds after the line once a second, over the previous ones, until the step is over."""
    while not over.wait(1):
        seconds = f"{time.monotonic() - begun:.0f} s "
        _write(f"{seconds}\r{line}")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
