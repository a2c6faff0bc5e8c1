"""The files of the pinned Directus, and its tables in a database. Starts no process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from directus_sync.errors import DirectusDenied, WrongSettings
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.settings import Settings

# A table that exists from before Directus creates its first table until the bootstrap has succeeded.
_MARK: Final = "directus_sync.bootstrapping"

# A user is an administrator by its own policy, or by one of its role or of that role's parents. Policies for certain IP
# addresses do not count, because a client on a Unix socket has no address. Suspended users count: wrong passwords
# suspend a user, but a deploy does not log in.
_ADMINISTRATOR: Final = """
WITH RECURSIVE above (role, id) AS (
  SELECT id, id FROM public.directus_roles
  UNION SELECT above.role, r.parent FROM above JOIN public.directus_roles r USING (id) WHERE r.parent IS NOT NULL)
SELECT u.id::text, u.role::text FROM public.directus_users u
WHERE u.status IN ('active', 'suspended') AND EXISTS (
  SELECT FROM public.directus_access a JOIN public.directus_policies p ON p.id = a.policy
  WHERE p.admin_access AND coalesce(p.ip_access, '') = ''
    AND (a."user" = u.id OR a.role IN (SELECT id FROM above WHERE above.role = u.role)))
ORDER BY u.status, coalesce(u.token = %(token)s, false) DESC, coalesce(u.email = %(email)s, false) DESC, u.id LIMIT 1"""

# One statement drops all of the tables or none. It fails if another table refers to one of them.
_DROP: Final = r"""
DO $$
DECLARE
  names text;
BEGIN
  SELECT string_agg(format('public.%I', relname), ', ') INTO names FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE 'directus\_%';
  IF names IS NOT NULL THEN
    EXECUTE 'DROP TABLE ' || names;
  END IF;
END
$$
"""


@dataclass(frozen=True)
class Administrator:
    """The id of an administrator and the id of its role."""

    id: str
    role: str | None


def home(settings: Settings) -> Path:
    """Return the folder of Directus's cli.js. Raises WrongSettings if it is not set or has no cli.js."""
    if settings.directus_home is None:
        raise WrongSettings(
            "neither DIRECTUS_URL nor DIRECTUS_HOME is set, so there is no Directus to work with",
            next="set DIRECTUS_URL to a running one,\n"
            "or DIRECTUS_HOME to the folder of Directus's cli.js, to start a private one",
        )
    if not (settings.directus_home / "cli.js").is_file():
        raise WrongSettings(
            "DIRECTUS_HOME holds no Directus: it has no cli.js",
            where=str(settings.directus_home),
            next="set DIRECTUS_HOME to the folder of Directus's cli.js (/directus in its image)",
        )
    return settings.directus_home


def lets_everybody_in(settings: Settings) -> bool:
    """Return whether Directus serves WebSockets without a log-in. Some versions have a published hole there."""
    return settings.environ.get("WEBSOCKETS_REST_AUTH", "").lower() == "public"


def version(settings: Settings) -> str:
    """Return the version of the Directus in DIRECTUS_HOME. Raises WrongSettings if there is no Directus."""
    package = home(settings) / "package.json"
    try:
        return str(json.loads(package.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongSettings(
            "DIRECTUS_HOME holds no Directus: its package.json has no version",
            where=str(package),
            next="set DIRECTUS_HOME to the folder of Directus's cli.js (/directus in its image)",
        ) from error


def is_in_database(connection: Connection) -> bool:
    """Return whether the database has Directus's own tables."""
    return database.has(connection, "public.directus_migrations")


def is_populated(connection: Connection) -> bool:
    """Return whether the database has Directus's own tables from a completed bootstrap."""
    return is_in_database(connection) and not database.has(connection, _MARK)


def has_access(connection: Connection) -> bool:
    """Return whether the database has Directus's tables for permissions, from a completed bootstrap."""
    return database.has(connection, "public.directus_policies") and not database.has(connection, _MARK)


def require_in_database(connection: Connection, settings: Settings) -> None:
    """Raise WrongSettings if the database has no tables of Directus."""
    if not is_in_database(connection):
        raise WrongSettings(
            "this database has no tables of Directus yet",
            where=settings.database.label,
            next="create them, and everything else: directus-sync deploy; in the local stack: make migrate",
        )


def administrator(connection: Connection, settings: Settings) -> Administrator:
    """Return an administrator of the Directus in this database, if possible the one that the settings name.

    Raises DirectusDenied if there is no administrator.
    """
    rows = database.query(connection, _ADMINISTRATOR, {"token": settings.token, "email": settings.email})
    if not rows:
        raise DirectusDenied(
            "this database has no active administrator whose policy allows every address",
            where=database.label(connection),
            next="create one: directus users create --role <id of an administrator role> --email ... --password ...",
        )
    return Administrator(*rows[0])


def needs_bootstrap(connection: Connection, settings: Settings) -> bool:
    """Return whether Directus's own tables are missing, or lack a migration of the installed version."""
    if not is_populated(connection):
        return True
    shipped = shipped_migrations(home(settings)).keys()
    return not shipped or not shipped <= applied_migrations(connection)


@contextmanager
def bootstrapping(connection: Connection) -> Iterator[None]:
    """Drop the tables of an interrupted first bootstrap, before the block runs a new bootstrap.

    Directus creates its tables one by one, records each of its migrations after running it, and creates the
    administrator last. It cannot continue an interrupted bootstrap once its first table exists. If there is no
    administrator, nobody has used the tables, so dropping them is safe.
    """
    with connection.cursor() as cursor:
        if database.has(connection, _MARK) and not _has_users(connection):
            cursor.execute(_DROP)
        if not database.has(connection, "public.directus_collections"):
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {_MARK} ()")
        yield
        cursor.execute(f"DROP TABLE IF EXISTS {_MARK}")


def _has_users(connection: Connection) -> bool:
    if not database.has(connection, "public.directus_users"):
        return False
    ((found,),) = database.query(connection, "SELECT EXISTS (SELECT FROM public.directus_users)")
    return bool(found)


def api(home: Path) -> Path:
    """Return the folder of the package @directus/api, which holds nearly all of Directus. It may not exist."""
    beside, inside = (modules / "@directus" / "api" for modules in (home.resolve().parent, home / "node_modules"))
    return beside if beside.is_dir() else inside


def shipped_migrations(home: Path) -> dict[str, str]:
    """Return the names of Directus's own migrations by version, such as `20240806A`; empty if they are not found."""
    folder = api(home) / "dist" / "database" / "migrations"
    return {path.name.split("-", 1)[0]: path.stem for path in folder.glob("*.js") if path.name[:8].isdecimal()}


def applied_migrations(connection: Connection) -> set[str]:
    """Return the versions of Directus's own migrations that were applied to this database."""
    return {str(row[0]) for row in database.query(connection, "SELECT version FROM public.directus_migrations")}
