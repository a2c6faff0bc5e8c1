"""What has the name of a new table, column, index or foreign key already, in PostgreSQL and unknown to Directus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from directus_sync.errors import NameTaken
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema import default_names
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.snapshot import Snapshot
from directus_sync.sql_text import identifier
from directus_sync.wording import count

# Directus lists a collection only if it has a row for it.
_TAKEN: Final = """
SELECT name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END,
  EXISTS (SELECT FROM public.directus_collections d WHERE d.collection = name)
FROM unnest(%s::text[]) AS name JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"""
# What else has the name of a new table, index or foreign key. A table makes a type of its name; PostgreSQL renames an
# array type that it made for another.
_NAMED: Final = """
WITH w AS (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) AS w (name, kind, owner))
SELECT name, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index'
  ELSE 'table' END
FROM w JOIN pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
WHERE kind = 'index' OR kind = 'table' AND c.relkind NOT IN ('r', 'p', 'v', 'm', 'f')
UNION SELECT name, 'type' FROM w JOIN pg_type t ON t.typname = name AND t.typnamespace = 'public'::regnamespace
WHERE kind = 'table' AND t.typrelid = 0 AND t.typisdefined
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
UNION SELECT name, 'constraint' FROM w JOIN pg_constraint c
  ON c.conname = name AND c.conrelid = to_regclass(format('public.%%I', owner)) AND c.conindid = 0
WHERE kind <> 'table' ORDER BY 1"""
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


def require_free_names(connection: Connection, changes: Sequence[Change], live: Snapshot) -> None:
    """Raise NameTaken for what is new, and PostgreSQL has something of that name that Directus does not know or see."""
    _require_free_tables(connection, changes)
    _require_keys(connection, changes)
    _require_free_parts(connection, changes)
    _require_no_others(connection, changes, live)


def _require_free_parts(connection: Connection, changes: Sequence[Change]) -> None:
    parts = [change for change in changes if change.kind in {ItemKind.FIELD, ItemKind.RELATION} and change.makes]
    columns = [[part.kind.value for part in parts], [part.collection for part in parts], [part.field for part in parts]]
    taken = database.query(connection, _PARTS_TAKEN, columns) if parts else []
    if not taken:
        return
    ids = ",".join(dict.fromkeys(name for _, name, _ in taken))
    steps = [
        "if it is the same thing, let Directus know it by SQL, then run again with the option:",
        *(f"  {statement}" for _, _, statement in taken),
        f"  --discard-live {ids}",
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
    unserved = database.query(connection, _UNSERVED, (list(keys),)) if keys else []
    if unserved:
        statements = [
            f"  ALTER TABLE {identifier(name)} {f'DROP CONSTRAINT {identifier(old)}, ' if old else ''}"
            f"ADD PRIMARY KEY ({identifier(keys[name] or '')});"
            for name, old in unserved
        ]
        raise NameTaken(
            f"Directus does not see {count(len(unserved), 'table')}, which {'has' if len(unserved) == 1 else 'have'} no"
            " primary key of one column",
            where="\n".join([database.label(connection), *(f"table {name}" for name, _ in unserved)]),
            next="\n".join(["give back the key by SQL, then run again:", *statements]),
        )


def _require_free_tables(connection: Connection, changes: Iterable[Change]) -> None:
    new = [change.collection for change in changes if change.kind is ItemKind.COLLECTION and change.makes]
    taken = database.query(connection, _TAKEN, (new,)) if new else []
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


def _require_no_others(connection: Connection, changes: Iterable[Change], live: Snapshot) -> None:
    named = {name: (kind, change) for change in changes for name, kind in _new_names(change, live)}
    columns = [list(named), [kind for kind, _ in named.values()], [change.collection for _, change in named.values()]]
    taken = database.query(connection, _NAMED, columns) if named else []
    if taken:
        lines = [f"{what} {name}, for the {named[name][0]} of {named[name][1].id}" for name, what in taken]
        raise NameTaken(
            f"{count(len(taken), 'name')} cannot be given: PostgreSQL has something else of that name",
            where="\n".join([database.label(connection), *lines]),
            next="rename what is there by SQL, or drop it, then run again; or choose another name in Directus",
        )


def _new_names(change: Change, live: Snapshot) -> Iterator[tuple[str, str]]:
    """Return the names of the tables, indexes and foreign keys that a change makes, and what each is."""
    if change.action is Action.REMOVE:
        return
    if change.kind is ItemKind.COLLECTION and change.makes:
        yield change.collection, "table"
    if change.kind is ItemKind.RELATION and change.makes:
        yield default_names.directus_name("foreign", change.collection, str(change.field)), "foreign key"
    if change.kind is not ItemKind.FIELD:
        return
    before = (live.section("fields").get(change.key) or {}).get("schema") or {}
    after = (change.after or {}).get("schema") if change.makes else None
    edited = {str(edit.path[-1]): edit.after for edit in change.edits if edit.path[0] == "schema"}
    schema = after or {name: value for name, value in edited.items() if not before.get(name)}
    if not schema.get("has_auto_increment") and not before.get("is_primary_key"):
        yield from ((name, "index") for name in default_names.of_column(change.collection, str(change.field), schema))
