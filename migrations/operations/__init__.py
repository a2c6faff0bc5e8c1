"""`op.rename_collection` and `op.rename_field`: renames that keep rows, keys and permissions. For the `pre` branch.

In a snapshot a rename looks like a removal and an addition, which would lose the rows. So a rename needs a revision. In
one transaction it renames the table or column and its keys, indexes, triggers and sequences, and rewrites all rows of
Directus's tables that contain the name. docs/renames.md says how to write one.

If the old name does not exist, nothing is done: a fresh database gets the new name from the snapshot. Rows that could
not be rewritten safely are logged as a warning with their keys, so that a person can check them.

A running Directus caches the schema, and fails on the old name until its cache is cleared. Push and pull clear it. A
deployment with several instances must restart them.
"""

from __future__ import annotations

import logging
from typing import Final

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations

from directus_sync.errors import PreconditionFailed
from directus_sync.probes import impact
from directus_sync.revisions.branches import VERSIONS
from directus_sync.schema.default_names import NAME_BYTES
from directus_sync.schema.renames.places import word
from directus_sync.schema.renames.rewriting import Rename
from directus_sync.seed import reading
from directus_sync.settings import ROOT
from directus_sync.text.quoting import literal
from directus_sync.text.wording import listed
from migrations.operations import names
from migrations.operations.rows import Rows
from migrations.operations.schema import Presence, execute, exists, find
from migrations.operations.snapshot import rewrite_base, rewrite_resource_bases, rewrite_seeded_rows

log = logging.getLogger("alembic.renames")

SYSTEM: Final = "directus_"
SHOWN: Final = 3
# Writers of these tables wait until the rename is committed. The user's table is locked first, as in Directus's own
# transactions.
LOCKED: Final = (
    "public.directus_collections, public.directus_fields, public.directus_relations, public.directus_permissions,"
    " public.directus_presets"
)


class Renaming(MigrateOperation):
    """A rename of a collection or a field."""

    rename: Rename


@Operations.register_operation("rename_collection")
class RenameCollection(Renaming):
    """Rename a collection."""

    def __init__(self, old: str, new: str) -> None:
        self.rename = Rename(old, new)

    @classmethod
    def rename_collection(cls, operations: Operations, old: str, new: str) -> None:
        """Rename a collection, and everything that contains its name."""
        operations.invoke(cls(old, new))


@Operations.register_operation("rename_field")
class RenameField(Renaming):
    """Rename a field."""

    def __init__(self, collection: str, old: str, new: str) -> None:
        self.rename = Rename(collection, new, old)

    @classmethod
    def rename_field(cls, operations: Operations, collection: str, old: str, new: str) -> None:
        """Rename a field of a collection, and everything that contains its name."""
        operations.invoke(cls(collection, old, new))


@Operations.implementation_for(Renaming)
def _rename(operations: Operations, operation: Renaming) -> None:
    """Run the operation; for `--sql`, print SQL that fails if there is something to rename."""
    rename = operation.rename
    _require_names(rename)
    if operations.get_context().as_sql:
        # SQLAlchemy must not read a colon in a name as a parameter.
        operations.execute(sa.text(_refusal_as_sql(rename).replace(":", "\\:")))
        return
    connection = operations.get_bind()
    if not exists(connection, "directus_collections"):
        log.info("%s: the database has no Directus yet; the snapshot will bring the new name", _label(rename))
        return
    _lock(connection, rename)
    found = find(connection, rename)
    if not (found.old_row or found.old_real) and not found.new_row:
        log.info("%s: the database has neither; the snapshot will bring the new name", _label(rename))
        return
    _require_possible(rename, found)
    _values_of_any_relations(connection, rename)
    if found.old_real:
        _rename_real(connection, rename)
    table = rename.collection if rename.field else rename.new
    carried = names.carry_over(connection, rename, table)
    rows = Rows(connection, rename)
    rows.rewrite()
    rewrite_base(connection, rename)
    rewrite_resource_bases(connection, rename, rows.model)
    rewrite_seeded_rows(connection, rename)
    _report(connection, rename, carried, rows)


def _require_names(rename: Rename) -> None:
    if rename.field is None and (rename.old.startswith(SYSTEM) or rename.new.startswith(SYSTEM)):
        raise PreconditionFailed(
            f"{rename.old} can't be renamed to {rename.new}: names with {SYSTEM} are Directus's own",
            next="choose another name",
        )
    for name in (rename.collection, rename.old, rename.new):
        if not name or len(name.encode()) > NAME_BYTES:
            raise PreconditionFailed(
                f"{_label(rename)}: {name!r} can't be a name in PostgreSQL: 1 to {NAME_BYTES} bytes",
                next="choose another name",
            )
    if rename.old == rename.new:
        raise PreconditionFailed(f"{_label(rename)}: both names are the same", next="correct the revision")


