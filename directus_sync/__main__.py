"""The way in: signals, exit codes, and the answer to a boot with nothing to do before the command line is loaded."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from typing import Final, NoReturn

from directus_sync import output, settings
from directus_sync.errors import SyncError
from directus_sync.process import signals

# With Python's default of 700 the search for cycles takes half of the time to parse a snapshot, which has none.
GARBAGE_THRESHOLD: Final = 100_000


def main() -> NoReturn:
    """Run the command line; the only place that turns errors into exit codes."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    signals.handle()
    try:
        _run()
        signals.finish()
    except BaseException as error:
        code = _reported(error)
        signals.finish()
    else:
        code = 0
    sys.exit(code)


def _run() -> None:
    command = sys.argv[3:] if sys.argv[1:3] == ["deploy", "--"] else []
    if command or sys.argv[1:] == ["deploy"]:
        from directus_sync.process import handover  # noqa: PLC0415 - only a deploy becomes a server
        from directus_sync.steps import fast_path  # noqa: PLC0415 - only a plain deploy can be answered by it

        if fast_path.nothing_moved():
            if command:
                handover.become(command, settings.serving_environment())
            return
    from directus_sync.cli import NAME, app  # noqa: PLC0415 - takes longer to load than a boot with nothing to do

    app(prog_name=NAME)


def _reported(error: BaseException) -> int:
    """Print what ended the command, and return its exit code."""
    interruption = signals.of(error)
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
    # Ctrl-C also ends whoever reads this: a `tee`, or the terminal.
    with suppress(OSError):
        if isinstance(error, SyncError):
            output.error(error)
        output.note("interrupted; what was finished stays, and running again is safe")
    return interruption.exit_code


if __name__ == "__main__":
    main()
