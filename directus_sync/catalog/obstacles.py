"""Rows in the way of a constraint: how many there are, and the first of them. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from psycopg2 import errorcodes

from directus_sync.catalog import Kind, Object
from directus_sync.postgres import database

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

SAMPLE_KEYS: Final = 5

# How PostgreSQL refuses to add something because of rows that are there.
REFUSED_BY_ROWS: Final = frozenset(
    {
        errorcodes.UNIQUE_VIOLATION,
        errorcodes.CHECK_VIOLATION,
        errorcodes.FOREIGN_KEY_VIOLATION,
        errorcodes.EXCLUSION_VIOLATION,
        errorcodes.NOT_NULL_VIOLATION,
    }
)

_TOKEN: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]|[^'"(),]+""")
_ORDERING: Final = re.compile(r"( ASC| DESC)?( NULLS (FIRST|LAST))?$")


@dataclass(frozen=True)
class RowsInTheWay:
    """what: how many, and why; keys: the first keys, one a line; next: what to do about the rows."""

    what: str
    keys: str
    next: str


def find(connection: Connection, item: Object, definition: str, error: psycopg2.Error) -> RowsInTheWay:
    """Count the rows for which PostgreSQL refused to create the object, and name the first keys.

    Falls back to PostgreSQL's own words where the definition can't be turned into a query.
    """
    finders = {
        errorcodes.UNIQUE_VIOLATION: duplicates,
        errorcodes.CHECK_VIOLATION: violations,
        errorcodes.FOREIGN_KEY_VIOLATION: _orphans,
        errorcodes.NOT_NULL_VIOLATION: _nulls,
    }
    finder = finders.get(error.pgcode or "")
    try:
        found = finder(connection, item, definition) if finder is not None else None
    except (psycopg2.Error, ValueError):
        found = None
    if found is not None:
        return found
    detail = error.diag.message_detail or error.diag.message_primary or str(error)
    return RowsInTheWay("rows do not fit it", detail, "mend the rows, then run again")


def duplicates(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    """Return the rows that share a key of a UNIQUE constraint, or None."""
    inside, rest = group(definition)
    columns = [_ORDERING.sub("", column) for column in split(inside)]
    conditions = [] if "NULLS NOT DISTINCT" in definition else [f"({column}) IS NOT NULL" for column in columns]
    _, where, predicate = rest.partition(" WHERE ")
    if where:
        conditions.append(f"({predicate})")
    numbers = ", ".join(str(number) for number, _ in enumerate(columns, 1))
    return _described(
        connection,
        f"SELECT {', '.join(columns)}, count(*) || ' rows', count(*) OVER () FROM {_table(item)}"  # noqa: S608 - the file's SQL is run as it is
        f" WHERE {' AND '.join(conditions) or 'true'} GROUP BY {numbers} HAVING count(*) > 1"
        f" ORDER BY count(*) DESC, {numbers} LIMIT {SAMPLE_KEYS}",
        f"{{count}} keys of {item.name.partition('.')[0]} ({', '.join(columns)}) have more than one row",
        "keep one row of each key, then run again",
    )


def violations(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    """Return the rows that a CHECK constraint would refuse, or None."""
    inside, _ = group(definition)
    key = ", ".join(_primary_key(connection, item)) or "ctid"
    return _described(
        connection,
        f"SELECT {key}, '', count(*) OVER () FROM {_table(item)} WHERE NOT ({inside})"  # noqa: S608 - see above
        f" ORDER BY {key} LIMIT {SAMPLE_KEYS}",
        f"{{count}} rows of {item.name.partition('.')[0]} violate CHECK ({inside})",
        f"mend or delete the rows with these keys ({key}), then run again",
    )


def _orphans(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    inside, rest = group(definition)
    referenced, after = group(rest)
    target = rest.removesuffix(f"({referenced}){after}").removeprefix(" REFERENCES ")
    columns, keys = split(inside), split(referenced)
    present = " AND ".join(f"own.{column} IS NOT NULL" for column in columns)
    matching = " AND ".join(f"other.{key} = own.{column}" for column, key in zip(columns, keys, strict=True))
    selected = ", ".join(f"own.{column}" for column in columns)
    numbers = ", ".join(str(number) for number, _ in enumerate(columns, 1))
    return _described(
        connection,
        f"SELECT {selected}, count(*) || ' rows', count(*) OVER () FROM {_table(item)} AS own"  # noqa: S608 - see above
        f" WHERE {present} AND NOT EXISTS (SELECT FROM {target} AS other WHERE {matching})"
        f" GROUP BY {numbers} ORDER BY count(*) DESC, {numbers} LIMIT {SAMPLE_KEYS}",
        f"{{count}} keys of {item.name.partition('.')[0]} ({', '.join(columns)})"
        f" are not in {target.removeprefix('public.')}",
        "add the rows that they refer to, or delete those that refer to nothing; then run again",
    )


def _nulls(connection: Connection, item: Object, definition: str) -> RowsInTheWay | None:
    """For a required column without a default every row is in the way; for a key, those without a value."""
    if item.kind is Kind.COLUMN:
        columns, condition = [item.name.partition(".")[2]], "true"
    else:
        columns = split(group(definition)[0])
        condition = " OR ".join(f"{column} IS NULL" for column in columns)
    ((count,),) = database.query(connection, f"SELECT count(*) FROM {_table(item)} WHERE {condition}")  # noqa: S608 - see above
    return RowsInTheWay(
        f"{count} rows of {item.name.partition('.')[0]} have no value for {', '.join(columns)}",
        "",
        "add the column by hand without NOT NULL, fill it, set NOT NULL; then run again"
        if item.kind is Kind.COLUMN
        else "fill it in those rows, then run again",
    )


def _described(connection: Connection, sql: str, what: str, advice: str) -> RowsInTheWay | None:
    """Run a query of sample keys; each row is a key, a remark, and the number of all keys."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if not rows:
        return None
    total = rows[0][-1]
    lines = [f"({', '.join(str(value) for value in row[:-2])})  {row[-2]}".rstrip() for row in rows]
    if total > len(rows):
        lines.append(f"and {total - len(rows)} more")
    return RowsInTheWay(what.replace("{count}", str(total)), "\n".join(lines), advice)


def _primary_key(connection: Connection, item: Object) -> list[str]:
    rows = database.query(
        connection,
        "SELECT quote_ident(a.attname) FROM pg_index i"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
        " WHERE i.indisprimary AND i.indrelid = to_regclass(%s) ORDER BY a.attnum",
        (_table(item),),
    )
    return [str(row[0]) for row in rows]


def _table(item: Object) -> str:
    return f"public.{item.parts[0]}"


def group(text: str) -> tuple[str, str]:
    """Return what stands in the first parentheses of a definition, and what follows them.

    Raises ValueError when there are none, or they are not closed.
    """
    start = end = None
    depth = 0
    for match in _TOKEN.finditer(text):
        if match[0] == "(":
            depth += 1
            start = match.end() if start is None else start
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                end = match.start()
                break
    if start is None or end is None:
        raise ValueError(f"no parentheses in {text!r}")
    return text[start:end], text[end + 1 :]


def split(text: str) -> list[str]:
    """Split a list of columns or expressions at the commas that separate them."""
    return [part.strip() for part in _parts(text)]


def _parts(text: str) -> Iterator[str]:
    depth, part = 0, ""
    for piece in _TOKEN.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and depth == 0:
            yield part
            part = ""
        else:
            part += piece
    yield part
