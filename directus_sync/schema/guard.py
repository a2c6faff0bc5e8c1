"""Judges a diff with three snapshots: who moved what, what it would cost, and whether it may be sent.

Two versions can't tell "not captured yet" from "removed on purpose". Three can: `base` is what file and server
had in common last. Pure; asks no server and no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from directus_sync.schema.columns import Column, is_lossy
from directus_sync.schema.diff import (
    ABSENT,
    NO_DIFFERENCE,
    Action,
    Change,
    Edit,
    Kind,
    SchemaDiff,
    between,
    comparable,
    same,
)
from directus_sync.schema.snapshot import Snapshot


class Mover(Enum):
    """Who changed an item since the base. In the order of their weight: one property of the server's makes it so."""

    GIT = "git"
    SERVER = "server"
    BOTH = "git and server"


class Rule(Enum):
    """Why an item is refused; the value is the id of the error. In the order of their weight."""

    INCOMPLETE = "incomplete-entry"
    CONFLICT = "conflict"
    UNCAPTURED = "uncaptured-live-work"
    TYPE = "type-would-change"
    DESTRUCTION = "unapproved-destruction"
    UNFIT = "rows-do-not-fit"
    EXPECTED = "catalog-expects-it"


class Hazard(Enum):
    """What could happen to rows."""

    TABLE = "table"
    COLUMN = "column"
    RETYPE = "retype"
    NOT_NULL = "not null"
    UNIQUE = "unique"
    REQUIRED = "required over rows"


@dataclass(frozen=True)
class Risk:
    """Rows to count before a change is sent. target: the column's type afterwards, as SQL, for RETYPE."""

    hazard: Hazard
    collection: str
    field: str | None = None
    target: str = ""


@dataclass(frozen=True)
class Taken:
    """A constraint, index or trigger that goes with its table or column. expected: catalog.yaml lists it."""

    name: str
    expected: bool


@dataclass(frozen=True)
class Approvals:
    """What may be destroyed. Ids as in `Change.id`.

    destroy: planned removals and lossy changes, with their reasons; discard: live work to be overridden.
    """

    destroy: Mapping[str, str] = field(default_factory=dict)
    discard: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """One change, who moved, and what is to be counted.

    edits: those that only the server made, or both; remade: the column as the file has it, where Directus would make it
    of another type.
    """

    change: Change
    mover: Mover
    risks: tuple[Risk, ...] = ()
    edits: tuple[Edit, ...] = ()
    remade: Column | None = None

    @property
    def doomed(self) -> tuple[Risk, ...]:
        """The tables and columns that go, or are made anew."""
        return tuple(risk for risk in self.risks if risk.hazard in {Hazard.TABLE, Hazard.COLUMN, Hazard.RETYPE})


@dataclass(frozen=True)
class Item:
    """One line of a plan: a verdict, its rows at risk, and why it is refused, if it is.

    reason: of its approval; taken: what PostgreSQL would drop along with it.
    """

    verdict: Verdict
    rows: int
    rule: Rule | None
    reason: str = ""
    taken: tuple[Taken, ...] = ()

    @property
    def id(self) -> str:
        """The item as a person writes it."""
        return self.verdict.change.id


@dataclass(frozen=True)
class Plan:
    """A judged diff. unmatched: approvals that match nothing in it, sorted."""

    difference: SchemaDiff
    items: tuple[Item, ...] = ()
    unmatched: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def refused(self) -> tuple[Item, ...]:
        """The items that stop it."""
        return tuple(item for item in self.items if item.rule is not None)

    @property
    def rows_at_risk(self) -> int:
        """How many rows, values or duplicates the items concern, added up."""
        return sum(item.rows for item in self.items)


_FOREIGN_KEY: Final = {("schema", "foreign_key_table"), ("schema", "foreign_key_column")}
_NO_INDEX: Final[Mapping[str, Any]] = {"schema": {"is_indexed": False}}
_NOTHING_TAKEN: Final[Mapping[Risk, tuple[Taken, ...]]] = {}


def judge(difference: SchemaDiff, *, base: Snapshot | None, wanted: Snapshot, live: Snapshot) -> tuple[Verdict, ...]:
    """Say of each change who moved since the base, and which rows it puts at risk.

    base: None for a database that this tool never touched; everything there is then the server's.
    """
    related = {(change.collection, change.field) for change in difference.changes if change.kind is Kind.RELATION}
    return tuple(
        _verdict(change, base, wanted, live, with_relation=(change.collection, change.field) in related)
        for change in difference.changes
    )


