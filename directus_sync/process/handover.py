"""Replaces this process with another program after a deploy, as the entrypoint of a container does."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from directus_sync.errors import WrongSettings
from directus_sync.process import signals

# Python ignores these signals, and the other program would inherit that.
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process with the command, with the default action for signals. Raises WrongSettings on failure."""
    signals.leave_to_default()
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], list(command), environment)  # noqa: S606 - the caller names the program
    except OSError as error:
        raise WrongSettings(
            f"{command[0]} cannot be run: {error.strerror}", next="correct the command after --"
        ) from error
