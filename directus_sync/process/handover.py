"""Becoming another program when a deploy is done, as the entrypoint of a container does; no signal is lost in between.

A shell can't do it: between its last look for signals and the `exec` that follows, it takes one and forgets it. As
process 1 nobody can, for the kernel gives that one only signals that it handles; tini or another init stands there.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Final, NoReturn

from directus_sync.errors import WrongSettings
from directus_sync.process import signals

# Python ignores them, and what it starts would, too.
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)


def require(command: Sequence[str]) -> None:
    """Raise WrongSettings if there is no such program: before a deploy, not after it."""
    import shutil  # noqa: PLC0415 - slow to load, and not needed where nothing moved

    if shutil.which(command[0]) is None:
        raise WrongSettings(
            f"{command[0]} can't be run: no such program, or not allowed", next="correct what stands after --"
        )


def become(command: Sequence[str]) -> NoReturn:
    """Run the command in the place of this process, with the default action for all signals but those ignored before.

    A signal that comes from here on ends this process, whatever it is by then. Raises Interrupted if one came before,
    and WrongSettings if the program can't be run after all.
    """
    signals.leave_to_default()
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - whoever runs us says what
    except OSError as error:
        raise WrongSettings(
            f"{command[0]} can't be run: {error.strerror}", next="correct what stands after --"
        ) from error
