"""Requests to end, by signal: raised in the main thread wherever it is, until they are heard.

Raised, so that context managers stop what they started; a child process whose manager is missed dies with this one.
Until heard, since an exception can get lost: Python passes on none out of a finalizer, and extension modules clear
some while they are loaded, as psycopg2's does. Nor does a system call end of a signal that came a microsecond before
it, after Python's last look for some: one in 40 000 that hit a wait. So a timer has Python look again, ten times a
second.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

_FROM_OUTSIDE: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# The last is the timer's.
REQUESTS_TO_END: Final = (*_FROM_OUTSIDE, signal.SIGALRM)
# And the signal's number, as shells do.
EXIT_CODE: Final = 128
_LOOK_SECONDS: Final = 0.1
_TELLING_SECONDS: Final = 3.0

# The last of them.
_received: int | None = None


class Interrupted(SystemExit):
    """Ctrl-C, or a request to terminate. Exits as a shell tells of a command that a signal ended."""

    def __init__(self, number: int) -> None:
        self.exit_code = EXIT_CODE + number
        super().__init__(self.exit_code)


def handle() -> None:
    """Raise Interrupted for each of them from now on."""
    signal.signal(signal.SIGALRM, _repeat)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)
    for number in _FROM_OUTSIDE:
        # Whoever started us with one ignored, as nohup does, meant it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _say_unless_interrupted


def bound() -> None:
    """Raise none any more. What is left to tell gets some seconds from the last, in case nobody reads it."""
    signal.setitimer(signal.ITIMER_REAL, _TELLING_SECONDS if _received is not None else 0)
    signal.signal(signal.SIGALRM, _end)
    for number in _FROM_OUTSIDE:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _bound)


def leave_to_default() -> None:
    """Have them end this process at once from now on, or what it becomes. Raises Interrupted for one of before."""
    with held_back():
        if _received is not None:
            raise Interrupted(_received)
        signal.setitimer(signal.ITIMER_REAL, 0)
        # One of the timer's that is held back goes, and does not end the program.
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for number in _FROM_OUTSIDE:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)


@contextmanager
def held_back() -> Iterator[set[int | signal.Signals]]:
    """Hold them back while the block runs; yield what was held back before.

    A thread or process that it starts inherits that. Python handles signals in its main thread, whichever receives
    them; with one thread left that does, none could be held back for the fork of a process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # Once they are held back, it raises one that came before.
        signal.pthread_sigmask(signal.SIG_BLOCK, REQUESTS_TO_END)
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def of(error: BaseException | None) -> Interrupted | None:
    """Return the interruption that an error came of: the work in hand is undone on a connection that may be closed."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error


def _interrupt(number: int, frame: Any) -> NoReturn:  # noqa: ARG001 - what signal handlers are given
    global _received  # noqa: PLW0603 - one process, and signals are sent to all of it
    _received = number
    raise Interrupted(number)


def _repeat(number: int, frame: Any) -> None:  # noqa: ARG001
    # What is being handled came of it: it was heard, and what was started is being stopped.
    if _received is not None and of(sys.exc_info()[1]) is None:
        raise Interrupted(_received)


def _bound(number: int, frame: Any) -> None:  # noqa: ARG001
    global _received  # noqa: PLW0603
    _received = number
    signal.setitimer(signal.ITIMER_REAL, _TELLING_SECONDS)


def _end(number: int, frame: Any) -> NoReturn:  # noqa: ARG001
    os._exit(EXIT_CODE + (_received or 0))


def _say_unless_interrupted(unraisable: sys.UnraisableHookArgs) -> None:
    if of(unraisable.exc_value) is None:
        sys.__unraisablehook__(unraisable)
