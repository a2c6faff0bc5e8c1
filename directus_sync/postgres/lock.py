"""The one lock that every writer takes: a session-level advisory lock, held by the session that runs the DDL.

It is polled, never waited for inside PostgreSQL: a blocked `pg_advisory_lock` deadlocks with another
session's CREATE INDEX CONCURRENTLY. It ends with its session, so a killed process leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2

from directus_sync.errors import LockTimeout
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

LOCK_KEY: Final = 0x6469_7273_796E_6300  # "dirsync" in ASCII


@contextmanager
def exclusive(
    connection: Connection, timeout: float, *, waiting: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lock on `connection` while the block runs; wait up to `timeout` seconds for it.

    Reentrant within one session. waiting: called once, with a description of the holder, when others hold it.

    Raises LockTimeout.
    """
    deadline = time.monotonic() + timeout
    while not _try(connection):
        who = holder(connection) or "a session that has just ended"
        if time.monotonic() >= deadline:
            raise LockTimeout(
                f"the migration lock was not free within {timeout:g} s",
                where=f"held by {who}",
                next="wait for that deploy to end, or raise DIRECTUS_SYNC_LOCK_WAIT;\n"
                "if it hangs, end its session: SELECT pg_terminate_backend(<pid>)",
            )
        if waiting is not None:
            waiting(who)
            waiting = None
        time.sleep(database.POLL_SECONDS)
    try:
        yield
    finally:
        # A session that was ended has let go of it, and must not hide why it was.
        with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))


def holder(connection: Connection) -> str | None:
    """Describe the session that holds the lock, or return None when it is free."""
    rows = database.query(
        connection,
        "SELECT a.application_name, a.pid, coalesce(host(a.client_addr), 'local'),"
        " extract(epoch FROM now() - a.backend_start)::int"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND l.classid = %s AND l.objid = %s",
        (LOCK_KEY >> 32, LOCK_KEY & 0xFFFF_FFFF),
    )
    if not rows:
        return None
    name, pid, address, age = rows[0]
    return f"{name or 'an unnamed session'} (pid {pid}, from {address}, connected {age} s ago)"


def _try(connection: Connection) -> bool:
    ((taken,),) = database.query(connection, "SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
    return bool(taken)
