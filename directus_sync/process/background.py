"""Work in a thread of its own, while this one waits for something else or must stay open to signals."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from directus_sync.process import signals

# In seconds. As long as Python's 5 ms whoever waits for the network here would wait again, after each answer, for one
# that parses.
_SWITCH_INTERVAL: Final = 0.0005

T = TypeVar("T")


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

    sys.setswitchinterval(_SWITCH_INTERVAL)
    thread = threading.Thread(target=run, daemon=True)
    with signals.held_back():
        thread.start()

    def result() -> T:
        thread.join()
        if failed:
            raise failed[0]
        return made[0]

    return result
