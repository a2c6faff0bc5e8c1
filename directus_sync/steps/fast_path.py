"""The answer to a deploy with nothing to do, which every container asks for at every start: one query, no Node.

Loads neither the command line nor an HTTP client, which together take longer than the answer.
"""

from __future__ import annotations

import time

from directus_sync import output, settings
from directus_sync.directus import installation
from directus_sync.postgres import database
from directus_sync.state import fingerprint


def nothing_moved() -> bool:
    """Print the result of a deploy and return True, if nothing moved since the last one."""
    started = time.monotonic()
    loaded = settings.load()
    output.hide(loaded.secrets)
    known = fingerprint.can_tell(loaded) and not installation.lets_everybody_in(loaded)
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
