"""Builds the SQL that restores one object of the catalog. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from psycopg2.sql import SQL, Composable, Identifier, Literal

from directus_sync.catalog import Difference, Drift, Kind

_SCHEMA: Final = "public"

# Changed objects of these kinds are dropped and created again. No rows are lost.
DROPPED_FIRST: Final = frozenset({Kind.CONSTRAINT, Kind.INDEX, Kind.TRIGGER})

# The definition of any other kind is a statement.
_CREATE: Final = {
    Kind.EXTENSION: "CREATE EXTENSION IF NOT EXISTS {name} SCHEMA public",
    # Its columns are separate objects, which are restored next.
    Kind.TABLE: "CREATE TABLE {table} ()",
    Kind.COLUMN: "ALTER TABLE {table} ADD COLUMN {name} {definition}",
    Kind.CONSTRAINT: "ALTER TABLE {table} ADD CONSTRAINT {name} {definition}",
    Kind.DEFERRABLE: "ALTER TABLE {table} ALTER CONSTRAINT {name} {definition}",
}


def statements(difference: Difference) -> tuple[Composable, ...]:
    """Return the SQL that restores one object."""
    return (*_drop(difference), *_create(difference))


def _create(difference: Difference) -> Iterator[Composable]:
    item, definition = difference.object, difference.expected or ""
    *tables, name = item.names
    table = Identifier(_SCHEMA, tables[0] if tables else name)
    if item.kind is Kind.HYPERTABLE:
        yield from _hypertable(name, definition.splitlines())
    elif difference.built and item.kind is Kind.INDEX:
        statement = SQL("ALTER INDEX {} RENAME TO {}")
        yield statement.format(Identifier(_SCHEMA, difference.built), Identifier(name))
    elif difference.built:
        deferrable = SQL(definition[definition.find(" DEFERRABLE") :] if " DEFERRABLE" in definition else "")
        statement = SQL("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {index}{deferrable}")
        index = Identifier(difference.built)
        yield statement.format(table=table, name=Identifier(name), index=index, deferrable=deferrable)
    elif item.kind is Kind.COMMENT and tables:
        yield SQL("COMMENT ON COLUMN {} IS {}").format(Identifier(_SCHEMA, *tables, name), Literal(definition))
    elif item.kind is Kind.COMMENT:
        yield SQL("COMMENT ON TABLE {} IS {}").format(table, Literal(definition))
    else:
        statement = SQL(_CREATE.get(item.kind, "{definition}"))
        yield statement.format(name=Identifier(name), table=table, definition=SQL(definition))


def _hypertable(name: str, dimensions: Sequence[str]) -> Iterator[Composable]:
    first, *further = map(SQL, dimensions)
    table = SQL("format('%I.%I', {}, {})::regclass").format(Literal(_SCHEMA), Literal(name))
    create = SQL(
        "SELECT public.create_hypertable({}, public.{}, migrate_data => true, create_default_indexes => false)"
    )
    yield create.format(table, first)
    for dimension in further:
        yield SQL("SELECT public.add_dimension({}, public.{})").format(table, dimension)


def _drop(difference: Difference) -> Iterator[Composable]:
    if difference.actual is None or difference.object.kind not in DROPPED_FIRST:
        return
    table, name = difference.object.names
    if difference.built == name:
        return
    # The index to replace, or an invalid one that should have become the constraint.
    if difference.object.kind is Kind.INDEX or difference.kind is Drift.MISSING:
        yield SQL("DROP INDEX {}").format(Identifier(_SCHEMA, name))
    elif difference.object.kind is Kind.TRIGGER:
        yield SQL("DROP TRIGGER {} ON {}").format(Identifier(name), Identifier(_SCHEMA, table))
    else:
        yield SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(Identifier(_SCHEMA, table), Identifier(name))
