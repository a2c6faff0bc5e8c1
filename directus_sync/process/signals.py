"""Turns Ctrl-C and requests to terminate into an exception in the main thread, so that context managers clean up.

A clean-up that hangs is cut off. Child processes that it did not stop die with this process (`children`).
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
# If a signal ended a command, a shell reports this plus the number of the signal.
EXIT_CODE: Final = 128

AGAIN_SECONDS: Final = 0.1

_received: int | None = None
_deadline = 0.0


class Interrupted(SystemExit):
    """The process was asked to end. exit_code: as a shell would report it."""

    def __init__(self, number: int) -> None:
        self.exit_code = EXIT_CODE + number
        super().__init__(self.exit_code)


def handle() -> None:
    """Raise Interrupted on requests to end from now on, except on signals that the caller ignores, as nohup does."""
    for number in REQUESTS_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def leave_to_default() -> None:
    """Restore the default action of requests to end, as the program that replaces this process expects.

    Raises Interrupted for a request that arrived before and was dropped.
    """
    end_clean_up()
    for number in REQUESTS_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def end_clean_up() -> None:
    """Stop the timer of the clean-up, which is over. Raises Interrupted for a request that was dropped."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    if _received is not None and interruption_behind(sys.exc_info()[1]) is None:
        raise Interrupted(_received)


def interruption_behind(error: BaseException | None) -> Interrupted | None:
    """Return the Interrupted behind an error, if any. Clean-up on a closed connection raises further errors."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    global _received, _deadline
    _received, _deadline = number, time.monotonic() + CLEAN_UP_SECONDS
    # A second request must not interrupt the clean-up after the first one.
    for each in REQUESTS_TO_END:
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _again)
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
    raise Interrupted(number)


def _again(_number: int, _frame: FrameType | None) -> None:
    """Raise Interrupted again if it was lost, and exit when the clean-up takes too long.

    Python drops an exception that a handler raises in a finalizer or in a hook at a fork.
    """
    number = _received or signal.SIGTERM
    if time.monotonic() > _deadline:
        os._exit(EXIT_CODE + number)
    if interruption_behind(sys.exc_info()[1]) is None:
        raise Interrupted(number)
