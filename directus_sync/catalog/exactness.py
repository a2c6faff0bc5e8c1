"""Tells whether a definition made exactly the object that it belongs to, and nothing else."""

from __future__ import annotations

from directus_sync import catalog
from directus_sync.catalog import Catalog, Drift


class SomethingElse(Exception):
    """A definition did not make exactly the object that it belongs to."""


def require_same(before: Catalog, after: Catalog) -> None:
    """Raise SomethingElse unless everything is as it was. Of what was invalid, any may be gone."""
    others = [
        f"{found.kind.value}: {found.object}"
        for found in catalog.compare(Catalog(before.definitions), after)
        if not (found.kind is Drift.UNEXPECTED and found.object in before.invalid)
    ]
    if others:
        raise SomethingElse(f"its definition does something else ({', '.join(others)}), which was undone")
