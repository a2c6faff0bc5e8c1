"""A judged diff as data: who changed each item, what it would cost, and why it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff

if TYPE_CHECKING:
    from directus_sync.schema.rules import SchemaRule

# The reason of an approval that is in no file.
ON_THE_COMMAND_LINE: Final = "on the command line"


class Mover(Enum):
    """Who changed an item since the base. An item has the last mover in this order that one of its properties has."""

    GIT = "git"
    SERVER = "server"
    BOTH = "git and server"


class Hazard(Enum):
    """How a change could lose rows or values, or fail because of them."""

    TABLE = "table"
    COLUMN = "column"
    RETYPE = "retype"
    NOT_NULL = "not null"
    UNIQUE = "unique"
    CAST = "cast"
    REQUIRED = "required over rows"
    SHARED_DEFAULT = "unique with one default over rows"
    REFERENCE = "reference to nothing"
    INDEX = "longer than an index takes"


@dataclass(frozen=True)
class Risk:
    """Rows to count before a change is sent.

    target: the column's new type as SQL, for RETYPE and CAST. refers: the table and key referred to, for REFERENCE.
    """

    hazard: Hazard
    collection: str
    field: str | None = None
    target: str = ""
    refers: tuple[str, str] | None = None


@dataclass(frozen=True)
class DroppedWith:
    """A constraint, index or trigger that PostgreSQL drops with its table or column.

    expected: whether catalog.yaml lists it.
    """

    name: str
    expected: bool


class Remains(Enum):
    """What is left in Directus of a collection that has a table in the file and none in Directus."""

    FOLDER = "a folder"
    FIELDS = "fields whose table was dropped"


@dataclass(frozen=True)
class Obstacles:
    """What in this database blocks changes, or would be lost with them.

    dropped_with: by risk, what PostgreSQL would drop with the table or column.
    named: by kind and id of a removed item, what else uses its name.
    needed_by: by kind and id, what needs the table or column, so that PostgreSQL would not drop or change it.
    keys: by risk, the first keys of the rows that do not fit.
    remains: by collection that Directus shows without a table, what is left of it.
    renamed: kind and key of the items that were renamed by a revision, with their new names.
    look_alikes: by id of a field to be added again, columns that may be its own, renamed by SQL.
    """

    dropped_with: Mapping[Risk, tuple[DroppedWith, ...]] = field(default_factory=dict)
    named: Mapping[tuple[ItemKind, str], tuple[str, ...]] = field(default_factory=dict)
    needed_by: Mapping[tuple[ItemKind, str], tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[Risk, tuple[str, ...]] = field(default_factory=dict)
    remains: Mapping[str, Remains] = field(default_factory=dict)
    renamed: frozenset[tuple[ItemKind, tuple[str, ...]]] = frozenset()
    look_alikes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Approvals:
    """What a push is allowed to destroy, by `Change.id`.

    destroy: approved removals and lossy changes, with their reasons; discard: live work that it can overwrite.
    """

    destroy: Mapping[str, str] = field(default_factory=dict)
    discard: frozenset[str] = frozenset()

    def of(self, chosen: Callable[[str], bool]) -> Approvals:
        """Return the approvals of the items for which `chosen` returns true."""
        destroy = {name: reason for name, reason in self.destroy.items() if chosen(name)}
        return Approvals(destroy, frozenset(filter(chosen, self.discard)))

    def reason(self, item: str) -> str:
        """Return why the item can be destroyed or overwritten; empty if nobody approved that."""
        return self.destroy.get(item, ON_THE_COMMAND_LINE if item in self.discard else "")

    def unmatched(self, items: Iterable[str]) -> tuple[str, ...]:
        """Return the approved ids that are not among these items, sorted."""
        return tuple(sorted((self.discard | self.destroy.keys()) - set(items)))


@dataclass(frozen=True)
class Verdict:
    """One change, who made it, and which rows must be counted.

    edits: those of properties that the server changed, alone or together with git.
    faults: phrases about what Directus would not make as the file says.
    """

    change: Change
    mover: Mover
    risks: tuple[Risk, ...] = ()
    edits: tuple[Edit, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def risks_of_loss(self) -> tuple[Risk, ...]:
        """The risks to all values of a table or column: it is dropped, created again, or gets another type."""
        return tuple(risk for risk in self.risks if risk.hazard in {Hazard.TABLE, Hazard.COLUMN, Hazard.RETYPE})


@dataclass(frozen=True)
class PlanItem:
    """One line of a plan: a verdict, the number of rows at risk, and the rule that refuses it, if any.

    reason: of its approval; dropped_with to renamed: its part of `Obstacles`; at_risk: the hazards for which rows were
    found.
    approved: whether its destruction is approved; discarded: whether --discard-live names it.
    """

    verdict: Verdict
    rows: int
    rule: SchemaRule | None = None
    reason: str = ""
    dropped_with: tuple[DroppedWith, ...] = ()
    named_by: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    remains: Remains | None = None
    look_alikes: tuple[str, ...] = ()
    renamed: bool = False
    at_risk: frozenset[Hazard] = frozenset()
    approved: bool = False
    discarded: bool = False

    @property
    def change(self) -> Change:
        """The change that was judged."""
        return self.verdict.change

    @property
    def id(self) -> str:
        """The id of the item."""
        return self.change.id

    @property
    def overrides_live_work(self) -> bool:
        """Return whether the change would undo work on the server that --discard-live does not name."""
        return self.change.action is not Action.ADD and self.verdict.mover is not Mover.GIT and not self.discarded


@dataclass(frozen=True)
class Plan:
    """A judged diff. unmatched: approved ids that are not in it, sorted."""

    difference: SchemaDiff
    items: tuple[PlanItem, ...] = ()
    unmatched: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def refused(self) -> tuple[PlanItem, ...]:
        """The items for which the plan is refused."""
        return tuple(item for item in self.items if item.rule is not None)

    @property
    def movers(self) -> frozenset[Mover]:
        """Who changed the items."""
        return frozenset(item.verdict.mover for item in self.items)

    @property
    def rows_at_risk(self) -> int:
        """The sum of the rows, values and duplicates at risk."""
        return sum(item.rows for item in self.items)
