"""Queries of seeding: tables, values as PostgreSQL prints them, matching rows. Writes only `seeded_rows`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg2
from psycopg2 import sql

from directus_sync.errors import InvalidSeed
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.seed.model import Collection, Column, Field, Table, ValueForm
from directus_sync.seed.sending import dumps, loads
from directus_sync.seed.values import Literal

# Makes PostgreSQL print values the same way on every server. Applies only to the query that it is sent with.
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


# Whether another session writes to the table, or waits for its lock to do so.
_WRITERS: Final = """
SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid <> pg_backend_pid()
  AND l.mode = 'RowExclusiveLock' AND c.relnamespace = 'public'::regnamespace AND c.relname = %s)"""

_REMEMBERED: Final = "directus_sync.seeded_rows"
_RECORD: Final = """
INSERT INTO directus_sync.seeded_rows AS known (collection, item, fields)
SELECT collection, item, fields FROM jsonb_to_recordset(%s) AS x(collection text, item text, fields jsonb)
ON CONFLICT (collection, item) DO UPDATE SET fields = known.fields || excluded.fields, seeded_at = now()"""

# The text to look for in each field; None for null.
Wanted = Mapping[str, str | None]
# The values that files gave each row, by collection and primary key.
Base = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class StoredRow:
    """A row of the database. values: in the form of `Store.canonical`."""

    id: Any
    values: Mapping[str, Any]


def tables(connection: Connection) -> dict[str, Table]:
    """Return the tables that have a primary key of one column. Directus supports no others."""
    columns: dict[str, dict[str, Column]] = defaultdict(dict)
    for table, name, sql_type, nullable, has_default in database.query(connection, _COLUMNS):
        columns[table][name] = Column(sql_type, nullable, has_default)
    keys: dict[str, str] = {}
    unique: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    foreign: dict[str, dict[str, str]] = defaultdict(dict)
    for table, kind, target, names in database.query(connection, _CONSTRAINTS):
        if kind == "p" and len(names) == 1:
            keys[table] = names[0]
        elif kind == "u":
            unique[table].append(tuple(names))
        elif kind == "f" and len(names) == 1:
            foreign[table][names[0]] = target
    return {name: Table(columns[name], key, tuple(unique[name]), foreign[name]) for name, key in keys.items()}


class Store:
    """The rows of one database, and the record of the values that were seeded. Writes only this record."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def canonical(self, values: Iterable[tuple[str, Field, Literal]]) -> dict[tuple[str, str], Any]:
        """Return each value as PostgreSQL prints it, as JSON data, by its SQL type and text.

        values: each with the field's full name, for messages.

        Raises InvalidSeed for a value that its column can't hold.
        """
        wanted: dict[str, dict[str, tuple[str, Field, Literal]]] = {}
        for name, field, literal in values:
            if literal.text is not None:
                wanted.setdefault(field.column.sql_type, {}).setdefault(literal.text, (name, field, literal))
        found: dict[tuple[str, str], Any] = {}
        for sql_type, given in wanted.items():
            if any(field.form is ValueForm.GEOMETRY for _, field, _ in given.values()):
                # pg_input_is_valid does not work for PostGIS's types, so each value is cast on its own.
                for text, (name, _, literal) in given.items():
                    found[sql_type, text] = self._geometry(sql_type, name, literal)
                continue
            # Values are compared as jsonb, so a json value that jsonb refuses would never be equal to anything.
            self._require_valid("jsonb" if sql_type == "json" else sql_type, given)
            found |= {(sql_type, text): value for text, value in self._cast(sql_type, list(given))}
        return found

    def lookup(
        self, collection: Collection, wanted: Sequence[Wanted], shown: Iterable[str] = ()
    ) -> list[list[StoredRow]]:
        """Return for each of `wanted` at most two rows that match it, with the fields `shown`. Takes one query.

        wanted: all must have the same fields.
        """
        fields, found = tuple(wanted[0]), [list[StoredRow]() for _ in wanted]
        document = [
            {"i": row} | {f"c{number}": values[name] for number, name in enumerate(fields)}
            for row, values in enumerate(wanted)
        ]
        statement = sql.SQL(
            "SELECT x.i, to_jsonb(t.{key})::text, (SELECT to_jsonb(s) FROM (SELECT {shown}) s)::text"
            " FROM jsonb_to_recordset({document}) AS x(i int, {types})"
            " JOIN LATERAL (SELECT * FROM public.{table} t WHERE {conditions} LIMIT 2) t ON true ORDER BY x.i"
        ).format(
            document=sql.Literal(dumps(document)),
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
                    # IS NOT DISTINCT FROM uses no index.
                    sql.SQL("IS NOT DISTINCT FROM" if any(row[name] is None for row in wanted) else "="),
                    _numbered(number),
                )
                for number, name in enumerate(fields)
            ),
        )
        for row, key, values in self._query(_PRINTING + statement):
            found[row].append(StoredRow(loads(key), loads(values)))
        return found

    def base(self, collections: Iterable[str]) -> Base:
        """Return the values that were seeded last into the rows of these collections."""
        if not database.has(self._connection, _REMEMBERED):
            return {}
        rows = database.query(
            self._connection,
            "SELECT collection, item, fields::text FROM directus_sync.seeded_rows WHERE collection = ANY (%s)",
            (list(collections),),
        )
        return {(collection, item): loads(fields) for collection, item, fields in rows}

    def record(self, seeded: Base) -> None:
        """Record values that are now equal in file and database. The record of other fields stays as it is."""
        if not seeded or not database.has(self._connection, _REMEMBERED):
            return
        document = [
            {"collection": collection, "item": item, "fields": dict(fields)}
            for (collection, item), fields in seeded.items()
        ]
        with self._connection.cursor() as cursor:
            cursor.execute(_RECORD, (dumps(document),))

    def has_writers(self, collection: Collection) -> bool:
        """Return whether another session is writing rows of the collection, or waiting to do so."""
        ((written,),) = database.query(self._connection, _WRITERS, (collection.name,))
        return bool(written)

    def _query(self, statement: sql.Composable) -> list[tuple[Any, ...]]:
        """Run a statement that includes its values. With parameters, psycopg2 would misread a % in a name."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

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
        statement = sql.SQL("SELECT text, to_jsonb(text::{})::text FROM unnest({}::text[]) AS text").format(
            sql.SQL(sql_type), sql.Literal(texts)
        )
        return [(text, loads(value)) for text, value in self._query(_PRINTING + statement)]

    def _geometry(self, sql_type: str, name: str, literal: Literal) -> Any:
        text, as_type = sql.Literal(literal.text), sql.SQL(sql_type)
        statement = sql.SQL("SELECT public.ST_AsGeoJSON({}::{}, 15)").format(text, as_type)
        try:
            ((value,),) = self._query(statement)
        except psycopg2.Error as error:
            raise _unreadable(name, literal, str(error).splitlines()[0]) from error
        return loads(value)


def _shown(field: Field) -> sql.Composable:
    name = sql.Identifier(field.name)
    if field.form is ValueForm.GEOMETRY:
        return sql.SQL("public.ST_AsGeoJSON(t.{}, 15)::jsonb AS {}").format(name, name)
    return sql.SQL("t.{}").format(name)


def _numbered(number: int) -> sql.Identifier:
    # Numbered, because a field's name could clash with `i`, the first column of the record.
    return sql.Identifier(f"c{number}")


def _unreadable(name: str, literal: Literal, message: str) -> InvalidSeed:
    return InvalidSeed(f"{name} can't have this value: {message}", where=literal.where, next="correct it")
