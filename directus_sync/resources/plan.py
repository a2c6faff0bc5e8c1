"""A judged difference of resources as data: who changed each item, what it would cost, why it is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from directus_sync.resources.items import Resource
from directus_sync.resources.kinds import ResourceKind, Rows
from directus_sync.schema.diff import Action
from directus_sync.schema.plan import Mover

if TYPE_CHECKING:
    from directus_sync.resources.rules import ResourceRule


@dataclass(frozen=True)
class ResourceChange:
    """One item that differs. before: as the database has it; after: as the files have it; empty where it is not."""

    action: Action
    kind: ResourceKind
    key: str
    before: Rows
    after: Rows

    @property
    def id(self) -> str:
        """The item as a person writes it."""
        return f"{self.kind.name}:{self.key}"

    @property
    def widens(self) -> bool:
        """Tell whether somebody may do more afterwards."""
        return self.kind.widens(self.before, self.after)

    @property
    def owner(self) -> str | None:
        """The id of the item that this one is a part of."""
        within = self.kind.within
        if within is None:
            return None
        return f"{self.kind.references[within.column]}:{self.key.split('/')[self.kind.key.index(within.column)]}"

    @property
    def edited(self) -> tuple[str, ...]:
        """The columns that differ, where both sides have one row."""
        if len(self.before) != 1 or len(self.after) != 1:
            return ()
        return tuple(name for name in self.kind.columns if self.before[0][name] != self.after[0][name])


@dataclass(frozen=True)
class Judged:
    """One line of a plan. number: of what a removal costs; reason: of its approval."""

    change: ResourceChange
    mover: Mover
    rule: ResourceRule | None
    number: int = 0
    reason: str = ""

    @property
    def id(self) -> str:
        """The item as a person writes it."""
        return self.change.id

    @property
    def users(self) -> int:
        """How many users a removal costs something."""
        cost = self.change.kind.cost
        return self.number if cost is not None and cost.noun == "user" else 0

    @property
    def cost(self) -> str:
        """Say what a removal costs; nothing where it costs nothing, or is none."""
        cost = self.change.kind.cost
        return cost.sentence(self.number) if cost is not None and self.change.action is Action.REMOVE else ""


@dataclass(frozen=True)
class ResourcePlan:
    """A judged difference. unknown: what neither files nor base know, and which is left alone."""

    family: str
    items: tuple[Judged, ...] = ()
    unknown: Mapping[str, Resource] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def refused(self) -> tuple[Judged, ...]:
        """The items that stop it."""
        return tuple(item for item in self.items if item.rule is not None)

    @property
    def movers(self) -> frozenset[Mover]:
        """Who changed the items."""
        return frozenset(item.mover for item in self.items)

    @property
    def differs(self) -> bool:
        """Tell whether anything differs, also what is left alone."""
        return bool(self.items or self.unknown)
