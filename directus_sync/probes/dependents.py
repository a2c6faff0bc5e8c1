"""Finds what needs a table or column, so that PostgreSQL would not drop or change it: views, policies, triggers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 writes its class in lower case

from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import exports, references
from directus_sync.schema.columns import Column
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.entries import alters
from directus_sync.schema.plan import Verdict
from directus_sync.schema.snapshot import Snapshot

# PostgreSQL drops a table or column together with its indexes, its sequence and the type of its rows. It refuses if
# anything else needs one of them. Directus itself drops the foreign keys to a table. When a column's type changes,
# PostgreSQL rebuilds its indexes and constraints, but refuses if an object of a kind in `changing` needs the column.
_NEEDED_BY: Final = """
WITH RECURSIVE wanted AS (
  SELECT c.oid, w.name, w.field, w.goes, w.breaks, a.attnum, a.attinhcount
  FROM unnest(%s::text[], %s::text[], %s::boolean[], %s::boolean[]) AS w (name, field, goes, breaks)
  JOIN pg_class c ON c.relname = w.name AND c.relnamespace = 'public'::regnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.field AND a.attnum > 0 AND NOT a.attisdropped
  WHERE w.field IS NULL OR a.attnum IS NOT NULL),
touched (name, field, goes, classid, objid, objsubid) AS (
  SELECT name, field, goes, 'pg_class'::regclass::oid, oid, coalesce(attnum, 0)::integer FROM wanted
  UNION SELECT t.name, t.field, t.goes, d.classid, d.objid, d.objsubid
  FROM touched t JOIN pg_depend d ON d.refclassid = t.classid AND d.refobjid = t.objid
    AND (t.objsubid = 0 OR d.refobjsubid = t.objsubid)
  WHERE t.goes AND d.deptype IN ('a', 'i')),
changing AS (
  SELECT unnest('{pg_rewrite,pg_trigger,pg_policy,pg_proc,pg_attrdef,pg_publication_rel}'::regclass[]) AS classid),
needing AS (
  SELECT DISTINCT t.name, t.field, d.classid, d.objid, d.objsubid
  FROM touched t JOIN pg_depend d ON d.refclassid = t.classid AND d.refobjid = t.objid
    AND (t.objsubid = 0 OR d.refobjsubid = t.objsubid) AND d.deptype = 'n'
  WHERE CASE WHEN t.goes THEN NOT EXISTS (
        SELECT FROM touched o WHERE (o.name, o.classid, o.objid) = (t.name, d.classid, d.objid)
          AND o.field IS NOT DISTINCT FROM t.field AND o.objsubid IN (0, d.objsubid))
      AND (t.field IS NOT NULL OR NOT EXISTS (
        SELECT FROM pg_constraint f
        WHERE d.classid = 'pg_constraint'::regclass AND f.oid = d.objid AND f.contype = 'f'))
    ELSE d.classid IN (SELECT classid FROM changing) END)
SELECT name, field, array_agg(DISTINCT replace(what, 'public.', '') ORDER BY replace(what, 'public.', '')) FROM (
  SELECT n.name, n.field, CASE
    WHEN v.relkind = 'v' THEN 'view ' || v.oid::regclass
    WHEN v.relkind = 'm' THEN 'materialized view ' || v.oid::regclass
    WHEN g.attgenerated <> '' THEN format('generated column %%I', g.attname)
    WHEN p.oid IS NOT NULL THEN format('policy %%s of %%s', p.polname, p.polrelid::regclass)
    WHEN t.oid IS NOT NULL THEN 'trigger ' || t.tgname
    ELSE pg_describe_object(n.classid, n.objid, n.objsubid) END
  FROM needing n
  LEFT JOIN pg_rewrite r ON n.classid = 'pg_rewrite'::regclass AND r.oid = n.objid
  LEFT JOIN pg_class v ON v.oid = r.ev_class
  LEFT JOIN pg_attrdef e ON n.classid = 'pg_attrdef'::regclass AND e.oid = n.objid
  LEFT JOIN pg_attribute g ON g.attrelid = e.adrelid AND g.attnum = e.adnum
  LEFT JOIN pg_policy p ON n.classid = 'pg_policy'::regclass AND p.oid = n.objid
  LEFT JOIN pg_trigger t ON n.classid = 'pg_trigger'::regclass AND t.oid = n.objid
  UNION ALL SELECT w.name, w.field, format('table %%s, from which it is inherited', i.inhparent::regclass)
  FROM wanted w JOIN pg_inherits i ON i.inhrelid = w.oid WHERE w.attinhcount > 0
  UNION ALL SELECT w.name, w.field, format('column %%s.%%I, which holds such rows', u.attrelid::regclass, u.attname)
  FROM wanted w JOIN pg_class c ON c.oid = w.oid JOIN pg_attribute u ON u.atttypid = c.reltype AND NOT u.attisdropped
  WHERE w.field IS NOT NULL AND NOT w.goes
  UNION ALL SELECT w.name, w.field, format('foreign key %%s of %%s', f.conname, f.conrelid::regclass)
  FROM wanted w JOIN pg_constraint f ON f.contype = 'f' AND f.confrelid = w.oid AND w.attnum = ANY (f.confkey)
  WHERE w.breaks AND NOT w.goes) AS named (name, field, what)
