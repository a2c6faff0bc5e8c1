"""Finds what a change would cost in this database: rows at risk, and what PostgreSQL drops with a table or column.

Reads only; needs PostgreSQL 16 for pg_input_is_valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from psycopg2 import sql

from directus_sync import catalog, output
from directus_sync.catalog import Catalog, Kind, Object, query
from directus_sync.errors import WrongSettings
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.schema.columns import INDEXED_BYTES
from directus_sync.schema.plan import DroppedWith, Hazard, Risk, Verdict
from directus_sync.text.wording import shown

# The type comes from a file, so it must match this before it becomes part of a statement.
_TYPE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ]*(\([A-Za-z0-9, ]+\))?")

_NUMBERS: Final = ("integer", "bigint", "smallint", "numeric", "real", "double precision")
_WHOLE: Final = frozenset({"integer", "bigint"})

# Constraints and indexes that PostgreSQL silently drops with one of their columns.
_WITH_COLUMN = """
SELECT coalesce(c.conname, r.relname)::text FROM pg_depend d
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid AND c.conrelid = d.refobjid
LEFT JOIN pg_class r ON d.classid = 'pg_class'::regclass AND r.oid = d.objid AND r.relkind = 'i'
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(format('public.%%I', %(table)s))
  AND a.attname = %(column)s AND num_nonnulls(c.oid, r.oid) > 0
"""
# Foreign keys of other tables. Directus drops them before the table that they refer to.
_TO_TABLE = """
SELECT r.relname::text, c.conname::text FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
WHERE c.contype = 'f' AND c.confrelid = to_regclass(format('public.%%I', %(table)s))
  AND r.relnamespace = 'public'::regnamespace
"""
# By hazard, the condition of the rows that do not fit.
_UNFIT: Final = {
    Hazard.NOT_NULL: "{column} IS NULL",
    Hazard.UNIQUE: "{column} IN (SELECT {column} FROM {table} GROUP BY {column} HAVING count(*) > 1)",
    Hazard.CAST: "{column} IS NOT NULL AND NOT {castable}",
    Hazard.REFERENCE: "{column} IS NOT NULL AND NOT {referring}",
    # PostgreSQL compresses a value for an index as for its table, so it has the same size in both. A row of an index
    # takes up to 2,704 bytes: 8 for its header, and 4 for the length of the value, which pg_column_size counts only if
    # the table does not store the value outside of the row.
    Hazard.INDEX: "pg_column_size({column}) > {longest}",
}
_KEYS_SHOWN: Final = 5
_PRIMARY_KEY: Final = """
SELECT array_agg(attname::text ORDER BY array_position(indkey::int2[], attnum)) FROM pg_index
JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
WHERE indisprimary AND indrelid = to_regclass(format('public.%%I', %s))"""
_ROWS: Final = {
    **{hazard: f"SELECT count(*) FROM {{table}} WHERE {unfit}" for hazard, unfit in _UNFIT.items()},  # noqa: S608 - constants
    # GROUP BY needs no operator on the search path, and operators of extensions are not on it.
    Hazard.UNIQUE: "SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {table}"
    " WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1) AS shared",
    # One row can have the default, two cannot.
    Hazard.SHARED_DEFAULT: "SELECT CASE WHEN count(*) > 1 THEN count(*) ELSE 0 END FROM {table}",
    Hazard.TABLE: "SELECT count(*) FROM {table}",
    Hazard.REQUIRED: "SELECT count(*) FROM {table}",
    Hazard.COLUMN: "SELECT count({column}) FROM {table}",
    # A value fits if the new type can read its text and prints the same text. Numbers may lose trailing zeros.
    Hazard.RETYPE: "SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND"
    " CASE WHEN NOT {readable} THEN true"
    " WHEN {numeric} THEN {column}::text::numeric <> {column}::text::{type}::text::numeric"
    " ELSE {column}::text <> {column}::text::{type}::text END",
}


def count(connection: Connection, risks: Iterable[Risk]) -> dict[Risk, int]:
    """Return the number of rows, values or duplicates for each risk; 0 if the table or column does not exist."""
    found = {}
    for risk in dict.fromkeys(risks):
        source, rows = _type_of(connection, risk), 0
        if source is not None:
            statement = _filled(connection, _ROWS[risk.hazard], risk, source)
            ((rows,),) = database.query(connection, sql.SQL(database.READING) + statement)
        found[risk] = int(rows)
    return found


def keys(connection: Connection, counted: Mapping[Risk, int]) -> dict[Risk, tuple[str, ...]]:
    """Return the first keys of rows that do not fit; the first has its column's name: `id 2`, `4`. Texts are masked."""
    found = {}
    for risk in (risk for risk, rows in counted.items() if rows and risk.hazard in _UNFIT):
        ((names,),) = database.query(connection, _PRIMARY_KEY, (risk.collection,))
        source = _type_of(connection, risk)
        if source is None or names is None or len(names) != 1:
            continue
        condition = _filled(connection, _UNFIT[risk.hazard], risk, source)
        statement = sql.SQL("SELECT {key}::text FROM {table} WHERE {condition} ORDER BY {key} LIMIT {number}").format(
            key=sql.Identifier(names[0]),
            table=sql.Identifier("public", risk.collection),
            condition=condition,
            number=sql.Literal(_KEYS_SHOWN + 1),
        )
        unfit = database.query(connection, sql.SQL(database.READING) + statement)
        shown = [output.value(key) for (key,) in unfit[:_KEYS_SHOWN]] + ["..."] * (len(unfit) > _KEYS_SHOWN)
        found[risk] = (f"{names[0]} {shown[0]}", *shown[1:]) if shown else ()
    return found


