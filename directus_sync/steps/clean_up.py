"""Cleans up after an error without replacing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from directus_sync.errors import SyncError
from directus_sync.output import Progress
from directus_sync.postgres import messages


@contextmanager
def attempted(progress: Progress, otherwise: str) -> Iterator[None]:
    """Run the block before an error is raised. If the block fails, print a note, so that the first error is raised.

    otherwise: what is left if the block fails.
    """
    try:
        yield
    except SyncError as error:
        progress.note(f"note: {otherwise}: {error.what}")
    except psycopg2.Error as error:
        progress.note(f"note: {otherwise}: {messages.reason(error)}")
