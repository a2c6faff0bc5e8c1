"""Refuses new items if PostgreSQL already has something of that name that Directus does not know or see."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final

from directus_sync.errors import NameTaken
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import default_names
from directus_sync.schema.approvals import pasted
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.snapshot import Snapshot
from directus_sync.text.quoting import identifier
from directus_sync.text.wording import count

# Directus lists a collection only if it has a row for it.
_TAKEN: Final = """
SELECT name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END,
  EXISTS (SELECT FROM public.directus_collections d WHERE d.collection = name)
FROM unnest(%s::text[]) AS name JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"""
# Other objects with the name of a new table, index or foreign key. A table needs a type of its name, too; an array type
# does not block that, because PostgreSQL renames it. A dropped item frees the names of all that belongs to it (`freed`)
# for what is made at a later `stage`. A plain index may have the name of a constraint of its table. Keys that are
# indexes are found as indexes.
_NAMED: Final = """
WITH RECURSIVE w AS (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[])
  AS w (name, kind, owner, stage)),
gone AS (
  SELECT c.oid, a.attnum, g.stage FROM unnest(%s::text[], %s::text[], %s::integer[]) AS g (collection, field, stage)
  JOIN pg_class c ON c.relname = g.collection AND c.relnamespace = 'public'::regnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = g.field AND a.attnum > 0 AND NOT a.attisdropped
  WHERE g.field IS NULL OR a.attnum IS NOT NULL),
freed (classid, objid, objsubid, stage) AS (
  SELECT 'pg_class'::regclass::oid, oid, coalesce(attnum, 0)::integer, stage FROM gone
  UNION SELECT 'pg_constraint'::regclass, f.oid, 0, g.stage
  FROM gone g JOIN pg_constraint f ON f.contype = 'f' AND g.attnum IS NULL AND f.confrelid = g.oid
  UNION SELECT d.classid, d.objid, d.objsubid, f.stage FROM freed f JOIN pg_depend d
    ON d.refclassid = f.classid AND d.refobjid = f.objid AND (f.objsubid = 0 OR d.refobjsubid = f.objsubid)
  WHERE d.deptype IN ('a', 'i')),
named AS (
SELECT w.name, w.stage, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' WHEN 'i' THEN 'index'
  WHEN 'I' THEN 'index' ELSE 'table' END AS what, 'pg_class'::regclass::oid AS classid, c.oid AS objid
FROM w JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE kind IN ('index', 'unique') OR kind = 'table' AND c.relkind NOT IN ('r', 'p', 'v', 'm', 'f')
UNION SELECT w.name, w.stage, 'type', 'pg_type'::regclass, t.oid
FROM w JOIN pg_type t ON t.typname = name AND t.typnamespace = 'public'::regnamespace
WHERE kind = 'table' AND t.typrelid = 0 AND t.typisdefined
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
UNION SELECT w.name, w.stage, 'constraint', 'pg_constraint'::regclass, c.oid FROM w JOIN pg_constraint c
  ON c.conname = name AND c.conrelid = to_regclass(format('public.%%I', owner))
WHERE kind = 'foreign key' OR kind = 'unique' AND c.contype NOT IN ('p', 'u', 'x'))
SELECT DISTINCT n.name, n.what FROM named n WHERE NOT EXISTS (
  SELECT FROM freed f WHERE (f.classid, f.objid, f.objsubid) = (n.classid, n.objid, 0) AND f.stage < n.stage)
