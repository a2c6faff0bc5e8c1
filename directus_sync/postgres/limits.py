"""Warns if a statement over a whole hypertable needs too many of the locks that this server allows."""

from __future__ import annotations

from typing import Final

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# Report a hypertable if a statement over all its chunks takes more than this share of the server's locks.
SHARE: Final = 0.5
# A statement over all chunks locks each chunk and each of its indexes.
_CHUNKS: Final = """
SELECT h.table_name::text, count(*)::int, (
    SELECT count(*)::int FROM pg_index WHERE indrelid = format('%I.%I', h.schema_name, h.table_name)::regclass),
  current_setting('max_locks_per_transaction')::int, current_setting('max_connections')::int
    + current_setting('max_prepared_transactions')::int
FROM _timescaledb_catalog.hypertable h JOIN _timescaledb_catalog.chunk c ON c.hypertable_id = h.id AND NOT c.dropped
WHERE h.schema_name = 'public' GROUP BY h.id, h.schema_name, h.table_name ORDER BY 1"""


def near_lock_limit(connection: Connection) -> tuple[str, ...]:
    """Return a warning for each hypertable that exceeds `SHARE`."""
    if not database.has(connection, "_timescaledb_catalog.hypertable"):
        return ()
    found = []
    for table, chunks, indexes, per_transaction, sessions in database.query(connection, _CHUNKS):
        needed = chunks * (1 + indexes)
        if needed > SHARE * per_transaction * sessions:
            found.append(
                f"{table} has {chunks} chunks with {indexes} indexes each: a statement over all of them takes"
                f" {needed} of the {per_transaction * sessions} locks that max_locks_per_transaction ="
                f" {per_transaction} allows; set it to {2 * needed // sessions + 1} or more, and restart"
            )
    return tuple(found)
