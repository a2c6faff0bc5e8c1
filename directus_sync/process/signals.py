"""Ctrl-C and requests to terminate: raised once in the main thread, so that context managers stop what they started.

Clean-up that hangs is cut off by an alarm. A child process whose context manager is skipped dies with this process
(`children`).
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Final, NoReturn

REQUESTS_TO_END: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# Docker kills a container 10 s after it asked it to stop.
CLEAN_UP_SECONDS: Final = 9
# A shell reports a command that a signal ended as this plus the signal's number.
EXIT_CODE: Final = 128

_received: int | None = None


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


def require_none() -> None:
    """Raise Interrupted for one that got lost: Python drops what a handler raises in a finalizer."""
    if _received is not None:
        raise Interrupted(_received)


def leave_to_default() -> None:
    """Let them end the process at once from now on, as the program that it becomes expects.

    Raises Interrupted for one of before.
    """
    require_none()
    for number in REQUESTS_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def of(error: BaseException | None) -> Interrupted | None:
    """Return the interruption behind an error: clean-up on a closed connection raises errors of its own."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    global _received  # noqa: PLW0603 - signals are sent to the whole process
    _received = number
    # A second request must not break the clean-up that the first one began.
    for each in REQUESTS_TO_END:
        signal.signal(each, signal.SIG_IGN)
    signal.alarm(CLEAN_UP_SECONDS)
    raise Interrupted(number)
