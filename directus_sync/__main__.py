"""The way in: signals, exit codes, and the answer to a boot with nothing to do before the command line is loaded."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import suppress
from typing import Final, NoReturn

from directus_sync import output, settings
from directus_sync.errors import SyncError
from directus_sync.process import handover, signals

# Containers that are not freed yet. What is read has no cycles, and with Python's 700 the search for some takes a tenth
# of a short command, and half of the time to parse a snapshot.
GARBAGE_THRESHOLD: Final = 100_000


def main() -> NoReturn:
    """Run the command line; the only place that turns errors into exit codes."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    signals.handle()
    try:
        try:
            _run()
        finally:
            # What is left is to tell of it, and an interruption would make another exit code of it.
            signals.bound()
        code = 0
    except BaseException as error:
        # Again, in case one came just before that.
        signals.bound()
        code = _told(error)
    # After an interruption whoever should read it may have gone, or read no more.
    if code < signals.EXIT_CODE and sys.stdout is not None:
        sys.stdout.flush()
    # To free all that was loaded takes Python as long as to answer `--version`.
    os._exit(code)


def _run() -> None:
    # Every container does this at every start, and the command line alone takes longer than the answer.
    command = sys.argv[3:] if sys.argv[1:3] == ["deploy", "--"] else []
    if (command or sys.argv[1:] == ["deploy"]) and _nothing_moved():
        if command:
            handover.become(command)
    else:
        from directus_sync.cli import NAME, app  # noqa: PLC0415 - see above

        app(prog_name=NAME)


def _told(error: BaseException) -> int:
    """Say what ended the command, and return its exit code. Raises what nobody foresaw."""
    interruption = signals.of(error)
    if interruption is None:
        if isinstance(error, SyncError):
            output.error(error)
            return error.exit_code
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            return error.code
        raise error
    # Ctrl-C ends whoever should read this, too: a `tee`, or the terminal.
    with suppress(OSError):
        if isinstance(error, SyncError):
            output.error(error)
        output.note("interrupted; what was finished stays, and running again is safe")
    return interruption.exit_code


def _nothing_moved() -> bool:
    """Say so, and return True, when nothing moved since the last deploy."""
    started = time.monotonic()
    loaded = settings.load()
    output.hide(loaded.secrets)
    from directus_sync.postgres import database  # noqa: PLC0415 - a wrong setting needs no driver
    from directus_sync.state import fingerprint  # noqa: PLC0415 - a wrong setting needs no driver

    if loaded.mode is not settings.Mode.AUTO or not fingerprint.can_tell(loaded):
        return False
    with database.connect(loaded, "deploy", waiting=output.Progress().waiting_for_database) as connection:
        unmoved = fingerprint.unmoved(connection, loaded)
    if unmoved is None:
        return False
    for text in unmoved.notes:
        output.note(f"note: {text}")
    output.result(output.nothing_to_do(time.monotonic() - started, notes=bool(unmoved.notes)))
    return True


if __name__ == "__main__":
    main()
