"""The mirror: logs writes to a table while it is copied and afterwards, and applies them to the copy at the end.

Four statement triggers on the table append to `attic.log_<id>`. A log only grows, so writers never wait for each other
there. A trigger reads each row again by its key, because other triggers of the table may have changed it.
Logical replication fires no statement triggers, so its writes are not mirrored.
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

# If the copied column was dropped or its type changed since, the trigger logs nothing. The write must not fail then.
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

# The first condition detects a dropped column even if the writer's snapshot is older than the drop: privileges are read
# from the current catalogs, and pg_attribute as of the snapshot. A lossy change of type rewrites the table, which is
# then empty for such a writer.
_CHANGED: Final = (
    "pg_catalog.has_column_privilege(TG_RELID, {number}::int2, 'SELECT') IS NULL"
    " OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = TG_RELID AND attname = {name}"
    " AND attnum = {number} AND atttypid = {type} AND atttypmod = {modifier} AND NOT attisdropped)"
)


def copy_name(copy_id: int) -> sql.Identifier:
    """Return the name of the copy's table."""
    return sql.Identifier(ATTIC, f"copy_{copy_id}")


def fill(connection: Connection, copy_id: int, source: Table, names: tuple[str, ...]) -> None:
    """Copy the columns `names` of every row. Rows written meanwhile are in the log, which overrides the copy."""
    tables.execute(
        connection,
        "INSERT INTO {} SELECT {} FROM {} AS s",
        copy_name(copy_id),
        tables.columns_of(names, "s"),
        source.identifier,
    )


def create(connection: Connection, copy_id: int, source: Table, names: tuple[str, ...], field: Column | None) -> None:
    """Create the copy's empty table, and mirror every later write to the columns `names` of the source.

    Must be called under a lock that blocks writers.
    field: for a copy of one column. Mirroring stops when that column is dropped or its type changes.
    """
    columns = tables.columns_of(names, "s")
    empty = "CREATE TABLE {} AS SELECT {} FROM {} AS s WITH NO DATA"
    tables.execute(connection, empty, copy_name(copy_id), columns, source.identifier)
    # Added while the copy is empty. On a full copy it would hold its lock for long, and block writers, because their
    # log has rows of the copy's type.
    key = sql.SQL(", ").join(map(sql.Identifier, source.key))
    tables.execute(connection, "ALTER TABLE {} ADD PRIMARY KEY ({})", copy_name(copy_id), key)
    tables.execute(
        connection,
        "CREATE TABLE {} (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event text NOT NULL, image {})",
        _log(copy_id),
        copy_name(copy_id),
    )
    tables.execute(
        connection,
        # SECURITY DEFINER lets writers write to the attic, but only through this trigger.
        "CREATE FUNCTION {0}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        " SET search_path = pg_catalog, pg_temp SET default_toast_compression FROM CURRENT AS {1};"
        " REVOKE ALL ON FUNCTION {0}() FROM PUBLIC",
        _function(copy_id),
        sql.Literal(_body(connection, copy_id, source, names, field).as_string(connection)),
    )
    _create_triggers(connection, copy_id, source)


def _create_triggers(connection: Connection, copy_id: int, source: Table) -> None:
    for event, transitions in _TRANSITIONS.items():
        tables.execute(
            connection,
            "CREATE TRIGGER {name} AFTER {event} ON {table} {referencing} FOR EACH STATEMENT"
            " EXECUTE FUNCTION {function}();"
            # Fires also in sessions that turned ordinary triggers off (session_replication_role).
            " ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
            name=sql.Identifier(f"attic_{copy_id}_{event}"),
            event=sql.SQL(event),
            table=source.identifier,
            referencing=_referencing(transitions),
            function=_function(copy_id),
        )


def abandon(connection: Connection, copy_id: int) -> None:
    """End the mirror of an incomplete copy, and drop the copy. Must be called in a transaction."""
    tables.execute(connection, "DROP FUNCTION IF EXISTS {}() CASCADE", _function(copy_id))
    tables.execute(connection, "DROP TABLE IF EXISTS {}, {}", _log(copy_id), copy_name(copy_id))


def settle(connection: Connection, copy_id: int, collection: str) -> bool:
    """End the mirror and apply its log to the copy; return whether there was one. Must be called in a transaction."""
    kept, log = tables.find(connection, ATTIC, f"copy_{copy_id}"), _log(copy_id)
    if kept is None or copy_id not in unsettled(connection):
        return False
    if (source := tables.find(connection, LIVE, collection)) is not None:
        # Dropping the triggers takes this lock anyway. Taking it first makes sure that the log is complete.
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
    """Return the ids of the copies that still have a log."""
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
    """Return, as a literal, the statement that logs the rows whose keys are in the transition tables."""
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
