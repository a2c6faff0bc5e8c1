"""A judged diff as data: who changed each item, what it would cost, and why it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff

if TYPE_CHECKING:
    from directus_sync.schema.rules import SchemaRule

# The reason of an approval that stands in no file.
ON_THE_COMMAND_LINE: Final = "on the command line"


class Mover(Enum):
    """Who changed an item since the base. In order of weight: one property of the server's makes the item its."""

    GIT = "git"
    SERVER = "server"
    BOTH = "git and server"


class Hazard(Enum):
    """What could happen to rows."""

    TABLE = "table"
    COLUMN = "column"
    RETYPE = "retype"
    NOT_NULL = "not null"
    UNIQUE = "unique"
    CAST = "cast"
    REQUIRED = "required over rows"
    ONE_DEFAULT = "unique with one default over rows"
    REFERENCE = "reference to nothing"
    INDEX = "longer than an index takes"


@dataclass(frozen=True)
class Risk:
    """Rows to count before a change is sent.

    target: the column's type afterwards, as SQL, for RETYPE and CAST. refers: to which table and key, for REFERENCE.
    """

    hazard: Hazard
    collection: str
    field: str | None = None
    target: str = ""
    refers: tuple[str, str] | None = None


@dataclass(frozen=True)
class Taken:
    """A constraint, index or trigger that PostgreSQL drops with its table or column.

    expected: catalog.yaml lists it.
    """

    name: str
    expected: bool


class Remains(Enum):
    """What there is of a collection that is a table in the file, and has no table in Directus."""

    FOLDER = "a folder"
    FIELDS = "fields whose table was dropped"


@dataclass(frozen=True)
class Obstacles:
    """What this database has in the way of changes, or loses with them.

    taken: by risk, what PostgreSQL would drop with the table or column.
    named: by kind and id, what else names what is removed.
    held: by kind and id, what needs a table or column, so that PostgreSQL would not let it go or change.
    keys: by risk, the first keys of the rows that do not fit.
    remains: what there is of a collection that Directus shows without a table.
    renamed: what has its name by a revision that the file has not captured, by kind and key.
    look_alikes: by id of a field that comes back, columns that may be its own, renamed by SQL.
    """

    taken: Mapping[Risk, tuple[Taken, ...]] = field(default_factory=dict)
    named: Mapping[tuple[ItemKind, str], tuple[str, ...]] = field(default_factory=dict)
    held: Mapping[tuple[ItemKind, str], tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[Risk, tuple[str, ...]] = field(default_factory=dict)
    remains: Mapping[str, Remains] = field(default_factory=dict)
    renamed: frozenset[tuple[ItemKind, tuple[str, ...]]] = frozenset()
    look_alikes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Approvals:
    """What may be destroyed. Ids as in `Change.id`.

    destroy: planned removals and lossy changes, with their reasons; discard: live work to be overridden.
    """

    destroy: Mapping[str, str] = field(default_factory=dict)
    discard: frozenset[str] = frozenset()

    def of(self, chosen: Callable[[str], bool]) -> Approvals:
        """Return the approvals of the items for which `chosen` holds."""
        destroy = {name: reason for name, reason in self.destroy.items() if chosen(name)}
        return Approvals(destroy, frozenset(filter(chosen, self.discard)))

    def reason(self, item: str) -> str:
        """Return why the item may be destroyed or overridden; empty where nobody approved it."""
        return self.destroy.get(item, ON_THE_COMMAND_LINE if item in self.discard else "")

    def unmatched(self, items: Iterable[str]) -> tuple[str, ...]:
        """Return the approvals of anything but these items, sorted."""
        return tuple(sorted((self.discard | self.destroy.keys()) - set(items)))


@dataclass(frozen=True)
class Verdict:
    """One change, who moved, and what is to be counted.

    edits: those that the server made, alone or together with git.
    faults: what Directus would not make as the file says, a phrase each.
    """

    change: Change
    mover: Mover
    risks: tuple[Risk, ...] = ()
    edits: tuple[Edit, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def doomed(self) -> tuple[Risk, ...]:
        """The tables and columns that are dropped or created again."""
        return tuple(risk for risk in self.risks if risk.hazard in {Hazard.TABLE, Hazard.COLUMN, Hazard.RETYPE})


@dataclass(frozen=True)
class PlanItem:
    """One line of a plan: a verdict, its rows at risk, and why it is refused, if it is.

    reason: of its approval; taken to renamed: of the obstacles; at_risk: the hazards that concern rows which exist.
    approved: its destruction is; discarded: somebody gave --discard-live for it.
    """

    verdict: Verdict
    rows: int
    rule: SchemaRule | None = None
    reason: str = ""
    taken: tuple[Taken, ...] = ()
    named_by: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    remains: Remains | None = None
    look_alikes: tuple[str, ...] = ()
    renamed: bool = False
    at_risk: frozenset[Hazard] = frozenset()
    approved: bool = False
    discarded: bool = False

    @property
    def change(self) -> Change:
        """What would be done."""
        return self.verdict.change

    @property
    def id(self) -> str:
        """The item as a person writes it."""
        return self.change.id

    @property
    def overrides_live_work(self) -> bool:
        """Tell whether the change would undo what the server has, and nobody discarded that."""
        return self.change.action is not Action.ADD and self.verdict.mover is not Mover.GIT and not self.discarded


@dataclass(frozen=True)
class Plan:
    """A judged diff. unmatched: approvals that match nothing in it, sorted."""

    difference: SchemaDiff
    items: tuple[PlanItem, ...] = ()
    unmatched: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def refused(self) -> tuple[PlanItem, ...]:
        """The items that stop it."""
        return tuple(item for item in self.items if item.rule is not None)

    @property
    def movers(self) -> frozenset[Mover]:
        """Who changed the items."""
        return frozenset(item.verdict.mover for item in self.items)

    @property
    def rows_at_risk(self) -> int:
        """How many rows, values or duplicates the items concern, added up."""
        return sum(item.rows for item in self.items)
