"""Ctrl-C and requests to terminate: raised in the main thread, so that context managers stop what they started.

Clean-up that hangs is cut off. A child process whose context manager is skipped dies with this process (`children`).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

REQUESTS_TO_END: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# Docker kills a container 10 s after it asked it to stop.
CLEAN_UP_SECONDS: Final = 9
# A shell reports a command that a signal ended as this plus the signal's number.
EXIT_CODE: Final = 128

AGAIN_SECONDS: Final = 0.1

_received: int | None = None
_deadline = 0.0


class Interrupted(SystemExit):
    """The process was asked to end. Carries the exit code that a shell would report."""

    def __init__(self, number: int) -> None:
        self.exit_code = EXIT_CODE + number
        super().__init__(self.exit_code)


def handle() -> None:
    """Raise Interrupted for each of them from now on, except those that the caller had ignored, as nohup does."""
    for number in REQUESTS_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def leave_to_default() -> None:
    """Let them end the process at once from now on, as the program that it becomes expects.

    Raises Interrupted for one that came before and was dropped.
    """
    finish()
    for number in REQUESTS_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def finish() -> None:
    """End the wait for a clean-up, which is over. Raises Interrupted for a request that was dropped."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    if _received is not None and of(sys.exc_info()[1]) is None:
        raise Interrupted(_received)


def of(error: BaseException | None) -> Interrupted | None:
    """Return the interruption behind an error: clean-up on a closed connection raises errors of its own."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    global _received, _deadline
    _received, _deadline = number, time.monotonic() + CLEAN_UP_SECONDS
    # A second request must not break the clean-up that the first one began.
    for each in REQUESTS_TO_END:
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _again)
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
    raise Interrupted(number)


def _again(_number: int, _frame: FrameType | None) -> None:
    """Raise it again if it got lost: Python drops what a handler raises in a finalizer or in a hook at a fork."""
    number = _received or signal.SIGTERM
    if time.monotonic() > _deadline:
        os._exit(EXIT_CODE + number)
    if of(sys.exc_info()[1]) is None:
        raise Interrupted(number)
