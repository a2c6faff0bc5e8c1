"""Answers a deploy by one query if there is nothing to do, as at nearly every start of a container. Starts no Node.

Does not load the command line or an HTTP client: loading both takes longer than the query.
"""

from __future__ import annotations

import time

from directus_sync import output, settings
from directus_sync.directus import installation
from directus_sync.postgres import database
from directus_sync.state import fingerprint


def nothing_moved() -> bool:
    """Return whether nothing changed since the last deploy. If so, print the result of this one."""
    started = time.monotonic()
    loaded = settings.load()
    output.hide(loaded.secrets)
    known = fingerprint.is_conclusive(loaded) and not installation.lets_everybody_in(loaded)
    if loaded.mode is not settings.Mode.AUTO or not known:
        return False
    with database.connect(loaded, "deploy") as connection:
        if loaded.attic_retention is not None:
            from directus_sync import attic  # noqa: PLC0415 - takes 20 ms to load, and most databases keep their copies

            if attic.overdue(connection, loaded.attic_retention):
                return False
        unmoved = fingerprint.unmoved(connection, loaded)
    if unmoved is None:
        return False
    for text in unmoved.notes:
        output.note(f"note: {text}")
    output.result(output.nothing_to_do(time.monotonic() - started, notes=bool(unmoved.notes)))
    return True