ORDER BY 1"""
# The stage of fields that are added to existing collections.
_ADDED: Final = 4
# New fields and relations whose column or foreign key already exists, with the statement that registers it in Directus.
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
# Directus ignores a table without a primary key of one column, and cannot add a field to it.
_UNSERVED: Final = """
SELECT name, (SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p')
FROM unnest(%s::text[]) AS name JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary AND indnatts = 1)"""


def require_free_names(connection: Connection, changes: Sequence[Change], live: Snapshot) -> None:
    """Raise NameTaken if PostgreSQL has something with the name of a new item that Directus does not know or see."""
    _require_free_tables(connection, changes)
    _require_keys(connection, changes)
    _require_free_parts(connection, changes)
    _require_no_others(connection, changes, live)


def _require_free_parts(connection: Connection, changes: Sequence[Change]) -> None:
    parts = [change for change in changes if change.kind in {ItemKind.FIELD, ItemKind.RELATION} and change.makes]
    columns = [[part.kind.value for part in parts], [part.collection for part in parts], [part.field for part in parts]]
    taken = database.query(connection, _PARTS_TAKEN, columns)
    if not taken:
        return
    steps = [
        "if it is the same thing, register it in Directus by SQL, then run again with the option:",
        *(f"  {statement}" for _, _, statement in taken),
        f"  --discard-live {pasted(name for _, name, _ in taken)}",
        "else rename or drop it by SQL; its rows are not touched until you do",
    ]
    raise NameTaken(
        f"{count(len(taken), 'new item')} cannot be created: PostgreSQL has something of that name that Directus does"
        " not know",
        where="\n".join([database.label(connection), *(f"{what} {name}" for what, name, _ in taken)]),
        next="\n".join(steps),
    )


def _require_keys(connection: Connection, changes: Sequence[Change]) -> None:
    keys = {
        change.collection: change.field
        for change in changes
        if change.kind is ItemKind.FIELD and change.makes and (change.after or {})["schema"].get("is_primary_key")
    }
    unserved = database.query(connection, _UNSERVED, (list(keys),))
    if unserved:
        statements = [
            f"  ALTER TABLE {identifier(name)} {f'DROP CONSTRAINT {identifier(old)}, ' if old else ''}"
            f"ADD PRIMARY KEY ({identifier(keys[name])});"
            for name, old in unserved
        ]
        raise NameTaken(
            f"Directus ignores {count(len(unserved), 'table')}, which {'has' if len(unserved) == 1 else 'have'} no"
            " primary key of one column",
            where="\n".join([database.label(connection), *(f"table {name}" for name, _ in unserved)]),
            next="\n".join(["add the key by SQL, then run again:", *statements]),
        )


def _require_free_tables(connection: Connection, changes: Iterable[Change]) -> None:
    new = [change.collection for change in changes if change.kind is ItemKind.COLLECTION and change.makes]
    taken = database.query(connection, _TAKEN, (new,))
    if not taken:
        return
    hidden = ", ".join(name for name, _, is_known in taken if is_known)
    unknown = ", ".join(name for name, _, is_known in taken if not is_known)
    steps = []
    if hidden:
        steps.append(
            f"make the table of {hidden} visible to Directus: check DB_EXCLUDE_TABLES and the rights of its role"
        )
    if unknown:
        steps += [
            f"{unknown}: if it is the same thing, make it a collection in Directus (Settings, Data Model),"
            " then run again;",
            "else rename or drop it by SQL; its rows are not touched until you do",
        ]
    verb = "know or see" if hidden and unknown else "see" if hidden else "know"
    raise NameTaken(
        f"{count(len(taken), 'new collection')} cannot be created: PostgreSQL has something of that name that"
        f" Directus does not {verb}",
        where="\n".join([database.label(connection), *(f"{kind} {name}" for name, kind, _ in taken)]),
        next="\n".join(steps),
    )


def _require_no_others(connection: Connection, changes: Sequence[Change], live: Snapshot) -> None:
    new = {change.collection for change in changes if change.kind is ItemKind.COLLECTION and change.makes}
    freed = {name for change in changes for name in _freed_names(change)}
    named = {
        name: (kind, change)
        for change in changes
        for name, kind in _new_names(change, live)
        if name not in freed or _stage(change, new) < _ADDED
    }
    dropped = [change for change in changes if _drops(change)]
    columns = [
        list(named),
        [kind for kind, _ in named.values()],
        [change.collection for _, change in named.values()],
        [_stage(change, new) for _, change in named.values()],
        [change.collection for change in dropped],
        [change.field for change in dropped],
        [_stage(change, new) for change in dropped],
    ]
    taken = database.query(connection, _NAMED, columns)
    if taken:
        made = {name: f"the {kind.replace('unique', 'index')} of {change.id}" for name, (kind, change) in named.items()}
        lines = [f"{what} {name}, for {made[name]}" for name, what in taken]
        raise NameTaken(
            f"{count(len(taken), 'name')} cannot be given: PostgreSQL has something else of that name",
            where="\n".join([database.label(connection), *lines]),
            next="rename or drop by SQL what has the name now, then run again; or choose another name in Directus",
        )


def _drops(change: Change) -> bool:
    """Return whether a change drops a table or a column."""
    goes = change.action is Action.REMOVE or change.recreated
    return goes and change.kind is not ItemKind.RELATION and bool((change.before or {}).get("schema"))


def _stage(change: Change, new: Container[str]) -> int:
    """Return the stage at which Directus makes a change, from 0 (new collections with their fields) to 5 (relations).

    new: the new collections. Source: utils/apply-diff.js and utils/get-snapshot-diff.js of @directus/api. In batches
    (directus/apply.mjs) fields are changed before others are removed.
    """
    if change.kind is ItemKind.COLLECTION:
        return 1 if change.action is Action.REMOVE else 0
    if change.kind is ItemKind.RELATION:
        return 5
    if change.collection in new:
        return 0
    if change.action is Action.ADD:
        return _ADDED
    return 3 if change.action is Action.REMOVE or change.recreated else 2


def _freed_names(change: Change) -> Iterator[str]:
    """Return the names of the indexes that a changed field loses."""
    lost = {edit.path: True for edit in change.edits if not edit.after}
    if change.kind is ItemKind.FIELD:
        schema = {name: lost.get(("schema", name)) for name in ("is_indexed", "is_unique")}
        yield from default_names.of_column(change.collection, str(change.field), schema)


def _new_names(change: Change, live: Snapshot) -> Iterator[tuple[str, str]]:
    """Return the names of the tables, indexes and foreign keys that a change makes, each with its kind."""
    if change.action is Action.REMOVE:
        return
    if change.kind is ItemKind.COLLECTION and change.makes:
        yield change.collection, "table"
    if change.kind is ItemKind.RELATION and change.makes:
        yield default_names.directus_name("foreign", change.collection, str(change.field)), "foreign key"
    if change.kind is not ItemKind.FIELD:
        return
    before = live.schema("fields", change.key)
    after = (change.after or {}).get("schema") if change.makes else None
    edited = {str(edit.path[-1]): edit.after for edit in change.edits if edit.path[0] == "schema"}
    schema = after or {name: value for name, value in edited.items() if not before.get(name)}
    if not schema.get("has_auto_increment") and not before.get("is_primary_key"):
        for name in default_names.of_column(change.collection, str(change.field), schema):
            yield name, "unique" if name.endswith("_unique") else "index"
