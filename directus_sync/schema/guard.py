"""Judges a diff with three snapshots: who changed what, what it would cost, and whether it may be sent.

Two versions cannot tell "not captured yet" from "removed on purpose". Three can: `base` is what file and server had in
common last. Pure: uses no server and no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from directus_sync.schema import rebuilding
from directus_sync.schema.comparison import between
from directus_sync.schema.diff import NO_DIFFERENCE, Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.entries import ItemVersions, risks
from directus_sync.schema.plan import Approvals, Hazard, Mover, Obstacles, Plan, PlanItem, Risk, Verdict
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot

_FOREIGN_KEY: Final = {("schema", "foreign_key_table"), ("schema", "foreign_key_column")}
_NO_OBSTACLES: Final = Obstacles()


def judge(difference: SchemaDiff, *, base: Snapshot | None, wanted: Snapshot, live: Snapshot) -> tuple[Verdict, ...]:
    """Label each change with who made it since the base and which rows it puts at risk.

    base: None for a database that this tool never touched. Everything in it then counts as made on the server.
    """
    related = {change.key for change in difference.changes if change.kind is ItemKind.RELATION}
    return tuple(
        _verdict(change, ItemVersions(change, base, wanted, live), wanted, live, change.key in related)
        for change in difference.changes
    )


def decide(
    difference: SchemaDiff,
    verdicts: Iterable[Verdict],
    rows: Mapping[Risk, int],
    approvals: Approvals,
    obstacles: Obstacles = _NO_OBSTACLES,
) -> Plan:
    """Combine verdicts with counted rows, approvals and obstacles into a plan."""
    items = tuple(_item(verdict, rows, approvals, obstacles) for verdict in verdicts)
    return Plan(difference, items, approvals.unmatched(item.id for item in items))


def renamed(base: Snapshot | None, before: Snapshot | None) -> frozenset[tuple[ItemKind, tuple[str, ...]]]:
    """Return the items that revisions renamed, under their new names.

    before: the base before those revisions, or None if no revision renamed anything.
    """
    if base is None or before is None:
        return frozenset()
    names = ((kind, key) for kind in ItemKind for key in base.section(kind.value))
    return frozenset((kind, key) for kind, key in names if key not in before.section(kind.value))


def unchanged(approvals: Approvals) -> Plan:
    """Return the plan for a server that equals the snapshot."""
    return decide(NO_DIFFERENCE, (), {}, approvals)


def _verdict(change: Change, versions: ItemVersions, wanted: Snapshot, live: Snapshot, with_relation: bool) -> Verdict:
    edits: tuple[Edit, ...] = ()
    match change.action:
        case Action.ADD:
            mover = Mover.SERVER if versions.base is not None else Mover.GIT
        case Action.REMOVE:
            mover = Mover.SERVER if versions.base is None else Mover.GIT if versions.untouched else Mover.BOTH
        case Action.CHANGE:
            # A field's foreign key comes and goes with its relation, and the relation is judged separately.
            own = [edit for edit in change.edits if not (with_relation and edit.path in _FOREIGN_KEY)]
            moved = [(edit, versions.mover(edit)) for edit in own]
            nobody = Mover.GIT if change.edits else Mover.BOTH
            mover = max((who for _, who in moved), key=list(Mover).index, default=nobody)
            edits = tuple(edit for edit, who in moved if who is not Mover.GIT)
            if change.recreated and mover is Mover.GIT and not versions.untouched:
                # Directus drops the field and creates it again, so the server's other changes to it would be lost.
                mover = Mover.BOTH
    return Verdict(change, mover, tuple(risks(change, versions, live)), edits, rebuilding.faults(change, wanted, live))


def _item(verdict: Verdict, rows: Mapping[Risk, int], approvals: Approvals, obstacles: Obstacles) -> PlanItem:
    kind, name = verdict.change.kind, verdict.change.id
    discarded = name in approvals.discard
    item = PlanItem(
        verdict,
        # Values that cannot be cast are already counted by RETYPE.
        sum(rows.get(risk, 0) for risk in verdict.risks if risk.hazard is not Hazard.CAST),
        reason=approvals.reason(name),
        dropped_with=tuple(found for risk in verdict.risks for found in obstacles.dropped_with.get(risk, ())),
        named_by=obstacles.named.get((kind, name), ()),
        needed_by=obstacles.needed_by.get((kind, name), ()),
        keys=tuple(dict.fromkeys(key for risk in verdict.risks for key in obstacles.keys.get(risk, ()))),
        remains=obstacles.remains.get(name) if kind is ItemKind.COLLECTION else None,
        look_alikes=obstacles.look_alikes.get(name, ()) if kind is ItemKind.FIELD else (),
        at_risk=frozenset(risk.hazard for risk in verdict.risks if rows.get(risk, 0)),
        renamed=(kind, verdict.change.key) in obstacles.renamed,
        approved=name in approvals.destroy or (discarded and verdict.mover is not Mover.GIT),
        discarded=discarded,
    )
    return replace(item, rule=next((rule for rule in SchemaRule if rule.value.refuses(item)), None))


def unpushed(file: Snapshot, base: Snapshot | None, live: Snapshot) -> tuple[str, ...]:
    """Return the items of the file that a pull would lose: those that differ from both base and server.

    An index of Directus's own that the file lacks does not count, because no push would drop it.
    """
    ours = {} if base is None else {(change.kind, change.id): change for change in between(base, file)}
    pushable = (c for c in between(live, file) if c.kind is not ItemKind.SYSTEM_FIELD or c.action is Action.ADD)
    lost = (c for c in pushable if base is None or _overlap(c, ours.get((c.kind, c.id))))
    return tuple(dict.fromkeys(change.id for change in lost))


def _overlap(pulled: Change, ours: Change | None) -> bool:
    if ours is None:
        return False
    if pulled.action is not Action.CHANGE or ours.action is not Action.CHANGE:
        return True
    paths = [(theirs.path, own.path) for theirs in pulled.edits for own in ours.edits]
    return any(one[: len(other)] == other or other[: len(one)] == one for one, other in paths)
