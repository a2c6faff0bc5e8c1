"""What stands in the way of new collections and fields because somebody worked below Directus, by SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from psycopg2.sql import SQL, Identifier

from directus_sync import catalog
from directus_sync.catalog import Catalog, Kind, Object
from directus_sync.errors import NameTaken
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema.diff import ABSENT, Action, Change, ItemKind
from directus_sync.schema.entries import alters
from directus_sync.schema.plan import Remains
from directus_sync.schema.snapshot import Snapshot
from directus_sync.sql_text import identifier
from directus_sync.wording import count

# Directus lists a collection only if it has a row for it.
_TAKEN: Final = """
SELECT name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END,
  EXISTS (SELECT FROM public.directus_collections d WHERE d.collection = name)
FROM unnest(%s::text[]) AS name JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"""
# A new field or relation whose column or foreign key is there, and the statement by which Directus gets to know it.
_PARTS_TAKEN: Final = """
WITH added AS (
  SELECT w.*, a.attrelid, a.attnum FROM unnest(%s::text[], %s::text[], %s::text[]) AS w (kind, collection, field)
  JOIN pg_attribute a ON a.attrelid = to_regclass(format('public.%%I', w.collection)) AND a.attname = w.field
    AND a.attnum > 0 AND NOT a.attisdropped)
SELECT 'column', collection || '.' || field, format(
  'INSERT INTO public.directus_fields (collection, field) VALUES (%%L, %%L);', collection, field)
FROM added WHERE kind = 'fields' AND NOT EXISTS (
  SELECT FROM public.directus_fields f WHERE (f.collection, f.field) = (added.collection, added.field))
UNION SELECT 'foreign key', collection || '.' || field, format(
  'INSERT INTO public.directus_relations (many_collection, many_field, one_collection) VALUES (%%L, %%L, %%L);',
  collection, field, (SELECT relname FROM pg_class WHERE oid = c.confrelid))
FROM added JOIN pg_constraint c ON c.conrelid = added.attrelid AND c.contype = 'f' AND c.conkey = ARRAY[added.attnum]
WHERE kind = 'relations' AND NOT EXISTS (
  SELECT FROM public.directus_relations r WHERE (r.many_collection, r.many_field) = (added.collection, added.field))
ORDER BY 1, 2"""
# Directus serves no table without a primary key of one column, and can't add a field to it.
_UNSERVED: Final = """
SELECT name, (SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p')
FROM unnest(%s::text[]) AS name JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary AND indnatts = 1)"""
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
# Columns that nobody captured, of the type of a field that Directus lists and whose column is gone.
_LOOK_ALIKES: Final = """
SELECT w.collection, w.field, a.attname::text
FROM unnest(%s::text[], %s::text[], %s::text[]) AS w (collection, field, type)
JOIN public.directus_fields f ON (f.collection, f.field) = (w.collection, w.field)
JOIN pg_attribute a ON a.attrelid = to_regclass(format('public.%%I', w.collection)) AND a.attnum > 0
  AND NOT a.attisdropped AND regexp_replace(format_type(a.atttypid, NULL), '^public[.]', '') = w.type
WHERE NOT EXISTS (
    SELECT FROM pg_attribute o WHERE o.attrelid = a.attrelid AND o.attname = w.field AND NOT o.attisdropped)
  AND NOT EXISTS (
    SELECT FROM public.directus_fields o WHERE (o.collection, o.field) = (w.collection, a.attname::text))
ORDER BY w.collection, w.field, a.attnum"""
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
) -> Mapping[tuple[ItemKind, str], tuple[str, ...]]:
    """Return, by kind and id of what is to go or change, what of PostgreSQL's needs it: views, policies, triggers."""
    wanted = [change for change in changes if alters(change, live)]
    if not wanted:
        return {}
    names = [[change.collection for change in wanted], [change.field for change in wanted]]
    return {
        (
            ItemKind.COLLECTION if field is None else ItemKind.FIELD,
            table if field is None else f"{table}.{field}",
        ): tuple(what)
        for table, field, what in database.query(connection, _HELD, names)
    }


