"""Counts the rows that a change puts at risk. Reads only; needs PostgreSQL 16 for pg_input_is_valid."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from psycopg2 import sql

from directus_sync.errors import WrongSettings
from directus_sync.postgres import database
from directus_sync.schema.guard import Hazard, Risk

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

# The type comes from a file; it is compared with this before it becomes part of a statement.
_TYPE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ]*(\([A-Za-z0-9, ]+\))?")

_ROWS: Final = {
    Hazard.TABLE: "SELECT count(*) FROM {table}",
    Hazard.REQUIRED: "SELECT count(*) FROM {table}",
    Hazard.COLUMN: "SELECT count({column}) FROM {table}",
    Hazard.NOT_NULL: "SELECT count(*) FROM {table} WHERE {column} IS NULL",
    Hazard.UNIQUE: "SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {table}"
    " WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1) AS shared",
    # A value fits when its text can be read as the new type, and comes back as the same text; numbers may lose
    # trailing zeros.
    Hazard.RETYPE: "SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND"
    " CASE WHEN NOT pg_input_is_valid({column}::text, {target}) THEN true"
    " WHEN {numeric} THEN {column}::text::numeric <> {column}::text::{type}::text::numeric"
    " ELSE {column}::text <> {column}::text::{type}::text END",
}


def count(connection: Connection, risks: Iterable[Risk]) -> dict[Risk, int]:
    """Return how many rows, values or duplicates each risk concerns; 0 where table or column does not exist."""
    return {risk: _count(connection, risk) for risk in dict.fromkeys(risks)}


def _count(connection: Connection, risk: Risk) -> int:
    source = _type_of(connection, risk)
    if source is None:
        return 0
    if risk.hazard is Hazard.RETYPE and not _TYPE_NAME.fullmatch(risk.target):
        raise WrongSettings(
            f"{risk.target[:40]!r} is not the name of a type",
            where=f"{risk.collection}.{risk.field}",
            next="restore the snapshot from git, or write it anew: directus-sync pull --overwrite",
        )
    numbers = ("integer", "bigint", "smallint", "numeric", "real", "double precision")
    statement = sql.SQL(_ROWS[risk.hazard]).format(
        table=sql.Identifier("public", risk.collection),
        column=sql.Identifier(risk.field or ""),
        target=sql.Literal(risk.target),
        type=sql.SQL(risk.target or "text"),
        numeric=sql.Literal(source.startswith(numbers) and risk.target.startswith(numbers)),
    )
    ((rows,),) = database.query(connection, sql.SQL(database.READING) + statement)
    return int(rows)


def _type_of(connection: Connection, risk: Risk) -> str | None:
    """Return the type of the risk's column, `table` for a table, or None where it does not exist."""
    if risk.field is None or risk.hazard is Hazard.REQUIRED:
        ((table,),) = database.query(connection, "SELECT to_regclass(%s)", (f'public."{risk.collection}"',))
        return None if table is None else "table"
    found = database.query(
        connection,
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attname = %s AND attnum > 0 AND NOT attisdropped",
        (f'public."{risk.collection}"', risk.field),
    )
    return str(found[0][0]) if found else None
