"""Counts the rows because of which an object can't be created, and lists the first keys. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg2
from psycopg2 import errorcodes, sql

from directus_sync import output
from directus_sync.catalog import Kind, Object, printed
from directus_sync.postgres import database, messages
from directus_sync.postgres.database import Connection
from directus_sync.text.wording import count

SAMPLE_KEYS: Final = 5

_ORDERING: Final = re.compile(r"( ASC| DESC)?( NULLS (FIRST|LAST))?$")


@dataclass(frozen=True)
class RowsInTheWay:
    """Rows that do not fit. what: how many, and why; keys: the first keys, one on each line; next: what to do."""

    what: str
    keys: str
    next: str


# The parts of a sentence such as "2 rows of events violate CHECK (...)": noun, owner, singular verb, plural verb, rest.
_Counted = tuple[str, str, str, str, str]


def find(connection: Connection, item: Object, definition: str, error: psycopg2.Error) -> RowsInTheWay:
    """Count the rows because of which PostgreSQL refused to create the object, and list the first keys.

    Falls back to PostgreSQL's message if the definition can't be turned into a query.
    """
    finder = _FINDERS.get(error.pgcode or "")
    try:
        found = finder(connection, item, definition) if finder is not None else None
    except (psycopg2.Error, ValueError):
        found = None
    if found is not None:
        return found
    return RowsInTheWay("rows do not fit it", messages.reason(error), "correct the rows, then run again")


def duplicates(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    """Return the rows that have the same key of a UNIQUE constraint, or None."""
    inside, rest = printed.group(definition)
    columns = [_ORDERING.sub("", column) for column in printed.split(inside)]
    conditions = [] if "NULLS NOT DISTINCT" in definition else [f"({column}) IS NOT NULL" for column in columns]
    _, where, predicate = rest.partition(" WHERE ")
    if where:
        conditions.append(f"({predicate})")
    query = _by_key(item, columns, " AND ".join(conditions) or "true", "HAVING count(*) > 1")
    what = ("key", f"{item.names[0]} ({', '.join(columns)})", "has", "have", "more than one row")
    return _described(connection, query, what, "keep one row of each key, then run again")


def violations(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    """Return the rows that violate a CHECK constraint, or None."""
    inside, _ = printed.group(definition)
    key = _primary_key(connection, item) or ["ctid"]
    query = sql.SQL(
        "SELECT {key}, NULL, count(*) OVER () FROM {table} WHERE NOT ({condition}) ORDER BY {key} LIMIT {limit}"
    ).format(
        key=sql.SQL(", ").join(map(sql.Identifier, key)),
        table=_table(item),
        condition=_printed(inside),
        limit=sql.Literal(SAMPLE_KEYS),
    )
    what = ("row", item.names[0], "violates", "violate", f"CHECK ({inside})")
    advice = f"correct or delete the rows with these keys ({', '.join(key)}), then run again"
    return _described(connection, query, what, advice)


def _orphans(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    inside, rest = printed.group(definition)
    referenced, after = printed.group(rest)
    target = rest.removesuffix(f"({referenced}){after}").removeprefix(" REFERENCES ")
    columns, keys = printed.split(inside), printed.split(referenced)
    present = " AND ".join(f"own.{column} IS NOT NULL" for column in columns)
    matching = " AND ".join(f"other.{key} = own.{column}" for column, key in zip(columns, keys, strict=True))
    missing = f"NOT EXISTS (SELECT FROM {target} AS other WHERE {matching})"
    query = _by_key(item, columns, f"{present} AND {missing}")
    of = f"{item.names[0]} ({', '.join(columns)})"
    what = ("key", of, "is", "are", f"not in {target.removeprefix('public.')}")
    advice = "add the rows that they refer to, or delete those that refer to nothing; then run again"
    return _described(connection, query, what, advice)


def _nulls(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    """Return the rows without a value: all rows for a required column without a default, else those with a null key."""
    if item.kind is Kind.COLUMN:
        columns, condition = [item.names[1]], "true"
    else:
        columns = printed.split(printed.group(definition)[0])
        condition = " OR ".join(f"{column} IS NULL" for column in columns)
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(_table(item), _printed(condition))
    ((number,),) = _rows(connection, query)
    what = ("row", item.names[0], "has", "have", f"no value for {', '.join(columns)}")
    return RowsInTheWay(
        _sentence(number, what),
        "",
        "add the column by hand without NOT NULL, fill it, set NOT NULL; then run again"
        if item.kind is Kind.COLUMN
        else "fill it in those rows, then run again",
    )


def _by_key(item: Object, columns: list[str], condition: str, having: str = "") -> sql.Composable:
    """Return the query for the most frequent keys of the rows for which the condition holds."""
    return sql.SQL(
        "SELECT {columns}, count(*), count(*) OVER () FROM {table} AS own WHERE {condition}"
        " GROUP BY {numbers} {having} ORDER BY count(*) DESC, {numbers} LIMIT {limit}"
    ).format(
        columns=_printed(", ".join(columns)),
        table=_table(item),
        condition=_printed(condition),
        numbers=sql.SQL(", ").join(sql.Literal(number) for number, _ in enumerate(columns, 1)),
        having=sql.SQL(having),
        limit=sql.Literal(SAMPLE_KEYS),
    )


_FINDERS: Final[Mapping[str, Callable[[Connection, Object, str], RowsInTheWay | None]]] = {
    errorcodes.UNIQUE_VIOLATION: duplicates,
    errorcodes.CHECK_VIOLATION: violations,
    errorcodes.FOREIGN_KEY_VIOLATION: _orphans,
    errorcodes.NOT_NULL_VIOLATION: _nulls,
}
# The errors with which PostgreSQL refuses an object because of existing rows.
REFUSED_BY_ROWS: Final = frozenset({*_FINDERS, errorcodes.EXCLUSION_VIOLATION})


def _described(connection: Connection, query: sql.Composable, what: _Counted, advice: str) -> RowsInTheWay | None:
    """Run a query of sample keys. It returns each key, how many rows have it or null, and the number of all keys."""
    rows = _rows(connection, query)
    if not rows:
        return None
    total = rows[0][-1]
    lines = [
        f"({', '.join(map(output.value, key))})" + ("" if number is None else f"  {count(number, 'row')}")
        for *key, number, _ in rows
    ]
    if total > len(rows):
        lines.append(f"and {total - len(rows)} more")
    if any(output.MASKED in line for line in lines):
        advice += "\nsee the values: directus-sync -v deploy"
    return RowsInTheWay(_sentence(total, what), "\n".join(lines), advice)


def _sentence(number: int, what: _Counted) -> str:
    noun, of, one, many, rest = what
    return f"{count(number, noun)} of {of} {one if number == 1 else many} {rest}"


def _rows(connection: Connection, query: sql.Composable) -> list[tuple[Any, ...]]:
    # Without parameters: with them, psycopg2 would take a % in a definition for a placeholder.
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _primary_key(connection: Connection, item: Object) -> list[str]:
    rows = database.query(
        connection,
        "SELECT a.attname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
        " WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace AND c.relname = %s ORDER BY a.attnum",
        (item.names[0],),
    )
    return [str(row[0]) for row in rows]


def _table(item: Object) -> sql.Identifier:
    return sql.Identifier("public", item.names[0])


def _printed(text: str) -> sql.SQL:
    """Return a part of a definition as SQL. PostgreSQL has already quoted the names in it."""
    return sql.SQL(text)
