"""Keeps the database equal to snapshots/catalog.yaml by restoring lost objects, and reads what a pull writes there."""

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
    """The outcome of checking the catalog in a deploy.

    restored: the objects that were restored; removed: objects in the file that were removed on purpose;
    notes: for people to look at.
    """

    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_expected(path: Path) -> Catalog | None:
    """Return the catalog in the file, or None if there is no file. Raises InvalidCatalog."""
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
    on_restored: Callable[[Object], None],
) -> Verified:
    """Restore objects that are missing although their revision is applied. Only report those removed on purpose.

    before: the catalog when this run began, or None if the run changed nothing. An object that was right then and is
    not now was changed by this run.
    gone: the objects that this run's revisions removed. A push removes nothing that the file lists, except DEFERRABLE,
    which is lost when Directus creates a foreign key again.
    known: the names of objects that earlier deploys found removed. on_restored: called with each restored object.

    Raises CatalogDrift or PreconditionFailed after restoring all objects that can be restored.
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
    names = restore.restore(connection, lost, remembered, on_restored=on_restored)
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


def catalog_to_write(connection: Connection, path: Path, *, overwrite: bool) -> Catalog:
    """Return the catalog of the database, which a pull writes to the file. Writes nothing.

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
