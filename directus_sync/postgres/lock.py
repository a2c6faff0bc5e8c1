"""The lock that every command takes before it writes. It consists of an advisory lock and a locked table.

The session that runs the DDL holds the advisory lock. Anybody who can connect can take an advisory lock, but only a
role that deploys can lock the table, so an advisory lock of any other role is ignored. A second session locks the
table: a table lock lasts only for one transaction, and the first session runs many. Before the revision that creates
the table, only the advisory lock counts.

Both locks are polled. Waiting inside PostgreSQL is not an option, because a blocked `pg_advisory_lock` deadlocks with
another session's CREATE INDEX CONCURRENTLY. Both locks end with their sessions, so a killed process leaves none behind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import psycopg2

from directus_sync import output
from directus_sync.errors import LockTimeout
from directus_sync.postgres import database, holders
from directus_sync.postgres.database import Connection

LOCK_KEY: Final = 0x6469_7273_796E_6300  # "dirsync" in ASCII

_TABLE: Final = "to_regclass('directus_sync.lock')"
_KEEPER: Final = "directus-sync lock of "

# One row for each session that holds the advisory lock or the table. main: the pid of the session that deploys. counts:
# whether its role may deploy.
_HELD: Final = f"""
SELECT coalesce(substring(k.application_name FROM '^{_KEEPER}(\\d+)$')::int, k.pid) AS main,
  coalesce({_TABLE} IS NULL OR has_table_privilege(k.usesysid, {_TABLE}, 'UPDATE'), false) AS counts
FROM pg_locks l JOIN pg_stat_activity k USING (pid)
WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.locktype = 'advisory' AND l.objsubid = 1
      AND l.classid = {LOCK_KEY >> 32} AND l.objid = {LOCK_KEY & 0xFFFF_FFFF}
    OR l.locktype = 'relation' AND l.mode = 'ExclusiveLock' AND l.relation = {_TABLE})"""  # noqa: S608 - constants

# A condition of SQL: another session may be changing things.
IN_USE: Final = f"EXISTS (SELECT FROM ({_HELD}) AS h WHERE h.counts AND h.main <> pg_backend_pid())"

_HOLDER: Final = f"""
SELECT a.application_name, a.pid, coalesce(host(a.client_addr), 'local'),
  extract(epoch FROM now() - a.backend_start)::int, h.counts
FROM ({_HELD}) AS h JOIN pg_stat_activity a ON a.pid = h.main ORDER BY h.counts DESC LIMIT 1"""  # noqa: S608 - as above


@contextmanager
def exclusive(connection: Connection, timeout: float) -> Iterator[None]:
    """Hold the lock on `connection` while the block runs. Waits up to `timeout` seconds, and prints who holds it.

    Raises LockTimeout.
    """
    deadline = time.monotonic() + timeout
    announced = False
    with ExitStack() as held:
        while not _try(connection, held):
            who = holder(connection) or "a session that has just ended"
            if time.monotonic() >= deadline:
                raise LockTimeout(
                    f"the migration lock was not free within {timeout:g} s",
                    where=f"held by {who}",
                    next="wait for that deploy to end, or raise DIRECTUS_SYNC_LOCK_WAIT;\n"
                    "if it hangs, end its session: SELECT pg_terminate_backend(<pid>)",
                )
            if not announced:
                output.note(f"Waiting for the migration lock, held by {who}")
                announced = True
            time.sleep(database.POLL_SECONDS)
        yield


def holder(connection: Connection) -> str | None:
    """Return a description of the session that holds the lock; None if it is free."""
    rows = database.query(connection, _HOLDER)
    if not rows:
        return None
    name, pid, address, age, counts = rows[0]
    since = "" if age is None else f", connected {age} s ago"
    ignored = "" if counts else "; ignored, because its role may not deploy"
    return f"{name or 'an unnamed session'} (pid {pid}, from {address}{since}){ignored}"


def _try(connection: Connection, held: ExitStack) -> bool:
    """Take both locks, and let `held` release them. Return False, holding none, if another deploy has one.

    An advisory lock of a role that may not deploy is ignored; then only the table is locked.
    """
    ((taken,),) = database.query(connection, "SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
    if taken:
        held.callback(_unlock, connection)
    else:
        ((in_use,),) = database.query(connection, f"SELECT {IN_USE}")
        if in_use:
            return False
    if _lock_table(connection, held):
        return True
    held.close()
    return False


def _unlock(connection: Connection) -> None:
    # If the session has ended, the lock is free already. An error here would hide why the session ended.
    with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))


def _lock_table(connection: Connection, held: ExitStack) -> bool:
    if not database.has(connection, "directus_sync.lock"):
        return True
    keeper = database.second_session(connection, f"{_KEEPER}{connection.info.backend_pid}")
    held.callback(keeper.close)
    try:
        with keeper.cursor() as cursor:
            # Without NOWAIT this would wait inside PostgreSQL. The statement takes no transaction id.
            cursor.execute("LOCK TABLE directus_sync.lock IN EXCLUSIVE MODE NOWAIT")
    except psycopg2.Error as error:
        if not holders.timed_out(error):
            raise
        return False
    return True
