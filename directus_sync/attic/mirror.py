"""The mirror: writes that reach a table while and after it is copied are logged beside the copy, then settled into it.

Four statement triggers on the table append to `attic.log_<id>`. Rows are only added to a log, so writers never wait for
each other there. A trigger reads the row again by its key, because other triggers of the table may have changed it.
Logical replication fires no statement triggers: what it writes is not mirrored.
"""

from __future__ import annotations

from typing import Final

from psycopg2 import sql

from directus_sync.attic import tables
from directus_sync.attic.tables import ATTIC, LIVE, Column, Table
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

_TRANSITIONS: Final = {
    "insert": ("new_rows",),
    "update": ("old_rows", "new_rows"),
    "delete": ("old_rows",),
    "truncate": (),
}

# A column that was dropped or retyped since is no longer what was copied. That must not fail the writer.
_FUNCTION: Final = """
BEGIN
  IF {changed} THEN
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    EXECUTE {insert};
  ELSIF TG_OP = 'UPDATE' THEN
    EXECUTE {update};
  ELSIF TG_OP = 'DELETE' THEN
    EXECUTE {delete};
  ELSE
    INSERT INTO {log} (event) VALUES ('cleared');
  END IF;
  RETURN NULL;
EXCEPTION
  WHEN undefined_column OR undefined_table OR datatype_mismatch OR cannot_coerce OR data_exception THEN
    RETURN NULL;
END
"""

# The first condition also holds for a writer whose snapshot is older than the change: privileges are looked up in
# the catalogs as they are, rows of pg_attribute as the snapshot shows them. A lossy retyping rewrites the table,
# which is then empty for such a writer.
_CHANGED: Final = (
    "pg_catalog.has_column_privilege(TG_RELID, {number}::int2, 'SELECT') IS NULL"
    " OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = TG_RELID AND attname = {name}"
    " AND attnum = {number} AND atttypid = {type} AND atttypmod = {modifier} AND NOT attisdropped)"
)


def copy_name(copy_id: int) -> sql.Identifier:
    """Return the copy's table."""
    return sql.Identifier(ATTIC, f"copy_{copy_id}")


def fill(connection: Connection, copy_id: int, source: Table, names: tuple[str, ...]) -> None:
    """Copy the columns `names` of every row; what is written meanwhile is in the log, and replaces what is copied."""
    tables.execute(
        connection,
        "INSERT INTO {} SELECT {} FROM {} AS s",
        copy_name(copy_id),
        tables.columns_of(names, "s"),
        source.identifier,
    )


def create(connection: Connection, copy_id: int, source: Table, names: tuple[str, ...], field: Column | None) -> None:
    """Make the copy's table, empty, and mirror every later write to the columns `names` of the source.

    To be called under a lock that keeps writers out.
    field: for a copy of one column; the mirror ends by itself when that column is dropped or given another type.
    """
    log, function = _log(copy_id), _function(copy_id)
    columns = tables.columns_of(names, "s")
    empty = "CREATE TABLE {} AS SELECT {} FROM {} AS s WITH NO DATA"
    tables.execute(connection, empty, copy_name(copy_id), columns, source.identifier)
    # Added while the copy is empty. On a full copy it would hold its lock for long, and writers would wait: their log
    # has rows of the copy's type.
    key = sql.SQL(", ").join(map(sql.Identifier, source.key))
    tables.execute(connection, "ALTER TABLE {} ADD PRIMARY KEY ({})", copy_name(copy_id), key)
    tables.execute(
        connection,
        "CREATE TABLE {} (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event text NOT NULL, image {})",
        log,
        copy_name(copy_id),
    )
    tables.execute(
        connection,
        # The definer's right to write to the attic is all that a writer borrows, and only through a trigger.
        "CREATE FUNCTION {0}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        " SET search_path = pg_catalog, pg_temp SET default_toast_compression FROM CURRENT AS {1};"
        " REVOKE ALL ON FUNCTION {0}() FROM PUBLIC",
        function,
        sql.Literal(_body(connection, copy_id, source, names, field).as_string(connection)),
    )
    for event, transitions in _TRANSITIONS.items():
        tables.execute(
            connection,
            "CREATE TRIGGER {name} AFTER {event} ON {table} {referencing} FOR EACH STATEMENT"
            " EXECUTE FUNCTION {function}();"
            # Also for sessions that switched ordinary triggers off (session_replication_role).
            " ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
            name=sql.Identifier(f"attic_{copy_id}_{event}"),
            event=sql.SQL(event),
            table=source.identifier,
            referencing=_referencing(transitions),
            function=function,
        )


