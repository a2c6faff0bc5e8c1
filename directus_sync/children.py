"""Child processes that end with this one, however it ends; and one that works beside it and hands over what it made."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from os import _exit
from typing import Final, NoReturn, TypeVar

from directus_sync import interruptions

_PR_SET_PDEATHSIG: Final = 1

T = TypeVar("T")


def ending_with(parent: int, mask: set[int | signal.Signals] | None = None) -> Callable[[], None]:
    """Return what a child does first: have itself killed when `parent` ends. mask: the signals that it holds back."""
    import ctypes  # noqa: PLC0415 - most commands start no child

    libc = ctypes.CDLL(None)

    def prepare() -> None:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            _exit(1)

    return prepare


def fork(call: Callable[[], T]) -> Callable[[], T]:
    """Start to call in a child process; return a function, for one use, that waits for the result.

    Where none comes, since the call raised, or no child could be had, or it was killed, the function calls here.
    To be called before there are threads: for a lock that one of them holds, the child would wait for ever.
    """
    parent = os.getpid()
    reader, writer = os.pipe()
    # In the child for good: it ends with this process, and no handler of ours is for it.
    with interruptions.held_back():
        try:
            child = os.fork()
        except OSError:
            os.close(reader)
            os.close(writer)
            return call
        if child == 0:
            _hand_over(parent, call, writer)
    os.close(writer)

    def result() -> T:
        import pickle  # noqa: PLC0415 - while the child works

        with os.fdopen(reader, "rb") as answer:
            content = answer.read()
        # Nobody waits for children where they are ignored (SIGCHLD), which a process inherits.
        with suppress(ChildProcessError):
            os.waitpid(child, 0)
        try:
            made: T = pickle.loads(content)  # noqa: S301 - of our own child
        except (EOFError, pickle.UnpicklingError):
            return call()
        return made

    return result


def _hand_over(parent: int, call: Callable[[], object], writer: int) -> NoReturn:
    try:
        ending_with(parent)()
        import pickle  # noqa: PLC0415

        content = pickle.dumps(call(), pickle.HIGHEST_PROTOCOL)
        with os.fdopen(writer, "wb") as answer:
            answer.write(content)
    finally:
        _exit(0)
