"""Access files as data: roles, policies, and the rules of each collection, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from directus_sync.resources.access_kinds import PUBLIC, PUBLIC_ID
from directus_sync.resources.conditions import Filter
from directus_sync.resources.items import Row

ACTIONS: Final = ("create", "read", "update", "delete", "share")
# Actions on whole rows, which have no fields.
FIELDLESS: Final = frozenset({"delete", "share"})
# A part of `rows`: the filter that is made from the file's tenant path.
TENANT: Final = "tenant"


@dataclass(frozen=True)
class Role:
    """A role of access.yaml. row: as Directus stores it, except that `parent` is a name.

    policies: their names, in the order in which Directus shows them.
    """

    name: str
    where: str = field(compare=False)
    row: Row
    policies: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A policy of access.yaml. row: as Directus stores it; member: the membership roles that it is for."""

    name: str
    where: str = field(compare=False)
    row: Row
    member: tuple[str, ...]


@dataclass(frozen=True)
class AccessRule:
    """One rule of an action.

    rows: None for every row, else the parts of the filter: names that the file defines, or filters of Directus.
    """

    where: str = field(compare=False)
    fields: tuple[str, ...]
    rows: tuple[str | Filter, ...] | None
    validation: Filter | None = None


@dataclass(frozen=True)
class Grant:
    """The rules of one policy for one action on a collection."""

    policy: str
    action: str
    rules: tuple[AccessRule, ...]
    where: str = field(compare=False)


@dataclass(frozen=True)
class CollectionAccess:
    """One file of `collections/`.

    tenant: the path to the organisation; '' for organisations themselves; None if the file has no tenant.
    named: the filters that `rows` may name, each with its file and line.
    """

    collection: str
    path: Path = field(compare=False)
    tenant: str | None
    named: Mapping[str, tuple[Filter, str]]
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Access:
    """All access files."""

    folder: Path = field(compare=False)
    roles: Mapping[str, Role]
    policies: Mapping[str, Policy]
    collections: Mapping[str, CollectionAccess]

    def policy_id(self, name: str) -> str:
        """Return the id of a policy that a collection's file names."""
        return PUBLIC_ID if name == PUBLIC else str(self.policies[name].row["id"])

    def member(self, name: str) -> tuple[str, ...]:
        """Return the membership roles that a policy is for. The public policy has none."""
        return () if name == PUBLIC else self.policies[name].member

    def grants(self) -> Iterator[tuple[CollectionAccess, Grant]]:
        """Yield every grant with its file."""
        for collection in self.collections.values():
            for grant in collection.grants:
                yield collection, grant