def dropped_with(
    connection: Connection, verdicts: Iterable[Verdict], expected: Catalog | None
) -> dict[Risk, tuple[DroppedWith, ...]]:
    """Return what PostgreSQL would silently drop with each table or column, except what Directus itself shows."""
    risks = {risk for verdict in verdicts for risk in verdict.risks if risk.hazard in {Hazard.TABLE, Hazard.COLUMN}}
    if not risks:
        return {}
    listed = frozenset(expected.definitions if expected is not None else ())
    present = query.read(connection).definitions.keys()
    return {
        risk: tuple(
            DroppedWith(str(item), item in listed) for item in sorted(_along(connection, risk, present | listed))
        )
        for risk in risks
    }


def _filled(connection: Connection, statement: str, risk: Risk, source: str) -> sql.Composed:
    """Fill the names and types of a risk into a statement. source: the current type of its column."""
    if risk.target and not _TYPE_NAME.fullmatch(risk.target):
        raise WrongSettings(
            f"{shown(risk.target)} is not the name of a type",
            where=f"{risk.collection}.{risk.field}",
            next="restore the snapshot from git, or write it again: directus-sync pull --overwrite",
        )
    # Types of PostGIS are in `public`, which is not on the search path.
    target = f"public.{risk.target}" if risk.target.startswith("geometry") else risk.target
    column = sql.Identifier(risk.field or "")
    whole = source.startswith(_NUMBERS) and risk.target in _WHOLE
    text = sql.SQL("{}::text").format(column)
    # A cast to an integer rounds a number. Every other possible cast is tested by reading the value's text.
    rounded = sql.SQL("round({}::numeric)::text").format(text) if whole else text
    return sql.SQL(statement).format(
        table=sql.Identifier("public", risk.collection),
        column=column,
        readable=_is_valid(risk, source, text, target),
        castable=_is_valid(risk, source, rounded, target),
        referring=_refers(connection, risk, is_number=source.startswith(_NUMBERS)),
        type=sql.SQL(target or "text"),
        # The table stores a geometry in the row, so pg_column_size counts its length, too.
        longest=sql.Literal(INDEXED_BYTES + 4 * ("geometry" in source)),
        numeric=sql.Literal(source.startswith(_NUMBERS) and risk.target.startswith(_NUMBERS)),
    )


def _is_valid(risk: Risk, source: str, text: sql.Composable, target: str) -> sql.Composable:
    """Return the condition that a value can be cast to the target type."""
    if not risk.target.startswith("geometry"):
        return sql.SQL("pg_input_is_valid({}, {})").format(text, sql.Literal(target))
    if "geometry" not in source:
        return sql.SQL("false")
    # For a geometry that does not fit, pg_input_is_valid raises PostGIS's error instead of returning false.
    shape = risk.target.partition("(")[2].partition(",")[0].upper()
    return sql.SQL(
        "({shape} IN ('GEOMETRY', public.geometrytype({column}::public.geometry))"
        " AND public.st_srid({column}) = 4326 AND public.st_ndims({column}) = 2)"
    ).format(shape=sql.Literal(shape), column=sql.Identifier(risk.field or ""))


def _refers(connection: Connection, risk: Risk, *, is_number: bool) -> sql.Composable:
    """Return the condition that a row refers to an existing row. Its column may still differ in type from the key."""
    key = None if risk.refers is None else _type_of(connection, Risk(Hazard.COLUMN, *risk.refers))
    if risk.refers is None or key is None:
        return sql.SQL("false")
    text = sql.SQL("{}::text").format(sql.Identifier("public", risk.collection, risk.field or ""))
    if is_number and key in _WHOLE:
        text = sql.SQL("round({}::numeric)::text").format(text)
    return sql.SQL(
        "EXISTS (SELECT FROM {table} AS other WHERE other.{column} ="
        " CASE WHEN pg_input_is_valid({text}, {name}) THEN {text}::{type} END)"
    ).format(
        table=sql.Identifier("public", risk.refers[0]),
        column=sql.Identifier(risk.refers[1]),
        text=text,
        name=sql.Literal(key),
        type=sql.SQL(key),
    )


def _type_of(connection: Connection, risk: Risk) -> str | None:
    """Return the type of the risk's column, `table` for a table, or None if it does not exist."""
    if risk.field is None or risk.hazard in {Hazard.REQUIRED, Hazard.SHARED_DEFAULT}:
        ((table,),) = database.query(connection, "SELECT to_regclass(format('public.%%I', %s))", (risk.collection,))
        return None if table is None else "table"
    found = database.query(
        connection,
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = to_regclass(format('public.%%I', %s)) AND attname = %s AND attnum > 0 AND NOT attisdropped",
        (risk.collection, risk.field),
    )
    return str(found[0][0]) if found else None


def _along(connection: Connection, risk: Risk, known: Iterable[Object]) -> list[Object]:
    table = catalog.identifier(risk.collection)
    kinds = (Kind.CONSTRAINT, Kind.INDEX, Kind.TRIGGER)
    parameters = {"table": risk.collection, "column": risk.field}
    if risk.field is None:
        rows = database.query(connection, _TO_TABLE, parameters)
        keys = {Object(Kind.CONSTRAINT, ".".join(map(catalog.identifier, row))) for row in rows}
        owned = (*kinds, Kind.COLUMN)
        return [item for item in known if item in keys or (item.kind in owned and item.name.startswith(f"{table}."))]
    rows = database.query(connection, _WITH_COLUMN, parameters)
    names = {f"{table}.{catalog.identifier(name)}" for (name,) in rows}
    return [item for item in known if item.kind in kinds and item.name in names]
