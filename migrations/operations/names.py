"""Renames the indexes, constraints, triggers and sequences of a table when the table or a column is renamed.

A name changes if Directus or PostgreSQL would have generated it, or if it follows the project's convention
`<table>_<columns>_<kind>`. Any other name stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from directus_sync.schema.default_names import LENGTHS, NAME_BYTES, directus_name, sequence_name
from directus_sync.schema.renames.rewriting import Rename
from migrations.operations.schema import REGCLASS, execute

RENAMES: Final = {
    "index": "ALTER INDEX public.{name} RENAME TO {new}",
    "constraint": "ALTER TABLE public.{table} RENAME CONSTRAINT {name} TO {new}",
    "trigger": "ALTER TRIGGER {name} ON public.{table} RENAME TO {new}",
    "sequence": "ALTER SEQUENCE public.{name} RENAME TO {new}",
}

# An index that belongs to a constraint is listed only as an index: renaming it renames both.
FIND: Final = f"""
SELECT 'index' AS kind, i.relname::text AS name,
       ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k (number, position)
             JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number ORDER BY k.position) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_depend d JOIN pg_attribute a ON a.attrelid = x.indrelid
             AND a.attnum = d.refobjsubid WHERE d.objid = x.indexrelid AND d.refobjid = x.indrelid
             ORDER BY a.attnum) AS uses
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = {REGCLASS}
UNION ALL
SELECT 'constraint', c.conname::text,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (number, position)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.position), '{{}}'
FROM pg_constraint c WHERE c.conrelid = {REGCLASS} AND c.contype NOT IN ('p', 'u', 'x', 't')
UNION ALL
SELECT 'trigger', t.tgname::text,
       ARRAY(SELECT a.attname::text FROM unnest(t.tgattr) WITH ORDINALITY AS k (number, position)
             JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = k.number ORDER BY k.position), '{{}}'
FROM pg_trigger t WHERE t.tgrelid = {REGCLASS} AND NOT t.tgisinternal
UNION ALL
SELECT 'sequence', s.relname::text, ARRAY[a.attname::text], '{{}}'
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjid = {REGCLASS}
ORDER BY 1, 2
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class Named:
    """A named object of a table. columns: its columns in its own order, with their old names."""

    kind: str
    name: str
    columns: tuple[str, ...]


def find(connection: sa.Connection, rename: Rename, table: str) -> list[Named]:
    """Return the named objects of the table, before or after it was renamed."""
    swapped = {rename.new: rename.field} if rename.field else {}
    rows = connection.execute(sa.text(FIND), {"table": table})
    return [
        # uses: columns of an expression or a predicate, which are not in the key, but on which the index depends.
        Named(kind, name, tuple(swapped.get(column) or column for column in dict.fromkeys([*columns, *uses])))
        for kind, name, columns, uses in rows
    ]


def carry_over(connection: sa.Connection, rename: Rename, table: str) -> list[str]:
    """Rename the objects of the renamed table or column; return `kind old -> new` for each. table: its current name."""
    done = []
    for item in find(connection, rename, table):
        name = new_name(item, rename)
        if name not in (None, item.name):
            execute(connection, RENAMES[item.kind], table=table, name=item.name, new=str(name))
            done.append(f"{item.kind} {item.name} -> {name}")
    return done


def new_name(item: Named, rename: Rename) -> str | None:
    """Return the object's name after the rename; None if its name does not depend on what is renamed."""
    if rename.field is not None and rename.field not in item.columns:
        return None
    old_table = rename.collection
    new_table = rename.collection if rename.field else rename.new
    new_columns = tuple(rename.new if column == rename.field else column for column in item.columns)
    for old, new in zip(given_names(old_table, item.columns), given_names(new_table, new_columns), strict=True):
        if item.name == old:
            return new
    if rename.field is None:
        rest = item.name.removeprefix(f"{old_table}_")
        return _fitting(f"{new_table}_{rest}") if rest != item.name else None
    return _with_columns(item, rename, new_columns)


def given_names(table: str, columns: Sequence[str]) -> list[str]:
    """Return every name that Directus or PostgreSQL would generate."""
    names = [f"{table}_pkey"[:NAME_BYTES]]
    if len(columns) == 1:
        names += [directus_name(kind, table, columns[0]) for kind in LENGTHS]
        names.append(sequence_name(table, columns[0]))
    return names


def _with_columns(item: Named, rename: Rename, columns: Sequence[str]) -> str | None:
    """Return `<table>_<columns>_<kind>` with the new columns; otherwise replace the old column in the name.

    Return None if the name does not begin with the table, or does not contain the old column exactly once.
    """
    table = f"{rename.collection}_"
    listed = f"{table}{'_'.join(item.columns)}_"
    if item.name.startswith(listed):
        return _fitting(f"{table}{'_'.join(columns)}_{item.name.removeprefix(listed)}")
    rest = f"_{item.name.removeprefix(table)}_"
    segment = f"_{rename.field}_"
    # Neighbouring segments share an underscore, so str.count would miss the second one.
    if not item.name.startswith(table) or len(re.findall(f"(?={re.escape(segment)})", rest)) != 1:
        return None
    return _fitting(table + rest.replace(segment, f"_{rename.new}_")[1:-1])


def _fitting(name: str) -> str | None:
    return name if len(name.encode()) <= NAME_BYTES else None
