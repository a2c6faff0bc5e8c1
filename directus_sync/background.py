"""Work in a thread of its own, while this one waits for something else or must stay open to signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")

_REQUESTS_TO_END: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGALRM}


@contextmanager
def without_signals() -> Iterator[set[int | signal.Signals]]:
    """Hold back requests to end while the block runs; yield what was held back before.

    A thread or process that it starts inherits that. Python handles signals in its main thread, whichever receives
    them; with one thread left that does, none could be held back for the fork of a process.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _REQUESTS_TO_END)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(call: Callable[[], T]) -> Callable[[], T]:
    """Start to call in a thread; return a function that waits for the result, and raises what the call raised.

    The process may end before the thread does, which then ends with it.
    """
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(call())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    with without_signals():
        thread.start()

    def result() -> T:
        thread.join()
        if failed:
            raise failed[0]
        return made[0]

    return result
