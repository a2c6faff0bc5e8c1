"""The entry point: signals and exit codes. Answers a boot with nothing to do without loading the command line."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from typing import Final, NoReturn

from directus_sync import output, settings
from directus_sync.errors import SyncError
from directus_sync.process import signals

# With Python's default of 700, the search for cycles takes half of the time to parse a snapshot, which has no cycles.
GARBAGE_THRESHOLD: Final = 100_000


def main() -> NoReturn:
    """Run the command line. Only this function turns errors into exit codes."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    signals.handle()
    try:
        _run()
        signals.end_clean_up()
    except BaseException as error:
        code = _reported(error)
        signals.end_clean_up()
    else:
        code = 0
    sys.exit(code)


def _run() -> None:
    command = sys.argv[3:] if sys.argv[1:3] == ["deploy", "--"] else []
    if command or sys.argv[1:] == ["deploy"]:
        from directus_sync.process import handover  # noqa: PLC0415 - only a deploy needs it
        from directus_sync.steps import fast_path  # noqa: PLC0415 - only a plain deploy needs it

        if fast_path.nothing_moved():
            if command:
                handover.become(command, settings.serving_environment())
            return
    from directus_sync.cli import NAME, app  # noqa: PLC0415 - loading it takes longer than a boot with nothing to do

    app(prog_name=NAME)


def _reported(error: BaseException) -> int:
    """Print the error that ended the command, and return the exit code."""
    interruption = signals.interruption_behind(error)
    if interruption is None:
        if isinstance(error, SyncError):
            output.error(error)
            return error.exit_code
        if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
            return error.code or 0
        if isinstance(error, SystemExit):
            raise error
        output.unforeseen(error)
        return 1
    # The reader of stderr may be gone: Ctrl-C also ends a `tee`, and a closed terminal reads nothing.
    with suppress(OSError):
        if isinstance(error, SyncError):
            output.error(error)
        output.note("interrupted; what was finished stays, and running again is safe")
    return interruption.exit_code


if __name__ == "__main__":
    main()
