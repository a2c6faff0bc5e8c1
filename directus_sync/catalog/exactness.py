"""Tells whether a definition made exactly the object that it belongs to, and nothing else."""

from __future__ import annotations

from directus_sync import catalog
from directus_sync.catalog import Catalog, Drift, Object


class SomethingElse(Exception):
    """A definition did not make exactly the object that it belongs to."""


def require_only(item: Object, definition: str, before: Catalog, after: Catalog) -> None:
    """Raise SomethingElse unless the object is as expected now, and everything else as it was.

    before: without what was to become the object.
    """
    require_same(Catalog({**before.definitions, item: definition}, before.invalid), after)


def require_same(before: Catalog, after: Catalog) -> None:
    """Raise SomethingElse unless everything is as it was. Of what was invalid, any may be gone."""
    others = [
        f"{found.kind.value}: {found.object}"
        for found in catalog.compare(Catalog(before.definitions), after)
        if not (found.kind is Drift.UNEXPECTED and found.object in before.invalid)
    ]
    if others:
        raise SomethingElse(f"its definition does something else ({', '.join(others)}), which was undone")
