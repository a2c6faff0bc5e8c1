"""Creates Directus's own tables from a prepared file, or creates and upgrades them with `directus bootstrap`."""

from __future__ import annotations

import math
import re
import secrets
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final

import psycopg2

from directus_sync.directus import installation, server
from directus_sync.directus.installation import Administrator
from directus_sync.directus.program import how_it_ended, no_extensions, spawn, tail
from directus_sync.errors import BootstrapFailed
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.settings import Settings

BOOTSTRAP_SECONDS: Final = 600.0

# The line of a prepared file that names the PostgreSQL version on which it was made starts with this.
MADE_ON: Final = "-- what it makes on PostgreSQL "
# The ids that each bootstrap generates: the name of the parameter in the prepared file, and a query for the id.
IDS: Final = {
    "project": "SELECT project_id FROM public.directus_settings",
    "user": "SELECT id FROM public.directus_users",
    "role": "SELECT id FROM public.directus_roles",
    "policy": "SELECT id FROM public.directus_policies WHERE admin_access",
    "access": "SELECT id FROM public.directus_access WHERE role IS NOT NULL",
    "public_access": "SELECT id FROM public.directus_access WHERE role IS NULL",
}
# Settings that change the result of a bootstrap.
_CHANGING: Final = ("MIGRATIONS_PATH", "DB_SEARCH_PATH", "ACCEPT_TERMS")
# Lower case only: Directus stores an address as it is given, but compares in lower case.
_PLAIN_EMAIL: Final = re.compile(r"[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
# Stores PROJECT_NAME and PROJECT_OWNER as Directus does.
_PROJECT: Final = """
UPDATE public.directus_settings SET project_name = coalesce(%(project_name)s, project_name),
  project_owner = %(owner)s, product_updates = CASE WHEN %(owner)s IS NOT NULL THEN false END;
"""
# Values that Directus does not read as plain text: numbers, booleans, lists, JSON, or with a prefix or outer spaces.
_NOT_PLAIN_TEXT: Final = re.compile(
    r"(?i)[\d.e+-]*|true|false|null|undefined|\w+:.*|.*,.*|[\[{\"'].*|\s.*|.*\s", re.DOTALL
)

# Each Directus takes 300 MiB; the rest is for a database on the same machine.
ROOM_BYTES: Final = 1 << 30
# The files of control groups, versions 2 and 1, with the memory limit of a container and the memory that it uses.
_LIMITS: Final = tuple(
    (Path("/sys/fs/cgroup", limit), Path("/sys/fs/cgroup", used))
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    )
)
_ANY_TABLE: Final = r"""
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'directus\_%')"""


def bootstrap(settings: Settings) -> None:
    """Run `directus bootstrap`, which creates or upgrades Directus's own tables and creates the first administrator.

    Raises BootstrapFailed with the end of its output.
    """
    with tempfile.TemporaryFile() as log, spawn(settings, "bootstrap", no_extensions(settings), log) as process:
        try:
            process.wait(BOOTSTRAP_SECONDS)
            how = None if process.returncode == 0 else how_it_ended(process)
        except subprocess.TimeoutExpired:
            how = f"did not end within {BOOTSTRAP_SECONDS:g} s"
        if how is not None:
            raise BootstrapFailed(
                f"directus bootstrap {how}",
                where=tail(log),
                next="fix what its output says and run again; that is safe",
            )


def prepared_file(version: str) -> Path:
    """Return the path of the prepared file for a version of Directus. The file may not exist."""
    return Path(__file__).with_name(f"bootstrap-{version}.sql")


def is_prepared(settings: Settings, connection: Connection) -> bool:
    """Return whether the prepared file can replace a bootstrap: same result, empty database, known administrator."""
    given = settings.environ
    texts = [given[name] for name in ("ADMIN_PASSWORD", "ADMIN_TOKEN", "PROJECT_NAME") if name in given]
    emails = [settings.email or "", *([settings.project_owner] if settings.project_owner is not None else [])]
    plain = all(map(_PLAIN_EMAIL.fullmatch, emails)) and not any(map(_NOT_PLAIN_TEXT.fullmatch, texts))
    changing = any(name in _CHANGING or name.startswith("HASH_") for name in given)
    # Directus also runs the migrations in this folder.
    changing = changing or any(Path("migrations").glob("*js"))
    file = prepared_file(installation.version(settings))
    if not plain or settings.password is None or changing or not file.is_file():
        return False
    major = f"{MADE_ON}{connection.server_version // 10000}\n"
    ((there,),) = database.query(connection, _ANY_TABLE)
    return not there and major in file.read_text(encoding="utf-8")


def from_file(settings: Settings, connection: Connection, loaded: server.Loaded) -> None:
    """Create Directus's own tables and the first administrator from the prepared file, in one transaction.

    loaded: a schema worker, which hashes the password.
    """
    ids = {name: str(uuid.uuid4()) for name in IDS} | {"project": _ordered_uuid()}
    administrator = Administrator(ids["user"], ids["role"])
    with server.private(settings, administrator, loaded.choice, loaded) as client:
        password = client.hashed(settings.password or "")
    values = {**ids, "email": settings.email, "password": password, "token": settings.environ.get("ADMIN_TOKEN")}
    values |= {"owner": settings.project_owner, "project_name": settings.project_name}
    sql = prepared_file(installation.version(settings)).read_text(encoding="utf-8") + _PROJECT
    try:
        with connection.cursor() as cursor:
            # PostgreSQL runs all statements of one string in one transaction.
            cursor.execute(sql, values)
    except psycopg2.Error as error:
        raise BootstrapFailed(
            "Directus's tables could not be created from the prepared file",
            where=str(error).strip(),
            next="fix it and run again; that is safe. With DIRECTUS_SYNC_WORKER=off Directus creates them itself",
        ) from error


def _ordered_uuid() -> str:
    """Return a UUID of version 7 (RFC 9562), as Directus uses for the project's id."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return str(uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def has_room_for_two() -> bool:
    """Return whether this machine or container has enough memory for a second Directus during a bootstrap."""
    limits = [_number(limit) - _number(used) for limit, used in _LIMITS if limit.is_file() and used.is_file()]
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    available = re.search(r"^MemAvailable: +(\d+) kB$", meminfo, re.MULTILINE)
    return min([int(available[1]) * 1024 if available else 0, *limits]) >= ROOM_BYTES


def _number(path: Path) -> float:
    text = path.read_text(encoding="ascii").strip()
    return math.inf if text == "max" else int(text)
