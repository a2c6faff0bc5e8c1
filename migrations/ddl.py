"""Idempotent DDL for the revisions; checks first, and says what is in the way. Nothing here names a TRM table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from directus_sync.catalog import Kind, Object, rows_in_the_way
from directus_sync.catalog.printed import settled
from directus_sync.errors import PreconditionFailed

PUSH_FIRST = (
    "push the snapshot first: directus-sync push, then alembic upgrade post@head;\n"
    "or run the whole line: directus-sync deploy"
)
COLUMNS_FIRST = f"add them; where Directus owns the table, {PUSH_FIRST}"
_HYPERTABLE = sa.text(
    "SELECT count(*) FROM timescaledb_information.hypertables"
    " WHERE hypertable_schema = 'public' AND hypertable_name = :table"
)
# Null: there is no such index. An unfinished one is invalid, of a hypertable in each chunk that it lacks.
_VALID = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.' || :name)")


def add_unique(
    table: str,
    columns: Sequence[str],
    name: str,
    *,
    nulls_not_distinct: bool = False,
    deferred: bool = False,
    large: bool = False,
) -> None:
    """Add a UNIQUE constraint to a table, unless it is there.

    nulls_not_distinct: rows without a value in an optional column count as equal there. deferred: checked at the
    end of a transaction, so that rows can change places within one. large: build the index CONCURRENTLY, outside the
    revision's transaction, and attach it; not for a hypertable.

    Takes an ACCESS EXCLUSIVE lock on the table while its index is built, or with `large` for the moment in which it is
    attached; the lock_timeout of env.py bounds the wait for it.

    Raises PreconditionFailed when the table or a column is missing, rows violate it (count and first keys), or
    a different constraint has the name.
    """
    definition = (
        f"UNIQUE{' NULLS NOT DISTINCT' if nulls_not_distinct else ''} ({', '.join(columns)})"
        f"{' DEFERRABLE INITIALLY DEFERRED' if deferred else ''}"
    )
    if not (op.get_context().as_sql or _is_to_be_added(table, name, definition, columns)):
        return
    if large:
        distinct = " NULLS NOT DISTINCT" if nulls_not_distinct else ""
        _build_aside(
            name, f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON public.{table} ({', '.join(columns)}){distinct}"
        )
        deferrable = " DEFERRABLE INITIALLY DEFERRED" if deferred else ""
        op.execute(f"ALTER TABLE public.{table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}{deferrable}")
    else:
        options: dict[str, Any] = {"deferrable": True, "initially": "DEFERRED"} if deferred else {}
        if nulls_not_distinct:
            options["postgresql_nulls_not_distinct"] = True
        op.create_unique_constraint(name, table, list(columns), **options)


def add_index(table: str, columns: str, name: str) -> None:
    """Add an index to a large table, unless it is there. columns: as SQL has them: `device_id, ts DESC`.

    Nobody waits for it long: of a hypertable each chunk is locked by itself, any other index is built CONCURRENTLY.
    Measured on 3,650 chunks: 22 s without blocking, against 5.4 s of blocked inserts.

    Runs outside the revision's transaction: a revision does nothing else beside it. An index that a killed run left
    behind unfinished is built again.

    Raises PreconditionFailed when the table is missing.
    """
    require_columns(table, ())
    as_sql = op.get_context().as_sql
    if not as_sql and op.get_bind().scalar(_HYPERTABLE, {"table": table}):
        statement = f"CREATE INDEX {name} ON public.{table} ({columns}) WITH (timescaledb.transaction_per_chunk)"
    else:
        statement = f"CREATE INDEX CONCURRENTLY {name} ON public.{table} ({columns})"
    _build_aside(name, statement)


def _build_aside(name: str, statement: str) -> None:
    """Build an index outside the transaction, in place of an unfinished one; do nothing where it is there."""
    as_sql = op.get_context().as_sql
    valid = None if as_sql else op.get_bind().scalar(_VALID, {"name": name})
    if valid:
        return
    with op.get_context().autocommit_block():
        if valid is False:
            op.execute(f"DROP INDEX public.{name}")
        op.execute(statement)


def drop_unique(table: str, name: str) -> None:
    """Drop a constraint, if it is there."""
    op.drop_constraint(name, table, type_="unique", if_exists=True)


def add_check(table: str, condition: str, name: str) -> None:
    """Add a CHECK constraint to a small table, unless it is there. condition: SQL over the table's columns.

    Takes an ACCESS EXCLUSIVE lock on the table while its rows are looked at; the lock_timeout of env.py bounds the
    wait for it.

    Raises PreconditionFailed when the table is missing, rows violate it (count and first keys), or a different
    constraint has the name.
    """
    if op.get_context().as_sql or _is_to_be_added(table, name, f"CHECK ({condition})"):
        op.create_check_constraint(name, table, sa.text(condition))


def drop_check(table: str, name: str) -> None:
    """Drop a constraint, if it is there."""
    op.drop_constraint(name, table, type_="check", if_exists=True)


def _is_to_be_added(table: str, name: str, definition: str, columns: Sequence[str] = ()) -> bool:
    """Tell whether a constraint is missing; where it is, raise PreconditionFailed unless it can be added."""
    require_columns(table, columns)
    existing = _printed(f"public.{table}", name)
    if existing is None:
        _require_fit(table, name, definition)
        return True
    if existing != _as_printed(table, definition):
        raise PreconditionFailed(
            f"{table} has another constraint named {name}: {existing}",
            next=f"ALTER TABLE {table} DROP CONSTRAINT {name}, if nothing needs it; then run again",
        )
    return False


def _printed(table: str, name: str) -> str | None:
    """Return a constraint as PostgreSQL prints it, or None when the table has none of that name."""
    definition = op.get_bind().scalar(
        sa.text(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = CAST(:table AS regclass) AND conname = :name"
        ),
        {"table": table, "name": name},
    )
    return None if definition is None else settled(definition)


def _as_printed(table: str, definition: str) -> str | None:
    """Return a definition as PostgreSQL would print it: on a table that is like this one, and empty."""
    bind = op.get_bind()
    bind.exec_driver_sql(f"CREATE TEMPORARY TABLE likeness (LIKE public.{table})")
    bind.exec_driver_sql(f"ALTER TABLE pg_temp.likeness ADD CONSTRAINT wanted {definition}")
    printed = _printed("pg_temp.likeness", "wanted")
    bind.exec_driver_sql("DROP TABLE pg_temp.likeness")
    return printed


def _require_fit(table: str, name: str, definition: str) -> None:
    connection = op.get_bind().connection.dbapi_connection
    find = rows_in_the_way.violations if definition.startswith("CHECK") else rows_in_the_way.duplicates
    rows = find(connection, Object(Kind.CONSTRAINT, f"{table}.{name}"), definition)  # type: ignore[arg-type]
    if rows is not None:
        raise PreconditionFailed(f"{name} can't be added: {rows.what}", where=rows.keys, next=rows.next)


def table_exists(table: str) -> bool:
    """Tell whether `public` has the table; False when only SQL is printed."""
    if op.get_context().as_sql:
        return False
    return op.get_bind().scalar(sa.text("SELECT to_regclass(:table)"), {"table": f"public.{table}"}) is not None


def require_columns(table: str, columns: Sequence[str]) -> None:
    """Raise PreconditionFailed unless the table is there and has the columns; says nothing when only SQL is printed."""
    if op.get_context().as_sql:
        return
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
    if present and not missing:
        return
    what = f"columns {', '.join(missing)} of table {table} do" if present else f"table {table} does"
    raise PreconditionFailed(f"{what} not exist yet", next=PUSH_FIRST if not present else COLUMNS_FIRST)