def decide(
    difference: SchemaDiff,
    verdicts: Iterable[Verdict],
    rows: Mapping[Risk, int],
    approvals: Approvals,
    taken: Mapping[Risk, tuple[Taken, ...]] = _NOTHING_TAKEN,
) -> Plan:
    """Turn verdicts into a plan, with the rows that were counted and the approvals that were given.

    taken: by risk, what PostgreSQL would drop along with the table or column.
    """
    items = tuple(_item(verdict, rows, approvals, taken) for verdict in verdicts)
    known = {item.id for item in items}
    return Plan(difference, items, tuple(sorted((approvals.discard | approvals.destroy.keys()) - known)))


def nothing(approvals: Approvals) -> Plan:
    """Return the plan for a server that equals the snapshot."""
    return decide(NO_DIFFERENCE, (), {}, approvals)


def _verdict(
    change: Change, base: Snapshot | None, wanted: Snapshot, live: Snapshot, *, with_relation: bool
) -> Verdict:
    entries = _Entries(change, base, wanted, live)
    match change.action:
        case Action.ADD:
            mover = Mover.SERVER if entries.base is not None else Mover.GIT
            return Verdict(
                change, mover, tuple(_addition_risks(change, entries, live)), remade=_remade(change, entries)
            )
        case Action.REMOVE:
            mover = Mover.SERVER if entries.base is None else Mover.GIT if entries.untouched else Mover.BOTH
            return Verdict(change, mover, tuple(_removal_risks(change, entries)))
        case Action.CHANGE:
            # What a field says of its foreign key comes and goes with its relation, which is judged by itself.
            own = [edit for edit in change.edits if not (with_relation and edit.path in _FOREIGN_KEY)]
            moved = [(edit, entries.mover(edit)) for edit in own]
            mover = max(
                (who for _, who in moved), key=list(Mover).index, default=Mover.GIT if change.edits else Mover.BOTH
            )
            edits = tuple(edit for edit, who in moved if who is not Mover.GIT)
            if change.rebuilt and mover is Mover.GIT and not entries.untouched:
                # The field is dropped and made anew, and with it whatever else the server changed about it.
                mover = Mover.BOTH
            return Verdict(change, mover, tuple(_change_risks(change, entries)), edits, _remade(change, entries))


class _Entries:
    """One item as base, file and server have it."""

    def __init__(self, change: Change, base: Snapshot | None, wanted: Snapshot, live: Snapshot) -> None:
        self._change = change
        self._base = base
        self._live = live
        self.base = _entry(change, base)
        self.wanted = _entry(change, wanted)
        self.live = _entry(change, live)
        # Of a column that numbers its rows Directus compares nothing, and drops it all the same.
        self.has_column = bool((live.section(change.kind.value).get(change.key) or {}).get("schema"))

    @property
    def untouched(self) -> bool:
        """Tell whether the server still has the item, and all that goes with it, as the base has it."""
        return same(_with_parts(self._change, self._base), _with_parts(self._change, self._live))

    def mover(self, edit: Edit) -> Mover:
        """Tell who changed one property."""
        entries: tuple[Mapping[str, Any] | None, ...] = (self.base, self.wanted, self.live)
        if self._change.kind is Kind.SYSTEM_FIELD and self._base is not None:
            # A snapshot lists the indexed ones only.
            entries = tuple(_NO_INDEX if entry is None else entry for entry in entries)
        elif self.base is None:
            return Mover.SERVER if self._base is None else Mover.BOTH
        # A list is judged as a whole: its indexes shift when either side inserts.
        path = edit.path[: next((n for n, step in enumerate(edit.path) if isinstance(step, int)), None)]
        base, wanted, live = (_value(entry, path) for entry in entries)
        return Mover.GIT if same(base, live) else Mover.SERVER if same(base, wanted) else Mover.BOTH


def _entry(change: Change, snapshot: Snapshot | None) -> Mapping[str, Any] | None:
    if snapshot is None:
        return None
    return comparable(change.kind, snapshot.section(change.kind.value).get(change.key))


def _with_parts(change: Change, snapshot: Snapshot | None) -> dict[tuple[str, ...], object]:
    if snapshot is None:
        return {}
    collection, name = change.collection, change.field
    parts = {Kind.COLLECTION: (Kind.COLLECTION, Kind.FIELD, Kind.RELATION), Kind.FIELD: (Kind.FIELD, Kind.RELATION)}
    return {
        (kind.value, *key): comparable(kind, entry)
        for kind in parts.get(change.kind, (change.kind,))
        for key, entry in snapshot.section(kind.value).items()
        if key[0] == collection and (name is None or key[1:] == (name,))
    }


def _value(entry: Mapping[str, Any] | None, path: Iterable[str | int]) -> object:
    found: Any = entry
    for step in path:
        found = found.get(step, ABSENT) if isinstance(found, Mapping) else ABSENT
    return found


