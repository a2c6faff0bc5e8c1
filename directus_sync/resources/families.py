"""The families of resources, in the order in which a deploy writes them: roles before the presets of a role. Pure."""

from __future__ import annotations

from typing import Final

from directus_sync.resources.access_kinds import ACCESS
from directus_sync.resources.studio_kinds import STUDIO

FAMILIES: Final = (ACCESS, STUDIO)


def is_resource(item: str) -> bool:
    """Return whether the id of an approval belongs to one of the families, and not to the schema."""
    return any(family.owns(item) for family in FAMILIES)


def select() -> str:
    """Return SQL that yields every row of every family."""
    return " UNION ALL ".join(family.select() for family in FAMILIES)
