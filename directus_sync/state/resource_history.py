"""Records the base of each family of resources: the items that files and database last had in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.resources.items import Resource, ordered
from directus_sync.resources.kinds import Family
from directus_sync.state.history import Source

_TABLE: Final = "directus_sync.resource_history"
_RECORD: Final = """
INSERT INTO directus_sync.resource_history (source, family, items)
SELECT new.* FROM (VALUES (%s, %s, %s::jsonb)) AS new (source, family, items)
WHERE new.items IS DISTINCT FROM
  (SELECT old.items FROM directus_sync.resource_history old WHERE old.family = new.family ORDER BY id DESC LIMIT 1)"""


def base(connection: Connection, family: Family) -> Mapping[str, Resource] | None:
    """Return the items of the latest base, by id; None if no base was ever recorded."""
    if not database.has(connection, _TABLE):
        return None
    rows = database.query(
        connection,
        "SELECT items FROM directus_sync.resource_history WHERE family = %s ORDER BY id DESC LIMIT 1",
        (family.name,),
    )
    if not rows:
        return None
    kinds = {kind.name for kind in family.kinds}
    found = {}
    for name, group in rows[0][0].items():
        kind, _, key = name.partition(":")
        if kind in kinds:
            found[name] = Resource(kind, key, ordered(group))
    return found


def record(connection: Connection, family: Family, items: Iterable[Resource], source: Source) -> None:
    """Record items as the base, unless they are the latest base already."""
    if not database.has(connection, _TABLE):
        return
    rows = {item.id: [family.by_name[item.kind].compared(row) for row in item.rows] for item in items}
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, (source, family.name, json.dumps(rows)))
