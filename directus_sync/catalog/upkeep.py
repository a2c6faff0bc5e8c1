"""Keeps the database equal to snapshots/catalog.yaml: puts back what was lost; says what a pull writes there."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from directus_sync import catalog
from directus_sync.catalog import Catalog, Difference, Drift, Kind, Object, ledger, query, restore
from directus_sync.catalog import file as catalog_file
from directus_sync.catalog.restore import Repair
from directus_sync.errors import CatalogExpectsIt
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.text.wording import listed

_CONSTRAINT = """
SELECT FROM pg_constraint WHERE conrelid = to_regclass('public.' || %s) AND conname = (parse_ident(%s))[1]
"""


@dataclass(frozen=True)
class Verified:
    """How a deploy ended.

    restored: what was put back; removed: what the file lists, and a revision removed on purpose;
    notes: what somebody should look at.
    """

    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_expected(path: Path) -> Catalog | None:
    """Return what the database must contain, or None if there is no file. Raises InvalidCatalog."""
    return catalog_file.load(path) if path.is_file() else None


def differences(connection: Connection, expected: Catalog | None) -> tuple[Difference, ...]:
    """Return how the database differs from the file."""
    return () if expected is None else catalog.compare(expected, query.read(connection))


def repairs(connection: Connection, expected: Catalog | None) -> tuple[Repair, ...]:
    """Return how the database differs from the file, and what a deploy does about it."""
    found = differences(connection, expected)
    known = ledger.read(connection) if found else {}
    return tuple(restore.repair(connection, difference, known) for difference in found)


def put_back(
    connection: Connection,
    expected: Catalog,
    before: Catalog | None,
    gone: Container[Object],
    known: Container[str],
    restored: Callable[[Object], None],
) -> Verified:
    """Put back what is missing although its revision is applied. What was removed on purpose is only named.

    before: the catalog when this run began, or None if the run changed nothing: an object that was right then and is
    not now was changed by this run. gone: what this run's revisions removed. A push removes nothing that the file
    lists, except DEFERRABLE, which Directus forgets when it creates a foreign key again. known: what earlier deploys
    found removed. restored: called with each object that is back.

    Raises CatalogDrift or PreconditionFailed after everything that can be put back is.
    """
    lost, removed, unknown = [], [], []
    found = differences(connection, expected)
    remembered = ledger.remember(connection, expected, found)
    for difference in found:
        if difference.kind is Drift.UNEXPECTED:
            unknown.append(difference)
        elif str(difference.object) in known or _on_purpose(connection, before, gone, difference):
            removed.append(difference)
        else:
            lost.append(difference)
    names = restore.restore(connection, lost, remembered, restored=restored)
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


def captured(connection: Connection, path: Path, *, overwrite: bool) -> Catalog:
    """Return what a pull writes to the file: what the database has. Writes nothing.

    Raises CatalogExpectsIt when the file lists something that the database lacks, unless `overwrite`.
    """
    actual = query.read(connection)
    if not overwrite and (expected := read_expected(path)) is not None:
        found = catalog.compare(expected, actual)
        missing = [str(difference.object) for difference in found if difference.kind is not Drift.UNEXPECTED]
        if missing:
            raise CatalogExpectsIt(
                f"the file lists {listed(missing, 5)}, which the database lacks or has in another form;"
                " nothing was written",
                where=str(path),
                next="if it was lost: directus-sync deploy puts it back, then pull\n"
                "if a revision removed it on purpose: directus-sync pull --overwrite, and look at the difference",
            )
    return actual
