"""Child processes that end when this process ends, even if it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def ending_with(parent: int) -> Callable[[], None]:
    """Return a `preexec_fn` that makes the kernel kill the child when `parent` ends. parent: a process id."""
    import ctypes  # noqa: PLC0415 - most commands start no child

    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent ended before the call above

    return prepare
