"""What the database has: tables, how it reads values, which rows match. One query for many rows; reads only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from psycopg2 import sql

from directus_sync.errors import InvalidSeed
from directus_sync.postgres import database
from directus_sync.seed.model import Collection, Column, Field, Form, Table
from directus_sync.seed.values import Literal

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

# Values are printed alike whatever the server's settings; ends with the statement it is sent with.
_PRINTING: Final = sql.SQL("SET LOCAL timezone TO 'UTC'; SET LOCAL datestyle TO 'ISO, YMD'; ")

_COLUMNS: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
  a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) NOT LIKE 'NULL::%%', false)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum"""

_CONSTRAINTS: Final = """
SELECT c.relname, k.contype::text, (SELECT relname FROM pg_class WHERE oid = k.confrelid),
  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number ORDER BY u.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND k.contype IN ('p', 'u', 'f')
ORDER BY c.relname, k.conname"""


# By field, the text to look for; None for null.
Wanted = Mapping[str, str | None]


@dataclass(frozen=True)
class Found:
    """A row of the database. values: as `Store.canonical` prints them."""

    id: Any
    values: Mapping[str, Any]


def tables(connection: Connection) -> dict[str, Table]:
    """Return the tables with a key of one column; Directus serves no others."""
    columns: dict[str, dict[str, Column]] = {}
    for table, name, sql_type, nullable, has_default in database.query(connection, _COLUMNS):
        columns.setdefault(table, {})[name] = Column(sql_type, nullable, has_default)
    keys: dict[str, str] = {}
    unique: dict[str, list[tuple[str, ...]]] = {}
    foreign: dict[str, dict[str, str]] = {}
    for table, kind, target, names in database.query(connection, _CONSTRAINTS):
        if kind == "p" and len(names) == 1:
            keys[table] = names[0]
        elif kind == "u":
            unique.setdefault(table, []).append(tuple(names))
        elif kind == "f" and len(names) == 1:
            foreign.setdefault(table, {})[names[0]] = target
    return {
        name: Table(columns[name], key, tuple(unique.get(name, ())), foreign.get(name, {}))
        for name, key in keys.items()
    }


