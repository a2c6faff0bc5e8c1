"""Keeps the database and snapshots/catalog.yaml together: around a push, after a deploy, and on a pull."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from directus_sync import catalog, files
from directus_sync.catalog import Catalog, Difference, Drift, Kind, Object, query, restore
from directus_sync.catalog import file as catalog_file
from directus_sync.errors import CatalogExpectsIt
from directus_sync.postgres import database
from directus_sync.schema.guard import Hazard, Risk, Taken, Verdict

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

# Constraints and indexes that PostgreSQL drops, without a word, together with one of their columns.
_WITH_COLUMN = """
SELECT coalesce(c.conname, r.relname)::text FROM pg_depend d
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid AND c.conrelid = d.refobjid
LEFT JOIN pg_class r ON d.classid = 'pg_class'::regclass AND r.oid = d.objid AND r.relkind = 'i'
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(%(table)s) AND a.attname = %(column)s
  AND num_nonnulls(c.oid, r.oid) > 0
"""

_CONSTRAINT = """
SELECT FROM pg_constraint WHERE conrelid = to_regclass('public.' || %s) AND conname = (parse_ident(%s))[1]
"""

# Foreign keys of other tables, which Directus drops before the table that they refer to.
_TO_TABLE = """
SELECT r.relname::text, c.conname::text FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
WHERE c.contype = 'f' AND c.confrelid = to_regclass(%(table)s) AND r.relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Verified:
    """How a deploy ended.

    restored: what was put back; removed: what the file lists, and a revision or a push removed on purpose;
    notes: what somebody should look at.
    """

    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_expected(path: Path) -> Catalog | None:
    """Return what the database must contain, or None where no file says so. Raises InvalidCatalog."""
    return catalog_file.load(path) if path.is_file() else None


def differences(connection: Connection, expected: Catalog | None) -> tuple[Difference, ...]:
    """Return how the database differs from the file."""
    return () if expected is None else catalog.compare(expected, query.read(connection))


def put_back(
    connection: Connection,
    expected: Catalog,
    before: Catalog | None,
    gone: Container[Object],
    known: Container[str],
    restored: Callable[[Object], None],
) -> Verified:
    """Put back what is missing although its revision is applied.

    before: the catalog when this run began, or None if it changed nothing since; what was as the file says then, and
    is otherwise now, this run changed. gone: what revisions of this run took away; a push takes nothing that the file
    lists, but what Directus forgets of a foreign key when it makes it anew. known: what earlier deploys found removed.
    What was removed on purpose is named, and not put back.
    restored: called with each object that is back.

    Raises CatalogDrift or PreconditionFailed after everything that can be put back is.
    """
    lost, removed, unknown = [], [], []
    for difference in differences(connection, expected):
        if difference.kind is Drift.UNEXPECTED:
            unknown.append(difference)
        elif str(difference.object) in known or _on_purpose(connection, before, gone, difference):
            removed.append(difference)
        else:
            lost.append(difference)
    names = restore.restore(connection, lost, restored=restored)
    notes = [
        f"catalog.yaml lists {found.object}, which was removed on purpose; directus-sync pull --overwrite takes it out"
        for found in removed
    ]
    notes += [f"catalog.yaml does not list {found.object}; directus-sync pull adds it" for found in unknown]
    return Verified(names, tuple(str(found.object) for found in removed), tuple(notes))


def _on_purpose(
    connection: Connection, before: Catalog | None, gone: Container[Object], difference: Difference
) -> bool:
    item = difference.object
    if before is None or before.definitions.get(item) != difference.expected:
        return False
    if difference.kind is Drift.CHANGED or item in gone:
        return True
    return item.kind is Kind.DEFERRABLE and not database.query(connection, _CONSTRAINT, item.parts)


def taken_along(
    connection: Connection, verdicts: Iterable[Verdict], expected: Catalog | None
) -> dict[Risk, tuple[Taken, ...]]:
    """Return what PostgreSQL would drop, without a word, along with a table or column; but what Directus shows."""
    risks = {risk for verdict in verdicts for risk in verdict.risks if risk.hazard in {Hazard.TABLE, Hazard.COLUMN}}
    if not risks:
        return {}
    listed = frozenset(expected.definitions if expected is not None else ())
    present = query.read(connection).definitions.keys()
    return {
        risk: tuple(Taken(str(item), item in listed) for item in sorted(_along(connection, risk, present | listed)))
        for risk in risks
    }


def regenerate(connection: Connection, path: Path, *, overwrite: bool) -> Callable[[], bool]:
    """Return a function that writes the file anew, and tells whether it changed.

    Raises CatalogExpectsIt when the file lists what the database lacks, unless `overwrite`; before anything is
    written.
    """
    actual = query.read(connection)
    if path.is_file() and not overwrite:
        found = catalog.compare(catalog_file.load(path), actual)
        missing = [difference.object for difference in found if difference.kind is not Drift.UNEXPECTED]
        if missing:
            raise CatalogExpectsIt(
                f"the file lists {_named(missing)}, and the database does not have it so",
                where=str(path),
                next="if it was lost: directus-sync deploy puts it back, then pull\n"
                "if a revision removed it on purpose: directus-sync pull --overwrite, and look at the difference",
            )
    content = catalog_file.dump(actual)

    def write() -> bool:
        if path.is_file() and path.read_bytes() == content:
            return False
        files.replace(path, content)
        return True

    return write


def _along(connection: Connection, risk: Risk, known: Iterable[Object]) -> list[Object]:
    table = catalog.identifier(risk.collection)
    kinds = (Kind.CONSTRAINT, Kind.INDEX, Kind.TRIGGER)
    parameters = {"table": f'public."{risk.collection}"', "column": risk.field}
    if risk.field is None:
        rows = database.query(connection, _TO_TABLE, parameters)
        keys = {Object(Kind.CONSTRAINT, ".".join(map(catalog.identifier, row))) for row in rows}
        owned = (*kinds, Kind.COLUMN)
        return [item for item in known if item in keys or (item.kind in owned and item.name.startswith(f"{table}."))]
    rows = database.query(connection, _WITH_COLUMN, parameters)
    names = {f"{table}.{catalog.identifier(name)}" for (name,) in rows}
    return [item for item in known if item.kind in kinds and item.name in names]


def _named(objects: Iterable[Object]) -> str:
    names = [str(item) for item in objects]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
