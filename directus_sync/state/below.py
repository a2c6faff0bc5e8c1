"""What stands in the way of new collections and fields because somebody worked below Directus, by SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from directus_sync.errors import NameTaken, count
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema.diff import ABSENT, Action, Change, Kind
from directus_sync.schema.entries import alters
from directus_sync.schema.plan import Remains
from directus_sync.schema.snapshot import Snapshot

# Directus lists a collection only if it has a row for it.
_TAKEN: Final = """
SELECT name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END,
  EXISTS (SELECT FROM public.directus_collections d WHERE d.collection = name)
FROM unnest(%s::text[]) AS name JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"""
_REMAINS: Final = """
SELECT name, EXISTS (SELECT FROM public.directus_fields f WHERE f.collection = name)
FROM unnest(%s::text[]) AS name"""
# Directus keeps its row of a field whose column was dropped by SQL, and then refuses to create the field.
_FORGET: Final = """
DELETE FROM public.directus_fields f USING unnest(%s::text[], %s::text[]) AS added (collection, field)
WHERE (f.collection, f.field) = (added.collection, added.field) AND NOT EXISTS (
  SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(format('public.%%I', f.collection))
    AND a.attname = f.field AND a.attnum > 0 AND NOT a.attisdropped)
RETURNING f.collection || '.' || f.field"""
# PostgreSQL refuses to drop or alter a column while one of these names it: the rule of a view, a policy, a function
# with a body of SQL, a generated column, and a trigger of certain columns. It drops no table that others inherit from,
# or whose rows a view or a policy of another table reads.
_HELD: Final = """
WITH wanted AS (
  SELECT c.oid, w.name, w.field, a.attnum
  FROM unnest(%s::text[], %s::text[]) AS w (name, field)
  JOIN pg_class c ON c.relname = w.name AND c.relnamespace = 'public'::regnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.field AND a.attnum > 0 AND NOT a.attisdropped
  WHERE w.field IS NULL OR a.attnum IS NOT NULL),
needing AS (
  SELECT w.name, w.field, CASE v.relkind WHEN 'm' THEN 'materialized ' ELSE '' END || 'view ' || v.oid::regclass AS what
  FROM wanted w JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid
    AND (w.field IS NULL OR d.refobjsubid = w.attnum) AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class AND v.oid <> w.oid
  UNION SELECT w.name, w.field, format('policy %%s of %%s', p.polname, p.polrelid::regclass)
  FROM wanted w JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid
    AND (w.field IS NULL OR d.refobjsubid = w.attnum) AND d.classid = 'pg_policy'::regclass
  JOIN pg_policy p ON p.oid = d.objid AND (w.field IS NOT NULL OR p.polrelid <> w.oid)
  UNION SELECT w.name, w.field, 'function ' || d.objid::regprocedure
  FROM wanted w JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid
    AND (w.field IS NULL OR d.refobjsubid = w.attnum) AND d.classid = 'pg_proc'::regclass
  UNION SELECT w.name, w.field, format('generated column %%I', g.attname)
  FROM wanted w JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid
    AND d.refobjsubid = w.attnum AND d.classid = 'pg_attrdef'::regclass
  JOIN pg_attrdef e ON e.oid = d.objid
  JOIN pg_attribute g ON g.attrelid = e.adrelid AND g.attnum = e.adnum AND g.attgenerated <> '' AND g.attnum <> w.attnum
  UNION SELECT w.name, w.field, 'trigger ' || t.tgname
  FROM wanted w JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.oid
    AND d.refobjsubid = w.attnum AND d.classid = 'pg_trigger'::regclass
  JOIN pg_trigger t ON t.oid = d.objid AND NOT t.tgisinternal
  UNION SELECT w.name, w.field, CASE c.relkind WHEN 'f' THEN 'foreign table ' ELSE 'table ' END || c.oid::regclass
  FROM wanted w JOIN pg_inherits i ON i.inhparent = w.oid JOIN pg_class c ON c.oid = i.inhrelid
  WHERE w.field IS NULL)
SELECT name, field, array_agg(replace(what, 'public.', '') ORDER BY what) FROM needing GROUP BY 1, 2"""


def held(
    connection: Connection, changes: Iterable[Change], live: Snapshot
) -> Mapping[tuple[Kind, str], tuple[str, ...]]:
    """Return, by kind and id of what is to go or change, what of PostgreSQL's needs it: views, policies, triggers."""
    wanted = [change for change in changes if alters(change, live)]
    if not wanted:
        return {}
    names = [[change.collection for change in wanted], [change.field for change in wanted]]
    return {
        (Kind.COLLECTION if field is None else Kind.FIELD, table if field is None else f"{table}.{field}"): tuple(what)
        for table, field, what in database.query(connection, _HELD, names)
    }


def remains(connection: Connection, changes: Iterable[Change]) -> Mapping[str, Remains]:
    """Return what there is of each collection whose entry in the file has a table, and that of Directus has none."""
    names = [
        change.collection
        for change in changes
        if change.kind is Kind.COLLECTION
        and change.malformed
        and any(edit.path[:1] == ("schema",) and edit.before is ABSENT for edit in change.edits)
    ]
    rows = database.query(connection, _REMAINS, (names,)) if names else []
    return {name: Remains.FIELDS if has_fields else Remains.FOLDER for name, has_fields in rows}


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
        hidden = [name for name, _, is_known in taken if is_known]
        see = (
            f"let Directus see {', '.join(hidden)}, which is its collection: DB_EXCLUDE_TABLES, the rights of its role"
        )
        raise NameTaken(
            f"{number} cannot be created: PostgreSQL has something of that name that Directus does not "
            + ("see" if hidden else "know"),
            where="\n".join([database.label(connection), *(f"{kind} {name}" for name, kind, _ in taken)]),
            next=see
            if hidden
            else "if it is the same thing: make it a collection in Directus (Settings, Data Model), then run again;\n"
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
