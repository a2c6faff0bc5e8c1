"""What stands in the way of new collections and fields because somebody worked below Directus, by SQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from directus_sync.errors import NameTaken, count
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema.diff import Action, Change, Kind

# Directus lists a collection only if it has a row for it.
_TAKEN: Final = """
SELECT name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END
FROM unnest(%s::text[]) AS name JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"""
# Directus keeps its row of a field whose column was dropped by SQL, and then refuses to create the field.
_FORGET: Final = """
DELETE FROM public.directus_fields f USING unnest(%s::text[], %s::text[]) AS added (collection, field)
WHERE (f.collection, f.field) = (added.collection, added.field) AND NOT EXISTS (
  SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(format('public.%%I', f.collection))
    AND a.attname = f.field AND a.attnum > 0 AND NOT a.attisdropped)
RETURNING f.collection || '.' || f.field"""


def require_free_names(connection: Connection, changes: Iterable[Change]) -> None:
    """Raise NameTaken for a new collection whose name a table or view has that Directus does not know."""
    names = [
        change.collection
        for change in changes
        if change.kind is Kind.COLLECTION and change.action is Action.ADD and (change.after or {}).get("schema")
    ]
    taken = database.query(connection, _TAKEN, (names,)) if names else []
    if taken:
        number = count(len(taken), "new collection")
        raise NameTaken(
            f"{number} cannot be created: PostgreSQL has something of that name that Directus does not know",
            where="\n".join([database.label(connection), *(f"{kind} {name}" for name, kind in taken)]),
            next="if it is the same thing: make it a collection in Directus (Settings, Data Model), then run again;\n"
            "else rename or drop it by SQL; its rows are not touched until you do",
        )


def forget_dropped_columns(connection: Connection, changes: Iterable[Change]) -> tuple[str, ...]:
    """Delete what Directus kept of fields that are to be added, and whose columns were dropped by SQL; return them."""
    added = [
        (change.collection, change.field)
        for change in changes
        if change.kind is Kind.FIELD and change.action is Action.ADD and (change.after or {}).get("schema")
    ]
    if not added:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, tuple(map(list, zip(*added, strict=True))))
        return tuple(name for (name,) in cursor.fetchall())
