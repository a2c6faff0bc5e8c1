"""Rows of Directus's own that go with an item: permissions and presets, who had a role, panels, a flow's operations.

Kept in the register beside the copy. They go back where they are missing; what is there is never overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg2
from psycopg2 import sql

from directus_sync.attic import tables
from directus_sync.attic.fitting import Fitted
from directus_sync.attic.registry import Rows
from directus_sync.attic.tables import LIVE
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection


@dataclass(frozen=True)
class Selection:
    """Rows to keep: those of a table whose column has a value. columns: None for all."""

    table: str
    column: str
    value: str
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Return:
    """How rows of a table go back.

    same: the columns by which one is there already; fresh: it gets a new id; links: columns that name other rows of
    the table, which are written when all are there.
    """

    same: tuple[str, ...] = ("id",)
    fresh: bool = False
    links: tuple[str, ...] = ()


_RETURNS: Final[Mapping[str, _Return]] = {
    "directus_permissions": _Return(("policy", "collection", "action"), True),
    "directus_presets": _Return(("user", "role", "collection", "bookmark"), True),
    "directus_access": _Return(("role", "user", "policy")),
    "directus_translations": _Return(("language", "key")),
    "directus_dashboards": _Return(),
    "directus_panels": _Return(),
    "directus_flows": _Return(),
    "directus_operations": _Return(links=("resolve", "reject")),
}
# These come back with git and a push; what is kept of them says what they were.
OWNERS: Final = ("directus_roles", "directus_policies")
_USERS: Final = "directus_users"


def of_collection(name: str) -> tuple[Selection, ...]:
    """Return what Directus deletes with a collection."""
    return tuple(Selection(table, "collection", name) for table in ("directus_permissions", "directus_presets"))


def read(connection: Connection, selections: Iterable[Selection]) -> Rows:
    """Return the rows; of a table that is not there, none."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for chosen in selections:
        table = tables.find(connection, LIVE, chosen.table)
        if table is None:
            continue
        row: sql.Composable = sql.SQL("to_jsonb(t)")
        if chosen.columns is not None:
            names = [sql.SQL("{}, {}").format(sql.Literal(n), sql.Identifier("t", n)) for n in chosen.columns]
            row = sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(names))
        query = sql.SQL("SELECT {} FROM {} AS t WHERE {}::text = %s").format(
            row, table.identifier, sql.Identifier("t", chosen.column)
        )
        found.setdefault(chosen.table, []).extend(row for (row,) in database.query(connection, query, (chosen.value,)))
    return {name: rows for name, rows in found.items() if rows}


def missing_owner(connection: Connection, rows: Rows) -> str | None:
    """Return the name of the role or policy that does not exist now, or None."""
    for table in OWNERS:
        for row in rows.get(table, ()):
            query = sql.SQL("SELECT count(*) FROM {} WHERE id::text = %s").format(sql.Identifier(LIVE, table))
            ((there,),) = database.query(connection, query, (str(row["id"]),))
            if not there:
                return str(row["name"])
    return None


def restore(connection: Connection, rows: Rows) -> Fitted:
    """Put the rows back. To be called in a transaction."""
    restored, already, rejected = 0, 0, list[tuple[str, str]]()
    order = list(_RETURNS)
    # A row that others name first; the register keeps no order.
    for table, kept in sorted(rows.items(), key=lambda each: order.index(each[0]) if each[0] in order else -1):
        there = [_is_there(connection, table, row) for row in kept]
        missing = [row for row, known in zip(kept, there, strict=True) if table not in OWNERS and not known]
        already += sum(there)
        reasons = [_put_back(connection, table, row) for row in missing]
        back = [row for row, reason in zip(missing, reasons, strict=True) if reason is None]
        linked = [_link(connection, table, row) for row in back]
        restored += linked.count(None)
        reasons += linked
        refused = [(row, reason) for row, reason in zip([*missing, *back], reasons, strict=True) if reason is not None]
        rejected += [(f"{table} {row['id']}", reason) for row, reason in refused]
    return Fitted(restored, already, tuple(rejected))


def _is_there(connection: Connection, table: str, row: Mapping[str, Any]) -> bool:
    names = _RETURNS[table].same if table in _RETURNS else ("id", "role") if table == _USERS else ("id",)
    same = sql.SQL(" AND ").join(
        sql.SQL("{}::text IS NOT DISTINCT FROM %s").format(sql.Identifier("t", name)) for name in names
    )
    query = sql.SQL("SELECT count(*) > 0 FROM {} AS t WHERE {}").format(sql.Identifier(LIVE, table), same)
    values = [None if row[name] is None else str(row[name]) for name in names]
    ((there,),) = database.query(connection, query, values)
    return bool(there)


def _put_back(connection: Connection, table: str, row: Mapping[str, Any]) -> str | None:
    """Put one row back; return why it does not fit, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT row")
        try:
            if table == _USERS:
                cursor.execute(
                    "UPDATE public.directus_users SET role = %s, status = %s WHERE id = %s AND role IS NULL",
                    (row["role"], row["status"], row["id"]),
                )
            else:
                _insert(connection, table, row)
        except psycopg2.Error as error:
            cursor.execute("ROLLBACK TO SAVEPOINT row")
            return str(error).strip().partition("\n")[0]
        return None if cursor.rowcount or table != _USERS else "the user is gone, or has another role"


def _link(connection: Connection, table: str, row: Mapping[str, Any]) -> str | None:
    """Write the links of a row that was put back; return why they do not fit, or None."""
    links = [name for name in _RETURNS[table].links if row[name] is not None] if table in _RETURNS else []
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT link")
        try:
            for name in links:
                statement = sql.SQL("UPDATE {} SET {} = %s WHERE id = %s")
                cursor.execute(
                    statement.format(sql.Identifier(LIVE, table), sql.Identifier(name)), (row[name], row["id"])
                )
        except psycopg2.Error as error:
            cursor.execute("ROLLBACK TO SAVEPOINT link")
            return str(error).strip().partition("\n")[0]
    return None


def _insert(connection: Connection, table: str, row: Mapping[str, Any]) -> None:
    place = tables.find(connection, LIVE, table)
    known = {column.name for column in place.columns} if place is not None else set()
    back = _RETURNS[table]
    names = [name for name in row if name in known and name not in back.links and not (back.fresh and name == "id")]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    tables.execute(
        connection,
        "INSERT INTO {0} ({1}) SELECT {1} FROM jsonb_populate_record(NULL::{0}, {2})",
        sql.Identifier(LIVE, table),
        columns,
        sql.Literal(json.dumps(row)),
    )
