"""The way in: signals, exit codes, and the answer to a boot with nothing to do before the command line is loaded."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from typing import Any, Final, NoReturn

from directus_sync import render, settings
from directus_sync.errors import SyncError

# Containers that are not freed yet. What is read has no cycles, and with Python's 700 the search for some takes a tenth
# of a short command, and half of the time to parse a snapshot.
GARBAGE_THRESHOLD: Final = 100_000


class _Interrupted(SystemExit):
    """Ctrl-C, or a request to terminate. Exits as a shell tells of a command that a signal ended."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def main() -> NoReturn:
    """Run the command line; the only place that turns errors into exit codes."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Whoever started us with Ctrl-C ignored, as nohup does, meant it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _interrupt_again
    try:
        code = _run()
    finally:
        # All is done, and an interruption would make another exit code of it.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started us
            stream.flush()
    # To free all that was loaded takes Python as long as to answer `--version`.
    os._exit(code)


def _run() -> int:
    """Run the command line, and return its exit code."""
    try:
        # Every container does this at every start, and the command line alone takes longer than the answer.
        if sys.argv[1:] != ["deploy"] or not _nothing_moved():
            from directus_sync.cli import NAME, app  # noqa: PLC0415 - see above

            app(prog_name=NAME)
    except BaseException as error:
        interruption = _interruption(error)
        if isinstance(error, SyncError):
            render.error(error)
            if interruption is None:
                return error.exit_code
        elif interruption is None:
            if isinstance(error, SystemExit) and isinstance(error.code, int):
                return error.code
            raise
        render.note("interrupted; what was finished stays, and running again is safe")
        return 128 + interruption.number
    return 0


def _nothing_moved() -> bool:
    """Say so, and return True, when nothing moved since the last deploy."""
    started = time.monotonic()
    loaded = settings.load()
    render.hide(loaded.secrets)
    from directus_sync import database, fingerprint  # noqa: PLC0415 - a wrong setting needs no driver

    if not fingerprint.can_tell(loaded):
        return False
    with database.connect(loaded, "deploy", waiting=render.Progress().waiting_for_database) as connection:
        unmoved = fingerprint.unmoved(connection, loaded)
    if unmoved is None:
        return False
    for text in unmoved.notes:
        render.note(f"note: {text}")
    render.result(render.nothing_to_do(time.monotonic() - started, notes=bool(unmoved.notes)))
    return True


def _interruption(error: BaseException | None) -> _Interrupted | None:
    """Return the interruption that an error came of: the work in hand is undone on a connection that may be closed."""
    while error is not None and not isinstance(error, _Interrupted):
        error = error.__context__
    return error


def _interrupt(number: int, frame: Any) -> NoReturn:  # noqa: ARG001 - what signal handlers are given
    # Raised in the main thread, so that every context manager stops what it started.
    raise _Interrupted(number)


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Repeat an interruption that was raised where Python passes on no exception: in a finalizer, or a weakref's."""
    lost = _interruption(unraisable.exc_value)
    if lost is None:
        sys.__unraisablehook__(unraisable)
        return
    signal.signal(signal.SIGALRM, lambda *_: _interrupt(lost.number, None))
    # Not at once, or it would be lost in the same place.
    signal.setitimer(signal.ITIMER_REAL, 0.01)


if __name__ == "__main__":
    main()
