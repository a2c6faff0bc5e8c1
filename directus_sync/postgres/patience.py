"""How long the tool tries to lock a table that others use: for `lock_timeout` at a time, for a minute in all.

Other sessions queue behind a waiting change, so a pause after each attempt lets them continue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Final

from directus_sync.postgres import holders

SECONDS: Final = 60.0
ATTEMPTS: Final = 10


def attempts(on: Callable[[Exception], bool] = holders.timed_out) -> Iterable[AbstractContextManager[object]]:
    """Yield attempts until one succeeds. on: returns whether to try again after an error. The last error is raised."""
    from directus_sync.process.retries import retry_context  # noqa: PLC0415 - slow to load, and most commands retry nothing

    return retry_context(on=on, attempts=ATTEMPTS, timeout=SECONDS, wait_initial=0.5)
