"""Restores a copy into a table: adds missing rows and values, compares existing ones and does not overwrite them.

Each step is tried on all rows at once. If PostgreSQL refuses, it runs row by row, to learn which rows fail and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from psycopg2 import sql

from directus_sync.attic import tables
from directus_sync.attic.registry import Copy
from directus_sync.attic.tables import Column, Table
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# c: the copy; t: the table; s: the state of each row of the copy. outcome: new, equal, restored or rejected.
_STATE: Final = (
    "CREATE TEMPORARY TABLE attic_state (tid tid PRIMARY KEY, key text, outcome text, reason text) ON COMMIT DROP"
)

# A row may refer to another row of the same table, which must be inserted first. So passes are repeated until one
# inserts no row. Their direction alternates, so that a long chain of parents or children takes few passes.
_FIT: Final = """
DECLARE
  r record;
  got_further boolean;
  direction text := 'ASC';
  number bigint;
  message text;
  detail text;
BEGIN
  BEGIN
    {judge};
  EXCEPTION WHEN OTHERS THEN
    FOR r IN SELECT c.ctid AS tid, {key} AS key FROM {copy} AS c LOOP
      BEGIN
        {judge} WHERE c.ctid = r.tid;
      EXCEPTION WHEN OTHERS THEN
        INSERT INTO pg_temp.attic_state VALUES (r.tid, r.key, 'rejected', SQLERRM);
      END;
    END LOOP;
  END;
  LOOP
    got_further := false;
    BEGIN
      {put};
      GET DIAGNOSTICS number = ROW_COUNT;
      IF number <> (SELECT count(*) FROM pg_temp.attic_state WHERE outcome = 'new') THEN
        RAISE EXCEPTION 'not all of them';
      END IF;
      UPDATE pg_temp.attic_state SET outcome = 'restored' WHERE outcome = 'new';
      EXIT;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
    FOR r IN EXECUTE 'SELECT tid FROM pg_temp.attic_state WHERE outcome = ''new'' ORDER BY tid ' || direction LOOP
      BEGIN
        {put} AND s.tid = r.tid;
        IF NOT FOUND THEN
          RAISE EXCEPTION 'a trigger of the table skipped it';
        END IF;
        UPDATE pg_temp.attic_state SET outcome = 'restored' WHERE tid = r.tid;
        got_further := true;
      EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        UPDATE pg_temp.attic_state
          SET reason = message || CASE WHEN detail LIKE 'Key %' THEN ': ' || detail ELSE '' END,
            outcome = CASE WHEN SQLSTATE = '23503' THEN 'new' ELSE 'rejected' END
          WHERE tid = r.tid;
      END;
    END LOOP;
    EXIT WHEN NOT got_further;
    direction := CASE direction WHEN 'ASC' THEN 'DESC' ELSE 'ASC' END;
  END LOOP;
  UPDATE pg_temp.attic_state SET outcome = 'rejected' WHERE outcome = 'new';
END
"""

_SEQUENCE: Final = (
    "SELECT setval({sequence}, filled.last)"
    " FROM (SELECT max({column}) AS last FROM {table}) AS filled, {sequence_table} AS s"
    " WHERE filled.last > s.last_value OR (filled.last = s.last_value AND NOT s.is_called)"
)


@dataclass(frozen=True)
class Rejected:
    """A row that was not restored. key: its primary key."""

    key: str
    reason: str


@dataclass(frozen=True)
class Fitted:
    """How many rows of a copy were restored or already there, and which were rejected."""

    restored: int
    already_there: int
    rejected: tuple[Rejected, ...]

    def __add__(self, other: Fitted) -> Fitted:
        """Return the sum of both."""
        return Fitted(
            self.restored + other.restored,
            self.already_there + other.already_there,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True)
class _Pair:
    """A column of the copy, and the column of the same name in the table."""

    copied: Column
    column: Column

    @property
    def original(self) -> sql.Identifier:
        return sql.Identifier("c", self.copied.name)

    @property
    def value(self) -> sql.Composable:
        if self.copied.type == self.column.type:
            return self.original
        return sql.SQL("{}::text::{}").format(self.original, sql.SQL(self.column.type))

    @property
    def changed(self) -> sql.Composable:
        """The condition that the table's type can't hold the value: converted there and back, it differs."""
        if self.copied.type == self.column.type:
            return sql.SQL("false")
        return sql.SQL("({}::text::{})::text IS DISTINCT FROM {}::text").format(
            self.value, sql.SQL(self.copied.type), self.original
        )

    @property
    def differs(self) -> sql.Composable:
        """The condition that the table's row has another value. Compares text, because json and points have no `=`."""
        return sql.SQL("{}::text IS DISTINCT FROM ({})::text").format(sql.Identifier("t", self.column.name), self.value)