def look_alikes(
    connection: Connection, changes: Iterable[Change], expected: Catalog | None
) -> Mapping[str, tuple[str, ...]]:
    """Return, by id of a field that comes back, columns with values that may be its own, renamed by SQL.

    expected: what revisions made, which is no such column.
    """
    wanted = [
        (change.collection, change.field, change.after["schema"].get("data_type"))
        for change in changes
        if change.kind is ItemKind.FIELD and _makes(change) and change.after
    ]
    found: dict[str, tuple[str, ...]] = {}
    if not wanted:
        return found
    known = expected.definitions.keys() if expected else frozenset()
    columns = tuple(map(list, zip(*wanted, strict=True)))
    for table, field, column in database.query(connection, _LOOK_ALIKES, columns):
        item = Object(Kind.COLUMN, f"{catalog.identifier(table)}.{catalog.identifier(column)}")
        if item not in known and _has_values(connection, table, column):
            found[f"{table}.{field}"] = (*found.get(f"{table}.{field}", ()), column)
    return found


def _has_values(connection: Connection, table: str, column: str) -> bool:
    query = SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NOT NULL)")
    ((there,),) = database.query(connection, query.format(Identifier("public", table), Identifier(column)))
    return bool(there)


def remains(connection: Connection, changes: Iterable[Change]) -> Mapping[str, Remains]:
    """Return what there is of each collection whose entry in the file has a table, and that of Directus has none."""
    names = [
        change.collection
        for change in changes
        if change.kind is ItemKind.COLLECTION
        and change.malformed
        and any(edit.path[:1] == ("schema",) and edit.before is ABSENT for edit in change.edits)
    ]
    rows = database.query(connection, _REMAINS, (names,)) if names else []
    return {name: Remains.FIELDS if has_fields else Remains.FOLDER for name, has_fields in rows}


def require_free_names(connection: Connection, changes: Sequence[Change]) -> None:
    """Raise NameTaken for what is new, and PostgreSQL has something of that name that Directus does not know or see."""
    _require_free_tables(connection, changes)
    _require_keys(connection, changes)
    parts = [change for change in changes if change.kind in {ItemKind.FIELD, ItemKind.RELATION} and _makes(change)]
    columns = [[part.kind.value for part in parts], [part.collection for part in parts], [part.field for part in parts]]
    taken = database.query(connection, _PARTS_TAKEN, columns) if parts else []
    if not taken:
        return
    names = ",".join(dict.fromkeys(name for _, name, _ in taken))
    steps = [
        "if it is the same thing, let Directus know it by SQL, then run again with the option:",
        *(f"  {statement}" for _, _, statement in taken),
        f"  --discard-live {names}",
        "else rename or drop it by SQL; its rows are not touched until you do",
    ]
    raise NameTaken(
        f"{count(len(taken), 'new item')} cannot be created: PostgreSQL has something of that name that Directus does"
        " not know",
        where="\n".join([database.label(connection), *(f"{what} {name}" for what, name, _ in taken)]),
        next="\n".join(steps),
    )


def _makes(change: Change) -> bool:
    """Tell whether a change makes something in PostgreSQL."""
    return change.action is Action.ADD and bool((change.after or {}).get("schema"))


def _require_keys(connection: Connection, changes: Sequence[Change]) -> None:
    keys = {
        change.collection: change.field
        for change in changes
        if change.kind is ItemKind.FIELD and _makes(change) and (change.after or {})["schema"].get("is_primary_key")
    }
    unserved = database.query(connection, _UNSERVED, (list(keys),)) if keys else []
    if unserved:
        statements = [
            f"  ALTER TABLE {identifier(name)} {f'DROP CONSTRAINT {identifier(old)}, ' if old else ''}"
            f"ADD PRIMARY KEY ({identifier(keys[name])});"
            for name, old in unserved
        ]
        raise NameTaken(
            f"Directus does not see {count(len(unserved), 'table')}, which {'has' if len(unserved) == 1 else 'have'} no"
            " primary key of one column",
            where="\n".join([database.label(connection), *(f"table {name}" for name, _ in unserved)]),
            next="\n".join(["give back the key by SQL, then run again:", *statements]),
        )


def _require_free_tables(connection: Connection, changes: Iterable[Change]) -> None:
    names = [change.collection for change in changes if change.kind is ItemKind.COLLECTION and _makes(change)]
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
        (change.collection, change.field) for change in changes if change.kind is ItemKind.FIELD and _makes(change)
    ]
    if not added:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, tuple(map(list, zip(*added, strict=True))))
        return tuple(name for (name,) in cursor.fetchall())
