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
# A REVOKE works only for the role that granted the right. An owner's REVOKE fails if the grantee passed the right on.
_RELATIONS: Final = """
SELECT c.relname::text, c.relkind = 'S', coalesce(t.relname, c.relname)::text,
  ARRAY(SELECT ARRAY[CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END,
      lower(a.privilege_type), g.attname::text,
      (a.grantor = c.relowner AND pg_has_role(c.relowner, 'USAGE') AND NOT EXISTS (
        SELECT FROM aclexplode(g.acl) b WHERE b.grantor = a.grantee AND b.grantor <> c.relowner
          AND b.privilege_type = a.privilege_type))::text]
    FROM (SELECT NULL, c.relacl UNION ALL SELECT attname, attacl FROM pg_attribute
      WHERE attrelid = c.oid AND attacl IS NOT NULL AND NOT attisdropped) AS g (attname, acl)
    CROSS JOIN aclexplode(g.acl) a ORDER BY 1)
FROM pg_class c
LEFT JOIN pg_depend o ON c.relkind = 'S' AND o.classid = 'pg_class'::regclass AND o.objid = c.oid
  AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = o.refobjid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1"""
_PUBLIC: Final = "public"

# Only the role that deploys may use these schemas. Only it may create objects in public. A role with the rights of a
# schema's owner, such as a superuser, can't lose them.
_CLOSED: Final = ["directus_sync", "attic", *project.ALEMBIC_SCHEMAS]
_SCHEMAS: Final = """
SELECT n.nspname::text, p.privilege, array_agg(r.rolname::text), pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace n
CROSS JOIN (VALUES ('USAGE'), ('CREATE')) AS p (privilege)
JOIN pg_roles r ON r.rolname = ANY (%s) AND has_schema_privilege(r.oid, n.oid, p.privilege)
  AND NOT pg_has_role(r.oid, n.nspowner, 'USAGE')
WHERE n.nspname = ANY (%s) OR n.nspname = 'public' AND p.privilege = 'CREATE'
GROUP BY 1, 2, 4 ORDER BY 1, 2"""

_NO_EFFECT: Final = "statements without effect; if another role granted a right to revoke, SET ROLE to that one first"
_OF_SEQUENCES: Final = frozenset({"usage", "select", "update"})


def plan(connection: Connection, roles: Sequence[DatabaseRole]) -> tuple[str, ...]:
    """Return the SQL statements that make roles and rights equal the file, without those of `left_alone`."""
    statements = [*_roles_and_settings(connection, roles), *_on_objects(connection, roles, possible=True)]
    return tuple(statement.as_string(connection) for statement in statements)


def left_alone(connection: Connection, roles: Sequence[DatabaseRole]) -> tuple[str, ...]:
    """Return the revokes for PUBLIC, on columns and on schemas that cannot work for this role."""
    return tuple(each.as_string(connection) for each in _on_objects(connection, roles, possible=False))


def apply(connection: Connection, roles: Sequence[DatabaseRole]) -> tuple[str, ...]:
    """Make roles and rights equal the file; return the statements.

    Raises RoleNeedsSuperuser, with the remaining statements, if this role may not execute one or it has no effect.
    """
    todo = plan(connection, roles)
    for number, statement in enumerate(todo):
        try:
            _execute(connection, statement)
        except psycopg2.Error as error:
            # All databases of a server share its roles: a deploy to another one may have just created this role.
            if error.pgcode in {errorcodes.DUPLICATE_OBJECT, errorcodes.UNIQUE_VIOLATION}:
                continue
            if error.pgcode == errorcodes.DEPENDENT_OBJECTS_STILL_EXIST:
                raise _refused(connection, "the first right was passed on; add CASCADE", todo[number:]) from error
            if error.pgcode != errorcodes.INSUFFICIENT_PRIVILEGE:
                raise
            raise _refused(connection, str(error.diag.message_primary), todo[number:]) from error
    # PostgreSQL only warns if it granted or revoked nothing.
    still = set(plan(connection, roles)) if todo else ()
    if left := [statement for statement in todo if statement in still]:
        raise _refused(connection, _NO_EFFECT, left)
    return todo


def _refused(connection: Connection, why: str, statements: Iterable[str]) -> RoleNeedsSuperuser:
    return RoleNeedsSuperuser(
        f"the role that deploys may not apply snapshots/roles.yaml: {why}",
        where=database.label(connection),
        next="have a superuser execute this in the database, then run again:\n"
        + "\n".join(f"{each};" for each in statements),
    )


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


def _on_objects(connection: Connection, roles: Sequence[DatabaseRole], *, possible: bool) -> Iterator[Composed]:
    for statement, works in (*_rights(connection, roles), *_schemas(connection, roles)):
        if works is possible:
            yield statement


def _rights(connection: Connection, roles: Sequence[DatabaseRole]) -> Iterator[tuple[Composed, bool]]:
    """Yield the statements for relations and columns, and whether each can work. One for a role on a table is tried."""
    for name, is_sequence, table, acl in database.query(connection, _RELATIONS) if roles else []:
        relation = Identifier("public", name)
        on = SQL("{} {}").format(SQL("SEQUENCE" if is_sequence else "TABLE"), relation)
        for role in roles:
            rights = _wanted(role, table, is_sequence=is_sequence)
            given = {right for other, right, column, _ in acl if other == role.name and column is None}
            if rights - given:
                yield SQL("GRANT {} ON {} TO {}").format(_listed(rights - given), on, _grantee(role.name)), True
            if given - rights:
                yield SQL("REVOKE {} ON {} FROM {}").format(_listed(given - rights), on, _grantee(role.name)), True
        # Every role has the rights of PUBLIC, so it may have none.
        for works in (True, False):
            given = {r for other, r, column, w in acl if (other, column, w == "true") == (_PUBLIC, None, works)}
            if given:
                yield SQL("REVOKE {} ON {} FROM {}").format(_listed(given), on, _grantee(_PUBLIC)), works
        grantees = {_PUBLIC, *(role.name for role in roles)}
        for grantee, right, column, works in acl:
            if column is not None and grantee in grantees:
                # PostgreSQL accepts a column only ON TABLE, for sequences too.
                yield (
                    SQL("REVOKE {} ({}) ON TABLE {} FROM {}").format(
                        _listed([right]), Identifier(column), relation, _grantee(grantee)
                    ),
                    works == "true",
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


def _schemas(connection: Connection, roles: Iterable[DatabaseRole]) -> Iterator[tuple[Composed, bool]]:
    names = [role.name for role in roles]
    for schema, privilege, having, works in database.query(connection, _SCHEMAS, (names, _CLOSED)):
        yield (
            SQL("REVOKE {} ON SCHEMA {} FROM PUBLIC, {}").format(
                SQL(privilege), Identifier(schema), SQL(", ").join(map(Identifier, having))
            ),
            works,
        )
