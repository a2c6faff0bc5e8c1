"""Makes the roles of the database equal the file: creates roles, sets settings, grants and revokes rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import psycopg2
from psycopg2 import errorcodes
from psycopg2.sql import SQL, Composable, Composed, Identifier, Literal

from directus_sync import project
from directus_sync.errors import RoleNeedsSuperuser
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.process.retries import retry_context
from directus_sync.roles import SETTINGS, DatabaseRole

_ROLES: Final = "SELECT rolname::text, coalesce(rolconfig, '{}') FROM pg_roles WHERE rolname = ANY (%s)"

# Tables, views and sequences of public, except those of extensions, with the rights that were granted on them and on
# their columns. A sequence comes with the table of its column. The grantee 0 is PUBLIC, which no role can be named.
_RELATIONS: Final = """
SELECT c.relname::text, c.relkind = 'S', coalesce(t.relname, c.relname)::text,
  ARRAY(SELECT ARRAY[CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END,
      lower(a.privilege_type)] FROM aclexplode(c.relacl) a),
  ARRAY(SELECT ARRAY[CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END,
      lower(a.privilege_type), g.attname::text] FROM pg_attribute g CROSS JOIN aclexplode(g.attacl) a
    WHERE g.attrelid = c.oid AND g.attacl IS NOT NULL AND NOT g.attisdropped ORDER BY 1)
FROM pg_class c
LEFT JOIN pg_depend o ON c.relkind = 'S' AND o.classid = 'pg_class'::regclass AND o.objid = c.oid
  AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = o.refobjid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1"""
_PUBLIC: Final = "public"

# Only the role that deploys may use these schemas. Only it may create objects in public.
_CLOSED: Final = ["directus_sync", "attic", *project.ALEMBIC_SCHEMAS]
_SCHEMAS: Final = """
SELECT n.nspname::text, p.privilege, array_agg(r.rolname::text) FROM pg_namespace n
CROSS JOIN (VALUES ('USAGE'), ('CREATE')) AS p (privilege)
JOIN pg_roles r ON r.rolname = ANY (%s) AND has_schema_privilege(r.oid, n.oid, p.privilege)
WHERE n.nspname = ANY (%s) OR n.nspname = 'public' AND p.privilege = 'CREATE'
GROUP BY 1, 2 ORDER BY 1, 2"""

_OF_SEQUENCES: Final = frozenset({"usage", "select", "update"})


def plan(connection: Connection, roles: Sequence[DatabaseRole]) -> tuple[str, ...]:
    """Return the SQL statements that make roles and rights equal the file."""
    statements = [*_roles_and_settings(connection, roles), *_rights(connection, roles), *_schemas(connection, roles)]
    return tuple(statement.as_string(connection) for statement in statements)


def apply(connection: Connection, roles: Sequence[DatabaseRole]) -> tuple[str, ...]:
    """Make roles and rights equal the file; return the statements.

    Raises RoleNeedsSuperuser, with the remaining statements, if this role may not execute one.
    """
    todo = plan(connection, roles)
    for number, statement in enumerate(todo):
        try:
            _execute(connection, statement)
        except psycopg2.Error as error:
            # All databases of a server share its roles: a deploy to another one may have just created this role.
            if error.pgcode in {errorcodes.DUPLICATE_OBJECT, errorcodes.UNIQUE_VIOLATION}:
                continue
            if error.pgcode != errorcodes.INSUFFICIENT_PRIVILEGE:
                raise
            raise RoleNeedsSuperuser(
                f"the role that deploys may not apply snapshots/roles.yaml: {error.diag.message_primary}",
                where=database.label(connection),
                next="have a superuser execute this in the database, then run again:\n"
                + "\n".join(f"{each};" for each in todo[number:]),
            ) from error
    return todo


def _execute(connection: Connection, statement: str) -> None:
    for attempt in retry_context(on=_collided, attempts=5, wait_initial=0.1, timeout=None):
        with attempt, connection.cursor() as cursor:
            cursor.execute(statement)


def _collided(error: Exception) -> bool:
    """Return whether a deploy to another database altered the same role at the same moment."""
    return isinstance(error, psycopg2.Error) and "concurrently updated" in str(error)


def _roles_and_settings(connection: Connection, roles: Iterable[DatabaseRole]) -> Iterator[Composed]:
    there = dict(database.query(connection, _ROLES, ([role.name for role in roles],)))
    for role in roles:
        if role.name not in there:
            yield SQL("CREATE ROLE {} LOGIN").format(Identifier(role.name))
        current = dict(each.split("=", 1) for each in there.get(role.name, ()))
        for name in SETTINGS:
            value = role.settings.get(name)
            if value is not None and current.get(name) != value:
                yield SQL("ALTER ROLE {} SET {} TO {}").format(Identifier(role.name), Identifier(name), Literal(value))
            elif value is None and name in current:
                yield SQL("ALTER ROLE {} RESET {}").format(Identifier(role.name), Identifier(name))


def _rights(connection: Connection, roles: Sequence[DatabaseRole]) -> Iterator[Composed]:
    for name, is_sequence, table, acl, of_columns in database.query(connection, _RELATIONS) if roles else []:
        on = SQL("{} {}").format(SQL("SEQUENCE" if is_sequence else "TABLE"), Identifier("public", name))
        # Every role has the rights of PUBLIC, so it may have none.
        wanted = {role.name: _wanted(role, table, is_sequence=is_sequence) for role in roles} | {_PUBLIC: frozenset()}
        for grantee, rights in wanted.items():
            given = {right for other, right in acl if other == grantee}
            if rights - given:
                yield SQL("GRANT {} ON {} TO {}").format(_listed(rights - given), on, _grantee(grantee))
            if given - rights:
                yield SQL("REVOKE {} ON {} FROM {}").format(_listed(given - rights), on, _grantee(grantee))
        for grantee, right, column in of_columns:
            if grantee in wanted:
                yield SQL("REVOKE {} ({}) ON {} FROM {}").format(
                    _listed([right]), Identifier(column), on, _grantee(grantee)
                )


def _wanted(role: DatabaseRole, table: str, *, is_sequence: bool) -> frozenset[str]:
    rights = role.on(table)
    if not is_sequence:
        return rights
    return _OF_SEQUENCES if "insert" in rights else frozenset()


def _listed(rights: Iterable[str]) -> SQL:
    return SQL(", ".join(sorted(rights)).upper())


def _grantee(name: str) -> Composable:
    return SQL("PUBLIC") if name == _PUBLIC else Identifier(name)


def _schemas(connection: Connection, roles: Iterable[DatabaseRole]) -> Iterator[Composed]:
    names = [role.name for role in roles]
    for schema, privilege, having in database.query(connection, _SCHEMAS, (names, _CLOSED)):
        yield SQL("REVOKE {} ON SCHEMA {} FROM PUBLIC, {}").format(
            SQL(privilege), Identifier(schema), SQL(", ").join(map(Identifier, having))
        )
