"""Access files as data: roles, policies, and the rules of each collection, with the lines they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from directus_sync.resources.access_kinds import PUBLIC, PUBLIC_ID
from directus_sync.resources.conditions import Filter
from directus_sync.resources.items import Row

ACTIONS: Final = ("create", "read", "update", "delete", "share")
# Those that touch whole rows.
FIELDLESS: Final = frozenset({"delete", "share"})
# In `rows`, the filter that the file's tenant path stands for.
TENANT: Final = "tenant"


@dataclass(frozen=True)
class Role:
    """A role of access.yaml. row: as Directus keeps it, but for the name of its parent.

    policies: their names, in the order in which Directus shows them.
    """

    name: str
    where: str = field(compare=False)
    row: Row
    policies: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A policy of access.yaml. row: as Directus keeps it; member: roles in an organisation whose members it is for."""

    name: str
    where: str = field(compare=False)
    row: Row
    member: tuple[str, ...]


@dataclass(frozen=True)
class AccessRule:
    """One rule of an action.

    rows: None for every row, else the parts of the filter: names of the file, or filters as Directus has them.
    """

    where: str = field(compare=False)
    fields: tuple[str, ...]
    rows: tuple[str | Filter, ...] | None
    validation: Filter | None = None


@dataclass(frozen=True)
class Grant:
    """What one policy may do with a collection by one action."""

    policy: str
    action: str
    rules: tuple[AccessRule, ...]
    where: str = field(compare=False)


@dataclass(frozen=True)
class CollectionAccess:
    """One file of `collections/`.

    tenant: the path to the organisation, '' where the collection is it, None where there is none.
    named: the filters that `rows` may name, with the lines they stand in.
    """

    collection: str
    path: Path = field(compare=False)
    tenant: str | None
    named: Mapping[str, tuple[Filter, str]]
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Access:
    """The whole folder."""

    folder: Path = field(compare=False)
    roles: Mapping[str, Role]
    policies: Mapping[str, Policy]
    collections: Mapping[str, CollectionAccess]

    def policy_id(self, name: str) -> str:
        """Return the id of a policy that a collection's file names."""
        return PUBLIC_ID if name == PUBLIC else str(self.policies[name].row["id"])

    def member(self, name: str) -> tuple[str, ...]:
        """Return whose members the policy is for; nobody's for the public one."""
        return () if name == PUBLIC else self.policies[name].member

    def grants(self) -> Iterator[tuple[CollectionAccess, Grant]]:
        """Yield every grant with its file."""
        for collection in self.collections.values():
            for grant in collection.grants:
                yield collection, grant
