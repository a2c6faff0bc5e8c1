"""The order in which copies are restored: tables come before those that refer to them."""

from __future__ import annotations

from collections.abc import Iterable

from directus_sync.attic.registry import Copy
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

_REFERENCES = """
SELECT c.relname::text, r.relname::text FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
WHERE k.contype = 'f' AND c.oid <> r.oid AND c.relnamespace = 'public'::regnamespace
  AND c.relname = ANY (%s) AND r.relname = ANY (%s)"""


def by_foreign_keys(connection: Connection, copies: Iterable[Copy]) -> list[Copy]:
    """Return the copies in order: collections before fields, and tables before those with foreign keys to them."""
    copies = list(copies)
    names = sorted({copy.item.collection for copy in copies})
    references = database.query(connection, _REFERENCES, (names, names)) if names else []
    depths = depth(names, references)
    return sorted(copies, key=lambda copy: (copy.item.field is not None, depths[copy.item.collection], copy.id))


def depth(names: Iterable[str], references: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return for each table the length of its longest chain of references, at most the number of tables."""
    found = dict.fromkeys(names, 0)
    pairs = list(references)
    # A limited number of passes: in a circle the numbers would grow forever.
    for _ in found:
        for table, other in pairs:
            found[table] = max(found[table], min(found[other] + 1, len(found)))
    return found
