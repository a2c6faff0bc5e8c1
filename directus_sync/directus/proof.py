"""Makes the server at DIRECTUS_URL prove that it works on this database, before any credential is sent to it.

The tool writes a row with random content to the database, requests that row from the server without a log-in, and
deletes it. Only a server that reads this database can answer. A man in the middle can forward the request to the real
Directus; only TLS helps against that.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg2
from psycopg2 import errorcodes

from directus_sync.directus.client import DirectusClient
from directus_sync.errors import WrongSettings
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

_NAME: Final = "directus-sync asks for a proof"

# The share is already used up (times_used > max_uses), so nobody can log in with it.
_SHARE: Final = """
INSERT INTO public.directus_shares (id, name, collection, item, times_used, max_uses)
SELECT %(key)s, %(name)s, collection, %(secret)s, 1, 0 FROM public.directus_collections LIMIT 1"""

# A share must belong to a collection. If there is no collection yet, the row is a user without a role, who is found by
# its token.
_USER: Final = """
INSERT INTO public.directus_users (id, first_name, status, token, last_access)
VALUES (%(key)s, %(name)s, 'active', %(secret)s, now())"""

# If a run is killed, its row stays until a run that starts at least an hour later. Rows of other runs that are younger
# may still be needed. Older versions of the tool left last_access NULL.
_FORGET: Final = """
DELETE FROM public.directus_shares
WHERE id = %(key)s OR name = %(name)s AND date_created < now() - interval '1 hour';
DELETE FROM public.directus_users
WHERE id = %(key)s OR first_name = %(name)s AND role IS NULL
  AND coalesce(last_access, '-infinity') < now() - interval '1 hour'"""


def require(client: DirectusClient, connection: Connection) -> None:
    """Raise WrongSettings unless this Directus reads the database of the connection."""
    values = {"key": str(uuid.uuid4()), "secret": secrets.token_urlsafe(32), "name": _NAME}
    installed = database.has(connection, "public.directus_shares")
    try:
        proven = installed and _prove(client, connection, values)
    except psycopg2.Error as error:
        if error.pgcode not in {errorcodes.INSUFFICIENT_PRIVILEGE, errorcodes.READ_ONLY_SQL_TRANSACTION}:
            raise
        raise WrongSettings(
            f"the Directus at DIRECTUS_URL can't be asked for a proof: {error.diag.message_primary}",
            where=database.label(connection),
            next="use the role that deploys (DB_USER or DIRECTUS_SYNC_DB_USER), on a server that takes writes",
        ) from error
    if not proven:
        raise WrongSettings(
            "DIRECTUS_URL and DB_* do not belong together: that Directus works on another database",
            where=f"{client.url} and {database.label(connection)}; no credentials were sent",
            next="correct DIRECTUS_URL or DB_*; without DIRECTUS_URL a private Directus is started on this database",
        )


def _prove(client: DirectusClient, connection: Connection, values: Mapping[str, str]) -> bool:
    with _writing(connection), connection.cursor() as cursor:
        cursor.execute(_SHARE, values)
        shared = cursor.rowcount == 1
        if not shared:
            cursor.execute(_USER, values)
        connection.commit()
        try:
            if shared:
                return client.shown(f"/shares/info/{values['key']}", "item") == values["secret"]
            return client.shown("/users/me", "id", token=values["secret"]) == values["key"]
        finally:
            cursor.execute(_FORGET, values)
            connection.commit()


@contextmanager
def _writing(connection: Connection) -> Iterator[None]:
    """Let a read-only connection write while the block runs."""
    readonly = connection.readonly
    if readonly:
        connection.readonly = None
    try:
        yield
    finally:
        if readonly and not connection.closed:
            connection.rollback()
            connection.readonly = readonly
