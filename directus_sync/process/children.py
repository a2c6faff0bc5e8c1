"""Child processes that end with this one, however it ends; and one that works beside it and hands over what it made."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn, TypeVar

from directus_sync.process import signals

_PR_SET_PDEATHSIG: Final = 1

# Kept here: with another function in its place, as tests put there, a child would go on with its parent's work.
_exit: Final = os._exit

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

    Where none comes, since the call raised, or no child could be had, or it was killed, that function calls here.
    To be called while no other thread runs: for a lock that one holds, the child would wait for ever.
    """
    parent = os.getpid()
    pipe: tuple[int, ...] = ()
    try:
        pipe = reader, writer = os.pipe()
        # The child holds them back to its end, which is that of this process at the latest.
        with signals.held_back():
            if (child := os.fork()) == 0:
                _hand_over(parent, call, writer)
    except OSError:
        for end in pipe:
            os.close(end)
        return call
    os.close(writer)

    def result() -> T:
        import pickle  # noqa: PLC0415 - while the child works

        with os.fdopen(reader, "rb") as answer:
            content = answer.read()
        try:
            made: T = pickle.loads(content)  # noqa: S301 - of our own child
        except (EOFError, pickle.UnpicklingError):
            return call()
        finally:
            # It is nobody's where this process was started with SIGCHLD ignored.
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
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
