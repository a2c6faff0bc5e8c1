"""The plan of a family as data: which items differ, who changed them, what a removal costs, why it is refused. Pure."""

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
    """One item that differs. before: its rows in the database; after: its rows in the files. Empty if it has none."""

    action: Action
    kind: ResourceKind
    key: str
    before: Rows
    after: Rows

    @property
    def id(self) -> str:
        """The id that people write, such as policy:trm-marshal."""
        return f"{self.kind.name}:{self.key}"

    @property
    def widens(self) -> bool:
        """Whether somebody may do more afterwards."""
        return self.kind.widens(self.before, self.after)

    @property
    def owner(self) -> str | None:
        """The id of the item that this one is a part of, or None."""
        part_of = self.kind.part_of
        if part_of is None:
            return None
        return f"{self.kind.references[part_of.column]}:{self.key.split('/')[self.kind.key.index(part_of.column)]}"

    @property
    def edited(self) -> tuple[str, ...]:
        """The columns that differ, if both sides have one row."""
        if len(self.before) != 1 or len(self.after) != 1:
            return ()
        return tuple(name for name in self.kind.columns if self.before[0][name] != self.after[0][name])


@dataclass(frozen=True)
class Judged:
    """One line of a plan.

    cost_count: how many users, panels or operations a removal costs. reason: why it was approved.
    """

    change: ResourceChange
    mover: Mover
    rule: ResourceRule | None
    cost_count: int = 0
    reason: str = ""

    @property
    def id(self) -> str:
        """The id of the item."""
        return self.change.id

    @property
    def users(self) -> int:
        """How many users lose something by a removal."""
        cost = self.change.kind.cost
        return self.cost_count if cost is not None and cost.noun == "user" else 0

    @property
    def cost(self) -> str:
        """What a removal costs, in words. Empty for other changes, and for kinds without a cost."""
        cost = self.change.kind.cost
        return cost.sentence(self.cost_count) if cost is not None and self.change.action is Action.REMOVE else ""


@dataclass(frozen=True)
class ResourcePlan:
    """The plan of a family. unknown: items in neither files nor base, left alone; unmatched: approvals of no item."""

    family: str
    items: tuple[Judged, ...] = ()
    unknown: Mapping[str, Resource] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def refused(self) -> tuple[Judged, ...]:
        """The items that stop the push."""
        return tuple(item for item in self.items if item.rule is not None)

    @property
    def movers(self) -> frozenset[Mover]:
        """Who changed the items."""
        return frozenset(item.mover for item in self.items)

    @property
    def differs(self) -> bool:
        """Whether anything differs, including items that are left alone."""
        return bool(self.items or self.unknown)
