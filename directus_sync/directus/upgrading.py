"""Refuses an unrequested upgrade of Directus's tables in a populated database, because a push cannot undo it."""

from __future__ import annotations

from directus_sync.directus import installation
from directus_sync.errors import DirectusTooOld, DirectusUpgrade
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.settings import Settings
from directus_sync.text.wording import count, shortened


def missing_migrations(connection: Connection, settings: Settings) -> tuple[str, ...]:
    """Return the names of Directus's own migrations that a populated database lacks, in the order in which they run."""
    if not installation.is_populated(connection):
        return ()
    shipped, applied = _shipped(settings), installation.applied_migrations(connection)
    return tuple(name for version, name in sorted(shipped.items()) if version not in applied)


def require_permitted(connection: Connection, settings: Settings, last: str | None) -> None:
    """Raise if this Directus would upgrade the tables without permission, or is older than the tables.

    An upgrade within the same minor version needs no permission. last: the version of Directus in the latest deploy,
    if known.

    Raises DirectusUpgrade and DirectusTooOld.
    """
    if settings.directus_url is not None or not installation.is_populated(connection):
        return
    version = installation.version(settings)
    unknown = installation.applied_migrations(connection) - _shipped(settings).keys()
    if last is not None and _numbers(last) > _numbers(version) and unknown:
        number = count(len(unknown), "migration")
        raise DirectusTooOld(
            f"this database was upgraded to Directus {last}; Directus {version} does not know {number} of that version",
            where=f"{database.label(connection)}\n" + "\n".join(shortened(sorted(unknown))),
            next=f"use Directus {last} again;\n"
            f"or go back with Directus {last}: directus database migrate:down, {len(unknown)} times, then deploy again",
        )
    missing = missing_migrations(connection, settings)
    same_minor = last is not None and _numbers(last)[:2] == _numbers(version)[:2]
    if missing and not same_minor and settings.upgrade_directus != version:
        number = count(len(missing), "migration")
        raise DirectusUpgrade(
            f"Directus {version} would run {number} on a database of {f'Directus {last}' if last else 'an older one'}",
            where=f"{database.label(connection)}\n" + "\n".join(shortened(missing)),
            next="make a backup, read what changed in Directus, then name the version:\n"
            f"directus-sync deploy --upgrade-directus {version}, or DIRECTUS_SYNC_UPGRADE_DIRECTUS={version}",
        )


def _shipped(settings: Settings) -> dict[str, str]:
    return installation.shipped_migrations(installation.home(settings))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split("."))
