"""Finds the sessions that hold tables for long, such as a transaction that somebody left open."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import psycopg2
from psycopg2 import errorcodes

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# Part of the message of Directus and PostgreSQL when a lock timed out.
TIMED_OUT: Final = "due to lock timeout"
# Leaves out the deploy's own sessions: while this runs, they hold no table or their transaction is younger than 2 s.
_HOLDERS: Final = """
SELECT string_agg(DISTINCT c.relname, ', '), a.pid, a.usename::text, nullif(a.application_name, ''),
  extract(epoch FROM now() - a.xact_start)::int, a.state
FROM pg_stat_activity a JOIN pg_locks l USING (pid) JOIN pg_class c ON c.oid = l.relation
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'p')
  AND c.relnamespace = 'public'::regnamespace AND a.xact_start < now() - interval '2 s'
  AND NOT EXISTS (SELECT FROM pg_locks w WHERE w.pid = a.pid AND NOT w.granted)
GROUP BY a.pid, a.usename, a.application_name, a.xact_start, a.state ORDER BY a.xact_start LIMIT 3"""


def timed_out(error: BaseException) -> bool:
    """Return whether `lock_timeout` ended the statement. error: psycopg2's error, or SQLAlchemy's error around it."""
    return getattr(getattr(error, "orig", error), "pgcode", None) == errorcodes.LOCK_NOT_AVAILABLE


def describe(connection: Connection) -> str:
    """Return a line for each session that has held tables for long: tables, time, session, role and state."""
    found: list[tuple[object, ...]] = []
    with suppress(psycopg2.Error):
        found = database.query(connection, _HOLDERS)
    return "\n".join(
        f"{tables}: held for {age} s by {name or 'a session'} (pid {pid}, role {role}, {state})"
        for tables, pid, role, name, age, state in found
    )


def advice(connection: Connection) -> str:
    """Return what to do about the sessions that hold tables, for the `next` of an error."""
    who = describe(connection)
    if not who:
        return "run again: the session that held the table is gone"
    return f"{who}\nend that transaction, or its session: SELECT pg_terminate_backend(<pid>); then run again"