def _addition_risks(change: Change, entries: _Entries, live: Snapshot) -> Iterator[Risk]:
    schema = (entries.wanted or {}).get("schema")
    if change.kind is not Kind.FIELD or not schema or (change.collection,) not in live.section("collections"):
        return
    if (
        schema.get("is_nullable") is False
        and schema.get("default_value") is None
        and not schema.get("has_auto_increment")
    ):
        yield Risk(Hazard.REQUIRED, change.collection, change.field)


def _removal_risks(change: Change, entries: _Entries) -> Iterator[Risk]:
    if not entries.has_column:
        return
    if change.kind is Kind.COLLECTION:
        yield Risk(Hazard.TABLE, change.collection)
    elif change.kind is Kind.FIELD:
        yield Risk(Hazard.COLUMN, change.collection, change.field)


def _change_risks(change: Change, entries: _Entries) -> Iterator[Risk]:
    if change.kind is not Kind.FIELD:
        return
    before, after = ((entry or {}).get("schema") or {} for entry in (entries.live, entries.wanted))
    if not before:
        return
    if not after or change.rebuilt:
        yield Risk(Hazard.COLUMN, change.collection, change.field)
        return
    old = Column.of((entries.live or {}).get("type"), before)
    new = Column.of((entries.wanted or {}).get("type"), after)
    if is_lossy({edit.path for edit in change.edits}, old, new):
        yield Risk(Hazard.RETYPE, change.collection, change.field, new.made)
    if before.get("is_nullable") and after.get("is_nullable") is False:
        yield Risk(Hazard.NOT_NULL, change.collection, change.field)
    if not before.get("is_unique") and after.get("is_unique"):
        yield Risk(Hazard.UNIQUE, change.collection, change.field)


def _remade(change: Change, entries: _Entries) -> Column | None:
    before, after = ((entry or {}).get("schema") or {} for entry in (entries.live, entries.wanted))
    # Of a column that numbers its rows Directus compares no type.
    if change.kind is not Kind.FIELD or not after or after.get("has_auto_increment"):
        return None
    new = Column.of((entries.wanted or {}).get("type"), after)
    if before and not change.rebuilt:
        old = Column.of((entries.live or {}).get("type"), before)
        if not old.altered({edit.path for edit in change.edits}):
            return None
    return new if new.foreign else None


def _item(
    verdict: Verdict, rows: Mapping[Risk, int], approvals: Approvals, taken: Mapping[Risk, tuple[Taken, ...]]
) -> Item:
    name = verdict.change.id
    counted = sum(rows.get(risk, 0) for risk in verdict.risks)
    discarded = name in approvals.discard
    reason = approvals.destroy.get(name, "on the command line" if discarded else "")
    rule = _rule(
        verdict,
        rows,
        discarded=discarded,
        approved=name in approvals.destroy or (discarded and verdict.mover is not Mover.GIT),
    )
    along = tuple(found for risk in verdict.risks for found in taken.get(risk, ()))
    if rule is None and any(found.expected for found in along):
        rule = Rule.EXPECTED
    return Item(verdict, counted, rule, reason, along)


def _rule(verdict: Verdict, rows: Mapping[Risk, int], *, discarded: bool, approved: bool) -> Rule | None:
    change = verdict.change
    if change.malformed:
        return Rule.INCOMPLETE
    if change.action is not Action.ADD and verdict.mover is not Mover.GIT and not discarded:
        return Rule.CONFLICT if verdict.mover is Mover.BOTH else Rule.UNCAPTURED
    if verdict.remade:
        return Rule.TYPE
    at_risk = {risk.hazard for risk in verdict.risks if rows.get(risk, 0)}
    if at_risk & {Hazard.NOT_NULL, Hazard.UNIQUE, Hazard.REQUIRED}:
        return Rule.UNFIT
    destroys = change.action is Action.REMOVE or at_risk & {Hazard.COLUMN, Hazard.RETYPE}
    return Rule.DESTRUCTION if destroys and not approved else None


def unpushed(file: Snapshot, base: Snapshot | None, live: Snapshot) -> tuple[str, ...]:
    """Return the items of the file that a pull would lose: neither as the base has them, nor as the server."""
    ours = {} if base is None else {(change.kind, change.id): change for change in between(base, file)}
    lost = (c for c in between(live, file) if base is None or _overlap(c, ours.get((c.kind, c.id))))
    return tuple(dict.fromkeys(change.id for change in lost))


def _overlap(pulled: Change, ours: Change | None) -> bool:
    if ours is None:
        return False
    if pulled.action is not Action.CHANGE or ours.action is not Action.CHANGE:
        return True
    paths = [(theirs.path, own.path) for theirs in pulled.edits for own in ours.edits]
    return any(one[: len(other)] == other or other[: len(one)] == one for one, other in paths)
