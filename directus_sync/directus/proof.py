"""Has whoever answers at DIRECTUS_URL prove that it works on this database, before a credential is sent to it.

The tool writes a row with random content, which Directus shows without a log-in, asks for it, and removes it. Only who
reads this database can answer. Somebody in between can pass the question on; against that only TLS helps.
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

# It was used more often than it may be, so nobody can log in with it. A killed run leaves its row for an hour.
_SHARE: Final = """
INSERT INTO public.directus_shares (id, name, collection, item, times_used, max_uses)
SELECT %(key)s, %(name)s, collection, %(secret)s, 1, 0 FROM public.directus_collections LIMIT 1"""
_FORGET_SHARES: Final = """
DELETE FROM public.directus_shares
WHERE id = %(key)s OR name = %(name)s AND date_created < now() - interval '1 hour'"""

# A share belongs to a collection. Where there is none yet, it is a user without a role, known by its token.
_USER: Final = """
INSERT INTO public.directus_users (id, first_name, status, token)
VALUES (%(key)s, %(name)s, 'active', %(secret)s)"""
_FORGET_USERS: Final = "DELETE FROM public.directus_users WHERE first_name = %(name)s AND role IS NULL"


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
            cursor.execute(_FORGET_SHARES if shared else _FORGET_USERS, values)
            connection.commit()


@contextmanager
def _writing(connection: Connection) -> Iterator[None]:
    """Let a connection that only reads write while the block runs."""
    readonly = connection.readonly
    if readonly:
        connection.readonly = None
    try:
        yield
    finally:
        if readonly and not connection.closed:
            connection.rollback()
            connection.readonly = readonly