class Store:
    """The rows of one database, through a connection that is not written to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def canonical(self, values: Iterable[tuple[str, Field, Literal]]) -> dict[tuple[str, str], Any]:
        """Return how PostgreSQL prints each value, as JSON, by its type and its text.

        values: with the field's full name, for messages.

        Raises InvalidSeed for a value that its column can't hold.
        """
        wanted: dict[str, dict[str, tuple[str, Field, Literal]]] = {}
        for name, field, literal in values:
            if literal.text is not None:
                wanted.setdefault(field.column.sql_type, {}).setdefault(literal.text, (name, field, literal))
        found: dict[tuple[str, str], Any] = {}
        for sql_type, given in wanted.items():
            if any(field.form is Form.GEOMETRY for _, field, _ in given.values()):
                # PostGIS's input can't be asked whether it likes a value, so each is tried.
                for text, (name, _, literal) in given.items():
                    found[sql_type, text] = self._geometry(sql_type, name, literal)
                continue
            self._require_valid(sql_type, given)
            found |= {(sql_type, text): value for text, value in self._cast(sql_type, list(given))}
        return found

    def lookup(self, collection: Collection, wanted: Sequence[Wanted], shown: Iterable[str] = ()) -> list[list[Found]]:
        """Return the rows that match each of `wanted`, at most two, with the fields `shown`.

        wanted: all name the same fields.
        """
        fields = tuple(wanted[0])
        statement = sql.SQL(
            "SELECT x.i, to_jsonb(t.{key})::text, (SELECT to_jsonb(s) FROM (SELECT {shown}) s)::text"
            " FROM jsonb_to_recordset(%s) AS x(i int, {types})"
            " JOIN LATERAL (SELECT * FROM public.{table} t WHERE {conditions} LIMIT 2) t ON true ORDER BY x.i"
        ).format(
            key=sql.Identifier(collection.primary_key),
            shown=sql.SQL(", ").join(
                [sql.SQL("1 AS {}").format(sql.Identifier("$")), *(_shown(collection.fields[name]) for name in shown)]
            ),
            types=sql.SQL(", ").join(
                sql.SQL("{} {}").format(_numbered(number), sql.SQL(collection.fields[name].column.sql_type))
                for number, name in enumerate(fields)
            ),
            table=sql.Identifier(collection.name),
            conditions=sql.SQL(" AND ").join(
                sql.SQL("t.{} {} x.{}").format(
                    sql.Identifier(name),
                    # No index helps with the first.
                    sql.SQL("IS NOT DISTINCT FROM" if any(row[name] is None for row in wanted) else "="),
                    _numbered(number),
                )
                for number, name in enumerate(fields)
            ),
        )
        document = [
            {"i": row} | {f"c{number}": values[name] for number, name in enumerate(fields)}
            for row, values in enumerate(wanted)
        ]
        found: list[list[Found]] = [[] for _ in wanted]
        for row, key, values in database.query(self._connection, _PRINTING + statement, (json.dumps(document),)):
            found[row].append(Found(_load(key), _load(values)))
        return found

    def _require_valid(self, sql_type: str, given: Mapping[str, tuple[str, Field, Literal]]) -> None:
        rows = database.query(
            self._connection,
            "SELECT text, (pg_input_error_info(text, %(type)s)).message FROM unnest(%(texts)s::text[]) AS text"
            " WHERE NOT pg_input_is_valid(text, %(type)s)",
            {"type": sql_type, "texts": list(given)},
        )
        for text, message in rows:
            name, _, literal = given[text]
            raise _unreadable(name, literal, message)

    def _cast(self, sql_type: str, texts: list[str]) -> list[tuple[str, Any]]:
        statement = sql.SQL("SELECT text, to_jsonb(text::{})::text FROM unnest(%s::text[]) AS text").format(
            sql.SQL(sql_type)
        )
        rows = database.query(self._connection, _PRINTING + statement, (texts,))
        return [(text, _load(value)) for text, value in rows]

    def _geometry(self, sql_type: str, name: str, literal: Literal) -> Any:
        statement = sql.SQL("SELECT ST_AsGeoJSON(%s::{}, 15)").format(sql.SQL(sql_type))
        try:
            ((value,),) = database.query(self._connection, statement, (literal.text,))
        except psycopg2.Error as error:
            raise _unreadable(name, literal, str(error).splitlines()[0]) from error
        return _load(value)


def sent(field: Field, literal: Literal, canonical: Any) -> Any:
    """Return a value as Directus gets it."""
    if literal.text is None or field.form is not Form.PLAIN:
        return literal.plain
    return sendable(field, canonical)


def sendable(field: Field, canonical: Any) -> Any:
    """Return a canonical value, such as one read from the database, as Directus gets it."""
    if field.form is Form.LIST and isinstance(canonical, str):
        return canonical.split(",")
    if field.column.sql_type.startswith(("numeric", "bigint")) and canonical is not None:
        # JavaScript's numbers don't hold all of these.
        return str(canonical)
    return _floats(canonical)


def _floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return {key: _floats(item) for key, item in value.items()} if isinstance(value, dict) else value


def _shown(field: Field) -> sql.Composable:
    name = sql.Identifier(field.name)
    if field.form is Form.GEOMETRY:
        return sql.SQL("ST_AsGeoJSON(t.{}, 15)::jsonb AS {}").format(name, name)
    return sql.SQL("t.{}").format(name)


def _numbered(number: int) -> sql.Identifier:
    # A field may have any name, also one of the record's own.
    return sql.Identifier(f"c{number}")


def _load(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _unreadable(name: str, literal: Literal, message: str) -> InvalidSeed:
    return InvalidSeed(f"{name} can't have this value: {message}", where=literal.where, next="correct it")
