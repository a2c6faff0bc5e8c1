"""In which order copies go back: what others refer to comes first."""

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
    """Return the copies, tables before fields, and tables in the order of the foreign keys that are there."""
    copies = list(copies)
    names = sorted({copy.item.collection for copy in copies})
    references = database.query(connection, _REFERENCES, (names, names)) if names else []
    depths = depth(names, references)
    return sorted(copies, key=lambda copy: (copy.item.field is not None, depths[copy.item.collection], copy.id))


def depth(names: Iterable[str], references: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return for each table how many others must come before it; in a circle, a number for all of it."""
    found = dict.fromkeys(names, 0)
    pairs = list(references)
    # A circle would count for ever.
    for _ in found:
        for table, other in pairs:
            found[table] = max(found[table], min(found[other] + 1, len(found)))
    return found
