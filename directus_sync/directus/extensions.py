"""The rows of directus_extensions by which Directus loads this project's extensions. Leaves other rows alone.

Directus itself creates such rows when it starts, with random ids. Two replicas that start together create them twice.
Directus does not load a hook whose row is not enabled, and an administrator can switch off any of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from directus_sync.directus.client import DirectusClient
from directus_sync.errors import WrongSettings
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection

_IDS: Final = UUID("5d0c3b3c-5b0e-5f0a-8f65-0a4d5c6e7f80")
_LOCAL: Final = "source = 'local' AND folder = %(folder)s AND bundle IS NULL"
_OF_BUNDLE: Final = f"""FROM public.directus_extensions
WHERE {_LOCAL} OR bundle IN (SELECT id FROM public.directus_extensions WHERE {_LOCAL})"""  # noqa: S608 - constants

_DELETE: Final = f"""DELETE FROM public.directus_extensions
WHERE id <> ALL (%(ids)s::uuid[]) AND id IN (SELECT id {_OF_BUNDLE})"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Bundle:
    """One extension. folder: its name below EXTENSIONS_PATH; entries: the names of its hooks and endpoints."""

    folder: str
    entries: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id of the extension's own row."""
        return str(uuid5(_IDS, self.folder))

    def rows(self) -> set[tuple[str, str, str | None, bool]]:
        """Return the rows that Directus needs: id, folder, bundle, enabled."""
        entries = {(str(uuid5(_IDS, f"{self.folder}/{name}")), name, self.id, True) for name in self.entries}
        return {(self.id, self.folder, None, True), *entries}


class State(Enum):
    """Why a part of an extension is inactive."""

    OFF = "switched off"
    NOT_LOADED = "not loaded"


@dataclass(frozen=True)
class Inactive:
    """An extension, or a part of one, that is inactive."""

    name: str
    state: State


def read(manifests: Iterable[Path]) -> tuple[Bundle, ...]:
    """Read the extensions of this checkout from their package.json. Raises WrongSettings if one is unreadable."""
    return tuple(_bundle(path) for path in manifests)


def _bundle(path: Path) -> Bundle:
    try:
        entries = json.loads(path.read_bytes())["directus:extension"]["entries"]
        return Bundle(path.parent.name, tuple(str(entry["name"]) for entry in entries))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongSettings(
            "this is not the package.json of a bundle of extensions", where=str(path), next="restore it from git"
        ) from error


def switched_off(connection: Connection, bundles: Sequence[Bundle]) -> tuple[Inactive, ...]:
    """Return the extensions and parts that Directus would not load, because a row is missing or not enabled."""
    found = []
    for bundle in bundles:
        standing = _standing(connection, bundle)
        off = {name for _, name, _, enabled in standing if not enabled}
        there = {name for _, name, _, _ in standing}
        found += [name for name in (bundle.folder, *bundle.entries) if name in off or name not in there]
    return tuple(Inactive(name, State.OFF) for name in found)


def not_loaded(client: DirectusClient, bundles: Sequence[Bundle]) -> tuple[Inactive, ...]:
    """Return the parts that the running Directus reports as not registered."""
    registered = client.registered()
    wanted = [name for bundle in bundles for name in bundle.entries]
    return tuple(Inactive(name, State.NOT_LOADED) for name in wanted if name not in registered)


def switch_on(connection: Connection, bundles: Sequence[Bundle]) -> tuple[str, ...]:
    """Correct the rows, and return the names of extensions and parts whose row was missing or not enabled."""
    off = tuple(inactive.name for inactive in switched_off(connection, bundles))
    for bundle in bundles:
        if _standing(connection, bundle) != bundle.rows():
            _write(connection, bundle)
    return off


def _standing(connection: Connection, bundle: Bundle) -> set[tuple[Any, ...]]:
    statement = f"SELECT id::text, folder, bundle::text, enabled {_OF_BUNDLE}"
    return set(database.query(connection, statement, {"folder": bundle.folder}))


def _write(connection: Connection, bundle: Bundle) -> None:
    # No transaction: each statement is harmless alone. A Directus that starts in between only adds rows.
    with connection.cursor() as cursor:
        ids = [row[0] for row in bundle.rows()]
        cursor.execute(_DELETE, {"folder": bundle.folder, "ids": ids})
        for row in bundle.rows():
            cursor.execute(
                "INSERT INTO public.directus_extensions (id, folder, bundle, enabled, source)"
                " VALUES (%s, %s, %s, %s, 'local') ON CONFLICT (id) DO UPDATE SET folder = excluded.folder,"
                " bundle = excluded.bundle, enabled = excluded.enabled, source = excluded.source",
                row,
            )
