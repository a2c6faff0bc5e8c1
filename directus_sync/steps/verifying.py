"""How a deploy ends: roles get the rights of roles.yaml, and what revisions made and the database lost comes back."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence

from directus_sync import roles
from directus_sync.catalog import Catalog, Object, upkeep
from directus_sync.catalog.upkeep import Verified
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.roles import granting
from directus_sync.settings import Settings
from directus_sync.state import fingerprint, history
from directus_sync.state.fingerprint import Fingerprint
from directus_sync.wording import count


def correct_rights(settings: Settings, connection: Connection, progress: Progress) -> tuple[str, ...]:
    """Make roles and rights equal the file; return the statements that did it."""
    corrected = granting.apply(connection, roles.read(settings.roles))
    if corrected:
        progress.note(f"Corrected: {count(len(corrected), 'right')} of the roles in roles.yaml")
        progress.done.append("rights corrected")
    return corrected


def verify(
    settings: Settings,
    connection: Connection,
    progress: Progress,
    before: Catalog | None,
    gone: Container[Object],
    drift: Sequence[str],
) -> tuple[Verified, Fingerprint | None]:
    """Put back what was lost; return that, and the fingerprint of the database that was verified.

    before, gone: as `upkeep.put_back` has them. drift: what a boot leaves alone in Directus.
    """
    # Read before each look, so that a change made meanwhile is not taken for verified.
    settled = fingerprint.read(connection)
    if drift:
        # Nothing is put back: an object may belong to what somebody removed in Directus.
        text = f"Directus has work that nobody captured: {', '.join(drift)}; directus-sync pull captures it"
        progress.note(f"note: {text}")
        return Verified(notes=(text,)), settled
    expected = upkeep.read_expected(settings.catalog)
    if expected is None:
        note = f"there is no {settings.catalog.name} to compare the database with"
        return Verified(notes=(note,)), settled

    def restored(item: Object) -> None:
        progress.note(f"Put back: {item}, which was lost although its revision is applied")
        progress.done.append(f"{item} put back")

    def put_back() -> Verified:
        return upkeep.put_back(connection, expected, before, gone, known, restored)

    deploy = history.latest_deploy(connection)
    known = deploy.removed if deploy is not None else ()
    verified = put_back()
    if verified.restored:
        settled = fingerprint.read(connection)
        again = put_back()
        verified = dataclasses.replace(again, restored=(*verified.restored, *again.restored))
    for text in verified.notes:
        progress.note(f"note: {text}")
    return verified, settled
