"""Records in the database which objects revisions made there, as PostgreSQL printed them. Only these are restored.

A pull request can write any definition to catalog.yaml. A recorded definition is one that the database really had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from directus_sync.catalog import Catalog, Difference, Kind, Object
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

_READ: Final = "SELECT kind, name, definition FROM directus_sync.made"
_REMEMBER: Final = """
INSERT INTO directus_sync.made AS m (kind, name, definition)
SELECT * FROM unnest(%(kinds)s::text[], %(names)s::text[], %(definitions)s::text[])
ON CONFLICT (kind, name) DO UPDATE SET definition = excluded.definition WHERE m.definition <> excluded.definition"""
_FORGET: Final = """
DELETE FROM directus_sync.made m
WHERE NOT EXISTS (SELECT FROM unnest(%(kinds)s::text[], %(names)s::text[]) AS l (kind, name)
  WHERE (l.kind, l.name) = (m.kind, m.name))"""


def read(connection: Connection) -> Mapping[Object, str]:
    """Return the recorded definitions: those that this database had at an earlier deploy or pull."""
    rows = database.query(connection, _READ) if database.has(connection, "directus_sync.made") else []
    return {Object(Kind(kind), name): definition for kind, name, definition in rows}


def remember(connection: Connection, expected: Catalog, differing: tuple[Difference, ...]) -> Mapping[Object, str]:
    """Record objects that are as the file lists them, and forget those that it no longer lists. Return all records."""
    known, wrong = read(connection), {difference.object for difference in differing}
    there = {item: definition for item, definition in expected.definitions.items() if item not in wrong}
    new = {item: definition for item, definition in there.items() if known.get(item) != definition}
    if new or not known.keys() <= expected.definitions.keys():
        with connection.cursor() as cursor:
            cursor.execute(_REMEMBER, {**_columns(new), "definitions": list(new.values())})
            cursor.execute(_FORGET, _columns(expected.definitions))
    return {**{item: known[item] for item in known.keys() & expected.definitions.keys()}, **new}


def _columns(definitions: Mapping[Object, str]) -> dict[str, list[str]]:
    return {"kinds": [item.kind.value for item in definitions], "names": [item.name for item in definitions]}
