"""Progress on stderr, one line a step. Owns the wording of durations; refuses to write to stdout."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str) -> None:
    """Write one line."""
    _write(f"{line}\n")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print `what ... done in 3.1 s`; the first half at once, so that a long step shows up."""
    _write(f"{what} ... ")
    begun = time.monotonic()
    try:
        yield
    except BaseException as error:
        say("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    say(f"done in {time.monotonic() - begun:.1f} s")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