def abandon(connection: Connection, copy_id: int) -> None:
    """End the mirror of a copy that is not whole, and drop what there is of it. To be called in a transaction."""
    tables.execute(connection, "DROP FUNCTION IF EXISTS {}() CASCADE", _function(copy_id))
    tables.execute(connection, "DROP TABLE IF EXISTS {}, {}", _log(copy_id), copy_name(copy_id))


def settle(connection: Connection, copy_id: int, collection: str) -> bool:
    """End the mirror and bring its log into the copy; tell whether there was one. To be called in a transaction."""
    kept, log = tables.find(connection, ATTIC, f"copy_{copy_id}"), _log(copy_id)
    if kept is None or copy_id not in unsettled(connection):
        return False
    if (source := tables.find(connection, LIVE, collection)) is not None:
        # Dropping the triggers takes this lock anyway. Taken first, it means that the log has all that was written.
        tables.execute(connection, "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", source.identifier)
    tables.execute(
        connection,
        "DROP FUNCTION IF EXISTS {function}() CASCADE;"
        " DELETE FROM {copy} WHERE EXISTS (SELECT FROM {log} WHERE event = 'cleared');"
        " DELETE FROM {log} WHERE seq <= (SELECT max(seq) FROM {log} WHERE event = 'cleared');"
        " DELETE FROM {copy} c USING {log} l WHERE {same};"
        " INSERT INTO {copy} SELECT (last.image).* FROM"
        " (SELECT DISTINCT ON ({key}) l.event, l.image FROM {log} l ORDER BY {key}, l.seq DESC) last"
        " WHERE last.event = 'kept';"
        " DROP TABLE {log}",
        function=_function(copy_id),
        copy=kept.identifier,
        log=log,
        key=sql.SQL(", ").join(_image(name) for name in kept.key),
        same=sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(sql.Identifier("c", name), _image(name)) for name in kept.key
        ),
    )
    return True


def unsettled(connection: Connection) -> tuple[int, ...]:
    """Return the ids of the copies that still have a mirror or its log."""
    rows = database.query(
        connection,
        "SELECT substr(relname, 5)::bigint FROM pg_class WHERE relnamespace = to_regnamespace(%s)"
        " AND relkind = 'r' AND relname ~ '^log_[0-9]+$' ORDER BY 1",
        (ATTIC,),
    )
    return tuple(int(row[0]) for row in rows)


def _body(
    connection: Connection, copy_id: int, source: Table, names: tuple[str, ...], field: Column | None
) -> sql.Composed:
    changed: sql.Composable = sql.SQL("false")
    if field is not None:
        changed = sql.SQL(_CHANGED).format(
            name=sql.Literal(field.name),
            number=sql.Literal(field.number),
            type=sql.Literal(field.type_oid),
            modifier=sql.Literal(field.modifier),
        )
    return sql.SQL(_FUNCTION).format(
        changed=changed,
        log=_log(copy_id),
        **{
            event: _appending(connection, copy_id, source, names, transitions)
            for event, transitions in _TRANSITIONS.items()
            if transitions
        },
    )


def _appending(
    connection: Connection, copy_id: int, source: Table, names: tuple[str, ...], transitions: tuple[str, ...]
) -> sql.Composable:
    """Return, as a literal, the statement that logs the rows whose keys stand in the transition tables."""
    touched = sql.SQL(" UNION ").join(
        sql.SQL("SELECT {} FROM {}").format(tables.columns_of(source.key, table), sql.Identifier(table))
        for table in transitions
    )
    image = sql.SQL(", ").join(sql.Identifier("k" if name in source.key else "s", name) for name in names)
    statement = sql.SQL(
        "INSERT INTO {log} (event, image)"
        " SELECT CASE WHEN {first} IS NULL THEN 'gone' ELSE 'kept' END, ROW({image})::{copy}"
        " FROM ({touched}) AS k LEFT JOIN {source} AS s ON {same}"
    ).format(
        log=_log(copy_id),
        copy=copy_name(copy_id),
        first=sql.Identifier("s", source.key[0]),
        image=image,
        touched=touched,
        source=source.identifier,
        same=tables.same_key(source.key, "s", "k"),
    )
    return sql.Literal(statement.as_string(connection))


def _referencing(transitions: tuple[str, ...]) -> sql.Composed:
    tables = [
        sql.SQL("{} TABLE AS {}").format(sql.SQL(table.removesuffix("_rows")), sql.Identifier(table))
        for table in transitions
    ]
    return sql.SQL("REFERENCING {}").format(sql.SQL(" ").join(tables)) if tables else sql.Composed([])


def _image(name: str) -> sql.Composed:
    return sql.SQL("(l.image).{}").format(sql.Identifier(name))


def _log(copy_id: int) -> sql.Identifier:
    return sql.Identifier(ATTIC, f"log_{copy_id}")


def _function(copy_id: int) -> sql.Identifier:
    return sql.Identifier(ATTIC, f"mirror_{copy_id}")
