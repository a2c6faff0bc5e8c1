"""Idempotent DDL for the revisions; checks first, and says what is in the way. Nothing here names a TRM table."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from directus_sync.errors import PreconditionFailed

SAMPLE_KEYS = 5

PUSH_FIRST = (
    "push the snapshot first: directus-sync push, then alembic upgrade post@head;\n"
    "or run the whole line: directus-sync deploy"
)
COLUMNS_FIRST = f"add them; where Directus owns the table, {PUSH_FIRST}"


def add_unique(table: str, columns: Sequence[str], name: str) -> None:
    """Add a UNIQUE constraint to a small table, unless it is there.

    Takes an ACCESS EXCLUSIVE lock on the table while its index is built; the lock_timeout of env.py bounds the
    wait for it. For a large table build the index CONCURRENTLY first and attach it.

    Raises PreconditionFailed when the table or a column is missing, rows violate it (count and first keys), or
    a different constraint has the name.
    """
    if op.get_context().as_sql:
        op.create_unique_constraint(name, table, list(columns))
        return
    existing = constraint_columns(table, name)
    if existing == list(columns):
        return
    if existing is not None:
        raise PreconditionFailed(
            f"{table} has another constraint named {name}, on ({', '.join(existing)})",
            next=f"ALTER TABLE {table} DROP CONSTRAINT {name}, if nothing needs it; then run again",
        )
    require_columns(table, columns)
    require_no_duplicates(table, columns, name)
    op.create_unique_constraint(name, table, list(columns))


def drop_unique(table: str, name: str) -> None:
    """Drop a constraint, if it is there."""
    op.drop_constraint(name, table, type_="unique", if_exists=True)


def constraint_columns(table: str, name: str) -> list[str] | None:
    """Return the columns of a UNIQUE constraint in their order, or None when no constraint has that name."""
    row = (
        op.get_bind()
        .execute(
            sa.text(
                "SELECT c.contype, array_agg(a.attname::text ORDER BY k.position)"
                " FROM pg_constraint c CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k (number, position)"
                " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number"
                " WHERE c.conrelid = to_regclass(:table) AND c.conname = :name GROUP BY c.oid, c.contype"
            ),
            {"table": f"public.{table}", "name": name},
        )
        .one_or_none()
    )
    if row is None:
        return None
    return list(row[1]) if row[0] == "u" else []


def table_exists(table: str) -> bool:
    """Tell whether `public` has the table; False when only SQL is printed."""
    if op.get_context().as_sql:
        return False
    return op.get_bind().scalar(sa.text("SELECT to_regclass(:table)"), {"table": f"public.{table}"}) is not None


def require_columns(table: str, columns: Sequence[str]) -> None:
    """Raise PreconditionFailed unless the table has the columns."""
    present = set(
        op.get_bind().scalars(
            sa.text(
                "SELECT attname::text FROM pg_attribute"
                " WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"
            ),
            {"table": f"public.{table}"},
        )
    )
    missing = [column for column in columns if column not in present]
    if not missing:
        return
    what = f"columns {', '.join(missing)} of table {table} do" if present else f"table {table} does"
    raise PreconditionFailed(f"{what} not exist yet", next=PUSH_FIRST if not present else COLUMNS_FIRST)


def require_no_duplicates(table: str, columns: Sequence[str], name: str) -> None:
    """Raise PreconditionFailed when rows share a key. Rows with a NULL in the key never do."""
    selected = sa.table(table, *(sa.column(column) for column in columns), schema="public")
    count = sa.func.count()
    groups = (
        sa.select(*selected.c, count.label("rows"), sa.func.count().over().label("keys"))
        .where(*(column.is_not(None) for column in selected.c))
        .group_by(*selected.c)
        .having(count > 1)
        .order_by(count.desc(), *selected.c)
        .limit(SAMPLE_KEYS)
    )
    found = op.get_bind().execute(groups).all()
    if not found:
        return
    keys = "\n".join(f"({', '.join(str(value) for value in row[:-2])})  {row[-2]} rows" for row in found)
    total = found[0][-1]
    more = f"\nand {total - len(found)} more" if total > len(found) else ""
    raise PreconditionFailed(
        f"{name} can't be added: {total} keys of {table} ({', '.join(columns)}) have more than one row",
        where=keys + more,
        next="keep one row of each key, then run again",
    )
