"""Judges a diff with three snapshots: who changed what, what it would cost, and whether it may be sent.

Two versions cannot tell "not captured yet" from "removed on purpose". Three can: `base` is what file and server had in
common last. Pure: asks no server and no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from directus_sync.schema import rebuilding
from directus_sync.schema.comparison import between
from directus_sync.schema.diff import NO_DIFFERENCE, Action, Change, Edit, Kind, SchemaDiff
from directus_sync.schema.entries import Entries, risks
from directus_sync.schema.plan import Approvals, Hazard, Item, Mover, Obstacles, Plan, Risk, Taken, Verdict
from directus_sync.schema.rules import Case, Rule
from directus_sync.schema.snapshot import Snapshot

_FOREIGN_KEY: Final = {("schema", "foreign_key_table"), ("schema", "foreign_key_column")}
_NOTHING_TAKEN: Final[Mapping[Risk, tuple[Taken, ...]]] = {}
_NOTHING_NAMED: Final[Mapping[tuple[Kind, str], tuple[str, ...]]] = {}
_NO_OBSTACLES: Final = Obstacles()


def judge(difference: SchemaDiff, *, base: Snapshot | None, wanted: Snapshot, live: Snapshot) -> tuple[Verdict, ...]:
    """Say of each change who made it since the base, and which rows it puts at risk.

    base: None for a database that this tool never touched; everything there is then the server's.
    """
    related = {(change.collection, change.field) for change in difference.changes if change.kind is Kind.RELATION}
    return tuple(
        _verdict(
            change, Entries(change, base, wanted, live), wanted, live, (change.collection, change.field) in related
        )
        for change in difference.changes
    )


def decide(
    difference: SchemaDiff,
    verdicts: Iterable[Verdict],
    rows: Mapping[Risk, int],
    approvals: Approvals,
    taken: Mapping[Risk, tuple[Taken, ...]] = _NOTHING_TAKEN,
    named: Mapping[tuple[Kind, str], tuple[str, ...]] = _NOTHING_NAMED,
    obstacles: Obstacles = _NO_OBSTACLES,
) -> Plan:
    """Turn verdicts into a plan, with the rows that were counted and the approvals that were given.

    taken: by risk, what PostgreSQL would drop with the table or column. named: by kind and id, what else
    names what is removed.
    """
    judged = (_item(verdict, rows, approvals, taken, obstacles) for verdict in verdicts)
    items = tuple(replace(item, named_by=named.get((item.verdict.change.kind, item.id), ())) for item in judged)
    known = {item.id for item in items}
    return Plan(difference, items, tuple(sorted((approvals.discard | approvals.destroy.keys()) - known)))


def renamed(base: Snapshot | None, before: Snapshot | None) -> frozenset[tuple[Kind, tuple[str, ...]]]:
    """Return what has another name in the base than before the revisions that renamed it. before: None if none did."""
    if base is None or before is None:
        return frozenset()
    names = ((kind, key) for kind in Kind for key in base.section(kind.value))
    return frozenset((kind, key) for kind, key in names if key not in before.section(kind.value))


def nothing(approvals: Approvals) -> Plan:
    """Return the plan for a server that equals the snapshot."""
    return decide(NO_DIFFERENCE, (), {}, approvals)


def _verdict(change: Change, entries: Entries, wanted: Snapshot, live: Snapshot, with_relation: bool) -> Verdict:
    edits: tuple[Edit, ...] = ()
    match change.action:
        case Action.ADD:
            mover = Mover.SERVER if entries.base is not None else Mover.GIT
        case Action.REMOVE:
            mover = Mover.SERVER if entries.base is None else Mover.GIT if entries.untouched else Mover.BOTH
        case Action.CHANGE:
            # A field's foreign key comes and goes with its relation, which is judged by itself.
            own = [edit for edit in change.edits if not (with_relation and edit.path in _FOREIGN_KEY)]
            moved = [(edit, entries.mover(edit)) for edit in own]
            mover = max(
                (who for _, who in moved), key=list(Mover).index, default=Mover.GIT if change.edits else Mover.BOTH
            )
            edits = tuple(edit for edit, who in moved if who is not Mover.GIT)
            if change.rebuilt and mover is Mover.GIT and not entries.untouched:
                # Directus drops the field and creates it again, so that the server's other changes to it are lost.
                mover = Mover.BOTH
    return Verdict(change, mover, risks(change, entries, live), edits, rebuilding.faults(change, wanted, live))


def _item(
    verdict: Verdict,
    rows: Mapping[Risk, int],
    approvals: Approvals,
    taken: Mapping[Risk, tuple[Taken, ...]],
    obstacles: Obstacles,
) -> Item:
    name = verdict.change.id
    discarded = name in approvals.discard
    along = tuple(found for risk in verdict.risks for found in taken.get(risk, ()))
    case = Case(
        verdict,
        at_risk=frozenset(risk.hazard for risk in verdict.risks if rows.get(risk, 0)),
        taken=along,
        held=obstacles.held.get((verdict.change.kind, name), ()),
        renamed=(verdict.change.kind, verdict.change.key) in obstacles.renamed,
        look_alikes=obstacles.look_alikes.get(name, ()) if verdict.change.kind is Kind.FIELD else (),
        discarded=discarded,
        approved=name in approvals.destroy or (discarded and verdict.mover is not Mover.GIT),
    )
    # Values that a cast refuses are among those that another type would not hold.
    counted = sum(rows.get(risk, 0) for risk in verdict.risks if risk.hazard is not Hazard.CAST)
    reason = approvals.destroy.get(name, "on the command line" if discarded else "")
    keys = tuple(dict.fromkeys(key for risk in verdict.risks for key in obstacles.keys.get(risk, ())))
    rule = next((rule for rule in Rule if rule.refuses(case)), None)
    remains = obstacles.remains.get(name) if verdict.change.kind is Kind.COLLECTION else None
    found = {"held": case.held, "keys": keys, "look_alikes": case.look_alikes}
    return Item(verdict, counted, rule, reason, along, remains=remains, **found)


def unpushed(file: Snapshot, base: Snapshot | None, live: Snapshot) -> tuple[str, ...]:
    """Return the items of the file that a pull would lose: those that differ from both base and server.

    That the file lacks an index of Directus's own is no work of anybody: no push would drop it.
    """
    ours = {} if base is None else {(change.kind, change.id): change for change in between(base, file)}
    pushable = (c for c in between(live, file) if c.kind is not Kind.SYSTEM_FIELD or c.action is Action.ADD)
    lost = (c for c in pushable if base is None or _overlap(c, ours.get((c.kind, c.id))))
    return tuple(dict.fromkeys(change.id for change in lost))


def _overlap(pulled: Change, ours: Change | None) -> bool:
    if ours is None:
        return False
    if pulled.action is not Action.CHANGE or ours.action is not Action.CHANGE:
        return True
    paths = [(theirs.path, own.path) for theirs in pulled.edits for own in ours.edits]
    return any(one[: len(other)] == other or other[: len(one)] == one for one, other in paths)
