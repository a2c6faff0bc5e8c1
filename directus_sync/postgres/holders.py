"""Who holds the locks that others wait for: a transaction that somebody left open."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import psycopg2
from psycopg2 import errorcodes

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# What Directus and PostgreSQL say of a lock that was not to be had in time.
TIMED_OUT: Final = "due to lock timeout"
# A deploy's own sessions hold no table while it asks this, or have just begun.
_HOLDERS: Final = """
SELECT string_agg(DISTINCT c.relname, ', '), a.pid, a.usename::text, nullif(a.application_name, ''),
  extract(epoch FROM now() - a.xact_start)::int, a.state
FROM pg_stat_activity a JOIN pg_locks l USING (pid) JOIN pg_class c ON c.oid = l.relation
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'p')
  AND c.relnamespace = 'public'::regnamespace AND a.xact_start < now() - interval '2 s'
  AND NOT EXISTS (SELECT FROM pg_locks w WHERE w.pid = a.pid AND NOT w.granted)
GROUP BY a.pid, a.usename, a.application_name, a.xact_start, a.state ORDER BY a.xact_start LIMIT 3"""


def timed_out(error: BaseException) -> bool:
    """Tell whether `lock_timeout` ended the statement, by psycopg2's error or SQLAlchemy's around it."""
    return getattr(getattr(error, "orig", error), "pgcode", None) == errorcodes.LOCK_NOT_AVAILABLE


def describe(connection: Connection) -> str:
    """Return a line for each session that has held tables for long: which, who, for how long, doing what."""
    found: list[tuple[object, ...]] = []
    with suppress(psycopg2.Error):
        found = database.query(connection, _HOLDERS)
    return "\n".join(
        f"{tables}: held for {age} s by {name or 'a session'} (pid {pid}, role {role}, {state})"
        for tables, pid, role, name, age, state in found
    )


def advice(connection: Connection) -> str:
    """Return what to do about them, for the `next` of an error."""
    who = describe(connection)
    if not who:
        return "run again: whoever held the table is gone"
    return f"{who}\nend that transaction, or its session: SELECT pg_terminate_backend(<pid>); then run again"