def fit(connection: Connection, copy: Copy, kept: Table, table: Table, *, over_default: bool) -> Fitted:
    """Restore those rows of `kept`, the copy's table, that fit into the table. Must be called in a transaction.

    over_default: for a field's copy, also overwrite values that equal the column's default.
    """
    if copy.item.field is None:
        return _fit_collection(connection, kept, table)
    field = next(pair for pair in _pairs(kept, table) if pair.column.name == copy.item.field)
    return _fit_field(connection, kept, table, field, _overwritable(field, copy.became, over_default))


def _fit_collection(connection: Connection, copy: Table, table: Table) -> Fitted:
    pairs = [pair for pair in _pairs(copy, table) if not pair.column.generated]
    judge = _judge(
        copy,
        table,
        outcomes=sql.SQL(
            "CASE WHEN d.changed <> '' THEN 'rejected' WHEN {absent} THEN 'new'"
            " WHEN d.differing = '' THEN 'equal' ELSE 'rejected' END,"
            " CASE WHEN d.changed <> '' THEN 'the table can''t hold the value of ' || d.changed"
            " WHEN NOT {absent} AND d.differing <> '' THEN 'the table has this row with another ' || d.differing END"
        ).format(absent=_absent(copy)),
        lateral=sql.SQL("CROSS JOIN LATERAL (SELECT {} AS changed, {} AS differing) AS d").format(
            _names([(pair.changed, pair.column.name) for pair in pairs]),
            _names([(pair.differs, pair.column.name) for pair in pairs]),
        ),
    )
    put = sql.SQL(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} AS c"
        " JOIN pg_temp.attic_state AS s ON s.tid = c.ctid WHERE s.outcome = 'new'"
    ).format(
        table.identifier,
        sql.SQL(", ").join(sql.Identifier(pair.column.name) for pair in pairs),
        sql.SQL(", ").join(pair.value for pair in pairs),
        copy.identifier,
    )
    fitted = _fit(connection, copy, judge, put)
    _advance_sequences(connection, table)
    return fitted


def _overwritable(field: _Pair, became: str | None, over_default: bool) -> sql.Composed:
    """Return the cases of a CASE in which a row's value can be overwritten.

    The value is null, or the column's default if `over_default`, or the copied value as converted to the type `became`.
    """
    there = sql.Identifier("t", field.column.name)
    worthless: list[sql.Composable] = []
    if became is not None:
        converted = sql.SQL("{}::text::{}").format(field.original, sql.SQL(became))
        worthless.append(sql.SQL("({})::text::{}").format(converted, sql.SQL(field.column.type)))
    if over_default and field.column.default is not None:
        worthless.append(sql.SQL("({})::{}").format(sql.SQL(field.column.default), sql.SQL(field.column.type)))
    return sql.SQL(" ").join(
        [
            sql.SQL("WHEN {} IS NULL THEN 'new'").format(there),
            *(sql.SQL("WHEN {}::text = ({})::text THEN 'new'").format(there, value) for value in worthless),
        ]
    )