def _lock(connection: sa.Connection, rename: Rename) -> None:
    """Lock the tables that are about to change against writers."""
    for table in (rename.collection,) if rename.field else (rename.old, rename.new):
        if exists(connection, table):
            execute(connection, "LOCK TABLE public.{table} IN ACCESS EXCLUSIVE MODE", table=table)
    connection.execute(sa.text(f"LOCK TABLE {LOCKED} IN SHARE ROW EXCLUSIVE MODE"))


def _require_possible(rename: Rename, found: Presence) -> None:
    what = "collection" if rename.field is None else "field"
    if found.old_real and not found.old_row:
        raise PreconditionFailed(
            f"{_label(rename)}: PostgreSQL has the old name, but Directus has no row for that {what}",
            next=f"if a revision made it, use op.{'rename_table' if rename.field is None else 'alter_column'};\n"
            "Directus's own tables and columns can't be renamed",
        )
    # Somebody renamed the table or column by hand, and now Directus's rows are renamed too.
    by_hand = found.new_real and not found.new_row and not found.old_real and found.has_storage
    if found.old_row and (found.new_row or found.new_real) and not by_hand:
        raise PreconditionFailed(
            f"{_label(rename)}: both names exist",
            next="move the data that is needed to one of them and remove the other in Directus, then run again;\n"
            "if they are two different things, because this database was renamed before: alembic stamp the revision",
        )


def _rename_real(connection: sa.Connection, rename: Rename) -> None:
    statement = (
        "ALTER TABLE public.{table} RENAME {old} TO {new}"
        if rename.field
        else "ALTER TABLE public.{table} RENAME TO {new}"
    )
    execute(connection, statement, table=rename.collection, old=rename.old, new=rename.new)


def _values_of_any_relations(connection: sa.Connection, rename: Rename) -> None:
    """Rename the collection in rows of many-to-any relations, which have its name in a column beside the key."""
    if rename.field is not None:
        return
    relations = connection.execute(
        sa.text(
            "SELECT many_collection, one_collection_field FROM public.directus_relations"
            " WHERE one_collection_field IS NOT NULL"
            " AND string_to_array(one_allowed_collections, ',') && ARRAY[:old, :new]"
        ),
        {"old": rename.old, "new": rename.new},
    ).all()
    for table, column in relations:
        if not exists(connection, table):
            continue
        named = sa.table(table, sa.column(column), schema="public")
        connection.execute(sa.update(named).where(named.c[column] == rename.old).values({column: rename.new}))


def _report(connection: sa.Connection, rename: Rename, names: list[str], rows: Rows) -> None:
    label = _label(rename)
    for name in names:
        log.info("%s: %s", label, name)
    for column, count in sorted(rows.done.items()):
        if count:
            log.info("%s: %s, %d rows", label, column, count)
    for column, keys in sorted(rows.doubts.items()):
        log.warning("%s: look at %s, it may contain the old name: %s", label, column, listed(keys, SHOWN))
    for name in _kept_names(connection, rename):
        log.warning("%s: %s keeps its name, which may contain the old name", label, name)
    files = [*sorted((ROOT / "snapshots" / "seeds").glob("*.yaml")), *sorted((VERSIONS / "post").glob("*.py"))]
    for name in impact.mentioned(reading.texts(files), rename):
        log.warning("%s: look at %s, it contains the old name", label, name)
    for function in _functions(connection, rename):
        log.warning("%s: look at function %s, it may contain the old name", label, function)


def _kept_names(connection: sa.Connection, rename: Rename) -> list[str]:
    table = rename.collection if rename.field else rename.new
    found = names.find(connection, rename, table)
    segment = f"_{rename.old}_"
    return [
        f"{item.kind} {item.name}"
        for item in found
        if segment in f"_{item.name}_" and (rename.field is None or rename.field in item.columns)
    ]


def _functions(connection: sa.Connection, rename: Rename) -> list[str]:
    """Return the functions whose text contains the old name, without those of extensions."""
    return list(
        connection.scalars(
            sa.text(
                "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.prosrc ~ :word"
                " AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
                " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1"
            ),
            {"word": word(rename.old).pattern},
        )
    )


def _refusal_as_sql(rename: Rename) -> str:
    """Return SQL that fails if there is something to rename: a rename must read rows, which printed SQL cannot."""
    table = "directus_fields" if rename.field else "directus_collections"
    where = f"collection = {literal(rename.collection)}"
    if rename.field:
        where += f" AND field = {literal(rename.field)}"
    message = f"{_label(rename)} needs a connection: run alembic upgrade without --sql"
    return (
        "DO $rename$ BEGIN\n"
        f"  IF to_regclass('public.{table}') IS NOT NULL THEN\n"
        f"    IF EXISTS (SELECT FROM public.{table} WHERE {where}) THEN\n"
        f"      RAISE EXCEPTION USING MESSAGE = {literal(message)};\n"
        "    END IF;\n  END IF;\nEND $rename$"
    )


def _label(rename: Rename) -> str:
    old = f"{rename.collection}.{rename.field}" if rename.field else rename.collection
    return f"{old} -> {rename.new}"