GROUP BY 1, 2"""


# An empty copy of the table with its checks, indexes and statistics, made with the search path of Directus's session.
_COPY: Final = f"""
BEGIN; {database.READING} SET LOCAL search_path TO public, pg_temp; CREATE TEMPORARY TABLE rehearsed (
  LIKE {{table}} INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STATISTICS INCLUDING GENERATED)"""
_RETYPED: Final = "ALTER TABLE pg_temp.rehearsed ALTER COLUMN {column} TYPE {type} USING {column}::{type}"


def needed_by(
    connection: Connection, verdicts: Iterable[Verdict], live: Snapshot, wanted: Snapshot
) -> Mapping[tuple[ItemKind, str], tuple[str, ...]]:
    """Return, by kind and id of an item that would be dropped or changed, the objects of PostgreSQL that need it."""
    judged = [verdict for verdict in verdicts if alters(verdict.change, live)]
    touched = [verdict.change for verdict in judged]
    if not touched:
        return {}
    types = {change.key: _types(change, live, wanted) for change in touched if change.kind is ItemKind.FIELD}
    columns = [
        [change.collection for change in touched],
        [change.field for change in touched],
        [change.action is Action.REMOVE or change.recreated for change in touched],
        [_breaks(change, types) for change in touched],
    ]
    names = {(change.collection, change.field): (change.kind, change.id) for change in touched}
    rows = database.query(connection, _NEEDED_BY, columns)
    found = {names[table, field]: tuple(what) for table, field, what in rows}
    for change in (verdict.change for verdict in judged if not verdict.faults):
        before, after = types.get(change.key, ("", ""))
        changes = before != after and change.action is Action.CHANGE and not change.recreated
        if changes and (change.kind, change.id) not in found and (said := _rehearsed(connection, change, after)):
            found[change.kind, change.id] = said
    return found


def _types(change: Change, live: Snapshot, wanted: Snapshot) -> tuple[str, str]:
    """Return the SQL types of a column before and after; both empty if Directus does not make one of them."""
    before, after = (snapshot.section("fields").get(change.key) or {} for snapshot in (live, wanted))
    if not {before.get("type"), after.get("type")} <= exports.KINDS:
        return "", ""
    made = (Column.of(entry.get("type"), entry.get("schema") or {}).made for entry in (before, after))
    one, other = (f"public.{name}" if name.startswith("geometry") else name for name in made)
    return one, other


def _breaks(change: Change, types: Mapping[tuple[str, ...], tuple[str, str]]) -> bool:
    """Return whether a foreign key to the column could not stay, because of another type or a lost unique index."""
    before, after = (name.partition("(")[0] for name in types.get(change.key, ("", "")))
    stays = before == after or references.refers(exports.kind(before, None), exports.kind(after, None))
    return not stays or any(edit.path == ("schema", "is_unique") and not edit.after for edit in change.edits)


def _rehearsed(connection: Connection, change: Change, data_type: str) -> tuple[str, ...]:
    """Return why PostgreSQL refuses the new type: a check, an index or statistics of the column.

    Empty if that cannot be tried: `diff` and `check` only read, and the copy may fail although the change would not.
    """
    if connection.readonly:
        return ()
    column, table = sql.Identifier(change.field or ""), sql.Identifier("public", change.collection)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(_COPY).format(table=table))
            return _refusal(cursor, sql.SQL(_RETYPED).format(column=column, type=sql.SQL(data_type)))
    except psycopg2.DatabaseError:
        if connection.closed:
            raise
        return ()
    finally:
        if not connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")


def _refusal(cursor: Cursor, statement: sql.Composable) -> tuple[str, ...]:
    try:
        cursor.execute(statement)
    except errors.InsufficientPrivilege:
        raise  # Directus may have another role with more rights.
    except (psycopg2.ProgrammingError, psycopg2.DataError, psycopg2.NotSupportedError) as error:
        return (f"a check, an index or statistics on it: {error.diag.message_primary}",)
    return ()