def _fit_field(connection: Connection, copy: Table, table: Table, pair: _Pair, overwritable: sql.Composable) -> Fitted:
    judge = _judge(
        copy,
        table,
        outcomes=sql.SQL(
            "CASE WHEN {absent} OR {changed} THEN 'rejected' WHEN NOT ({differs}) THEN 'equal' {overwritable}"
            " ELSE 'rejected' END,"
            " CASE WHEN {absent} THEN 'the row is gone' WHEN {changed} THEN 'the column can''t hold the value'"
            " WHEN {differs} THEN 'the row has another value now' END"
        ).format(absent=_absent(copy), changed=pair.changed, differs=pair.differs, overwritable=overwritable),
        lateral=sql.SQL(""),
    )
    put = sql.SQL(
        "UPDATE {} AS t SET {} = {} FROM {} AS c JOIN pg_temp.attic_state AS s ON s.tid = c.ctid"
        " WHERE {} AND s.outcome = 'new'"
    ).format(table.identifier, sql.Identifier(pair.column.name), pair.value, copy.identifier, _same_key(copy, table))
    return _fit(connection, copy, judge, put)


def _fit(connection: Connection, copy: Table, judge: sql.Composable, put: sql.Composable) -> Fitted:
    body = sql.SQL(_FIT).format(judge=judge, put=put, key=_key_text(copy), copy=copy.identifier)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(_STATE)
        cursor.execute(sql.SQL("DO {}").format(sql.Literal(body.as_string(connection))))
    counts = dict(database.query(connection, "SELECT outcome, count(*) FROM pg_temp.attic_state GROUP BY outcome"))
    rejected = database.query(
        connection, "SELECT key, reason FROM pg_temp.attic_state WHERE outcome = 'rejected' ORDER BY tid"
    )
    return Fitted(counts.get("restored", 0), counts.get("equal", 0), tuple(Rejected(*row) for row in rejected))


def _judge(copy: Table, table: Table, *, outcomes: sql.Composable, lateral: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "INSERT INTO pg_temp.attic_state (tid, key, outcome, reason)"
        " SELECT c.ctid, {}, {} FROM {} AS c LEFT JOIN {} AS t ON {} {}"
    ).format(_key_text(copy), outcomes, copy.identifier, table.identifier, _same_key(copy, table), lateral)


def _advance_sequences(connection: Connection, table: Table) -> None:
    for column in table.columns:
        ((schema, name),) = database.query(
            connection,
            "SELECT n.nspname::text, c.relname::text FROM (SELECT pg_get_serial_sequence(%s, %s)::regclass AS oid) AS s"
            " LEFT JOIN pg_class c ON c.oid = s.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace",
            (table.identifier.as_string(connection), column.name),
        )
        if name is None:
            continue
        sequence = sql.Identifier(schema, name)
        tables.execute(
            connection,
            _SEQUENCE,
            sequence=sql.Literal(sequence.as_string(connection)),
            column=sql.Identifier(column.name),
            table=table.identifier,
            sequence_table=sequence,
        )


def _pairs(copy: Table, table: Table) -> list[_Pair]:
    found = [(copied, table.column(copied.name)) for copied in copy.columns]
    return [_Pair(copied, column) for copied, column in found if column is not None]


def _same_key(copy: Table, table: Table) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("t", pair.column.name), pair.value)
        for pair in _pairs(copy, table)
        if pair.copied.name in copy.key
    )


def _absent(copy: Table) -> sql.Composed:
    return sql.SQL("{} IS NULL").format(sql.Identifier("t", copy.key[0]))


def _key_text(copy: Table) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier("c", name) for name in copy.key)
    return sql.SQL("{}::text" if len(copy.key) == 1 else "ROW({})::text").format(columns)


def _names(conditions: list[tuple[sql.Composable, str]]) -> sql.Composed:
    """Return the expression for the names whose condition holds, separated by commas."""
    return sql.SQL("array_to_string(ARRAY[{}]::text[], ', ')").format(
        sql.SQL(", ").join(
            sql.SQL("CASE WHEN {} THEN {} END").format(condition, sql.Literal(name)) for condition, name in conditions
        )
    )
