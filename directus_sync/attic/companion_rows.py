"""Rows of Directus's own tables that are lost with an item: permissions, presets, panels, operations, users' roles.

The register keeps them beside the copy. Restoring adds missing rows, and gives users back the role that they lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import psycopg2
from psycopg2 import sql

from directus_sync.attic import tables
from directus_sync.attic.fitting import Fitted, Rejected
from directus_sync.attic.registry import Rows
from directus_sync.attic.tables import LIVE
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

# Rows to keep: a table, a column and the value of that column.
Selection = tuple[str, str, str]


@dataclass(frozen=True)
class _Return:
    """How rows of a table are restored.

    same: a row with the same values in these columns counts as already there; fresh: a restored row gets a new id;
    links: columns that refer to other rows of the table, written after all rows are inserted.
    """

    same: tuple[str, ...] = ("id",)
    fresh: bool = False
    links: tuple[str, ...] = ()


# A push restores these from git. Their kept rows only identify them.
OWNERS: Final = ("directus_roles", "directus_policies")
_USERS: Final = "directus_users"
# Directus clears the role of a deleted role's users, and suspends them.
_OF_USER: Final = ("role", "status")
# In the order of restoring: rows before those that refer to them.
_RETURNS: Final[Mapping[str, _Return]] = {
    **dict.fromkeys(OWNERS, _Return()),
    _USERS: _Return(("id", "role")),
    "directus_permissions": _Return(("policy", "collection", "action"), True),
    "directus_presets": _Return(("user", "role", "collection", "bookmark"), True),
    "directus_access": _Return(("role", "user", "policy")),
    "directus_translations": _Return(("language", "key")),
    "directus_dashboards": _Return(),
    "directus_panels": _Return(),
    "directus_flows": _Return(),
    "directus_operations": _Return(links=("resolve", "reject")),
}


def of_collection(name: str) -> tuple[Selection, ...]:
    """Return the rows that Directus deletes with a collection."""
    return tuple((table, "collection", name) for table in ("directus_permissions", "directus_presets"))


def read(connection: Connection, selections: Iterable[Selection]) -> Rows:
    """Return the selected rows by table. Skips tables that do not exist."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for table, column, value in selections:
        if tables.find(connection, LIVE, table) is None:
            continue
        row: sql.Composable = sql.SQL("to_jsonb(t)")
        if table == _USERS:
            names = [sql.SQL("{}, {}").format(sql.Literal(n), sql.Identifier("t", n)) for n in ("id", *_OF_USER)]
            row = sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(names))
        query = sql.SQL("SELECT {} FROM {} AS t WHERE {}::text = %s").format(
            row, sql.Identifier(LIVE, table), sql.Identifier("t", column)
        )
        found.setdefault(table, []).extend(row for (row,) in database.query(connection, query, (value,)))
    return {name: rows for name, rows in found.items() if rows}


def missing_owner(connection: Connection, rows: Rows) -> str | None:
    """Return the name of a kept role or policy that does not exist now, or None."""
    owners = ((table, row) for table in OWNERS for row in rows.get(table, ()))
    return next((str(row["name"]) for table, row in owners if not _is_there(connection, table, row)), None)


def restore(connection: Connection, rows: Rows) -> Fitted:
    """Restore the rows. Must be called in a transaction."""
    restored, already, rejected = 0, 0, list[Rejected]()
    for table, back in _RETURNS.items():
        kept = rows.get(table, ())
        missing = [row for row in kept if not _is_there(connection, table, row)]
        already += len(kept) - len(missing)
        if table in OWNERS:
            continue
        first = _insert if table != _USERS else partial(_update, columns=_OF_USER, only=" AND t.role IS NULL")
        if_skipped = "the user is gone, or has another role" if table == _USERS else "a trigger skipped it"
        reasons = [_write_one(connection, if_skipped, partial(first, connection, table, row)) for row in missing]
        if back.links:
            links = partial(_update, columns=back.links)
            reasons = [
                reason or _write_one(connection, if_skipped, partial(links, connection, table, row))
                for row, reason in zip(missing, reasons, strict=True)
            ]
        restored += reasons.count(None)
        refused = zip(missing, reasons, strict=True)
        rejected += [Rejected(f"{table} {row['id']}", reason) for row, reason in refused if reason is not None]
    return Fitted(restored, already, tuple(rejected))


def _is_there(connection: Connection, table: str, row: Mapping[str, Any]) -> bool:
    names = _RETURNS[table].same
    same = sql.SQL(" AND ").join(
        sql.SQL("{}::text IS NOT DISTINCT FROM %s").format(sql.Identifier("t", name)) for name in names
    )
    query = sql.SQL("SELECT count(*) > 0 FROM {} AS t WHERE {}").format(sql.Identifier(LIVE, table), same)
    values = [None if row[name] is None else str(row[name]) for name in names]
    ((there,),) = database.query(connection, query, values)
    return bool(there)


def _write_one(connection: Connection, reason_if_skipped: str, write: Callable[[], int]) -> str | None:
    """Write one row; return why that failed, or None. reason_if_skipped: the reason if no row was written."""
    tables.execute(connection, "SAVEPOINT row")
    try:
        written = write()
    except psycopg2.Error as error:
        tables.execute(connection, "ROLLBACK TO SAVEPOINT row")
        return error.diag.message_primary or str(error).strip()
    return None if written else reason_if_skipped


def _insert(connection: Connection, table: str, row: Mapping[str, Any]) -> int:
    place = tables.find(connection, LIVE, table)
    known = {column.name for column in place.columns} if place is not None else set()
    back = _RETURNS[table]
    names = [name for name in row if name in known and name not in back.links and not (back.fresh and name == "id")]
    return tables.execute(
        connection,
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, {row})",
        table=sql.Identifier(LIVE, table),
        columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        row=sql.Literal(json.dumps(row)),
    )


def _update(
    connection: Connection, table: str, row: Mapping[str, Any], columns: tuple[str, ...], only: str = ""
) -> int:
    pairs = (sql.SQL("{} = r.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in columns)
    return tables.execute(
        connection,
        "UPDATE {table} AS t SET {pairs} FROM jsonb_populate_record(NULL::{table}, {row}) AS r WHERE t.id = r.id{only}",
        table=sql.Identifier(LIVE, table),
        pairs=sql.SQL(", ").join(pairs),
        row=sql.Literal(json.dumps(row)),
        only=sql.SQL(only),
    )
