"""Text and JSON of plans. Pure; prints nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from directus_sync.output import coloured
from directus_sync.schema.diff import ABSENT, Action, Change, ItemKind, SchemaDiff
from directus_sync.schema.plan import Mover, Plan, PlanItem, Verdict
from directus_sync.text.wording import count, cut, listed

_NAMES_SHOWN: Final = 5
_COLOURS: Final = {"+": "32", "~": "33", "-": "31"}


@dataclass(frozen=True)
class PlanLine:
    """One line of a plan."""

    sign: str
    item: str
    detail: str


def table(title: str, signs: Iterable[str], risk: str, lines: Sequence[PlanLine], *, in_colour: bool) -> str:
    """Return the text of a plan: a line of counts, then one line per item. risk: ends the first line."""
    counts = Counter(signs)
    text = [f"{title}: {counts['+']} to add, {counts['~']} to change, {counts['-']} to remove{risk}"]
    width = max((len(line.item) for line in lines), default=0)
    for line in lines:
        sign = coloured(line.sign, _COLOURS[line.sign]) if in_colour and line.sign in _COLOURS else line.sign
        text.append(f"  {sign} {line.item:<{width}}  {line.detail}".rstrip())
    return "\n".join(text)


def plan(judged: Plan, *, in_colour: bool = False) -> str:
    """Return the text of a plan: a line of counts, then one line per item."""
    lines = list(plan_lines(judged))
    risk = f"; {count(judged.rows_at_risk, 'row')} at risk" if judged.rows_at_risk else ""
    return table("Plan", (line.sign for line in lines), risk, lines, in_colour=in_colour)


def changes(judged: Plan) -> str:
    """Return the number of lines of a plan, such as `17 changes`."""
    return count(sum(1 for _ in plan_lines(judged)), "change")


def plan_document(judged: Plan) -> dict[str, Any]:
    """Return the plan as JSON, as in docs/json.md; one item for each entry of the server's diff."""
    counted = Counter(change.action for change in judged.difference.changes)
    return {
        **{action.value: counted[action] for action in Action},
        "rows_at_risk": judged.rows_at_risk,
        "refused": bool(judged.refused),
        "items": [_document(item) for item in judged.items],
        "unmatched_approvals": list(judged.unmatched),
    }


def plan_lines(judged: Plan) -> Iterator[PlanLine]:
    """Yield the lines of a plan. A new collection's fields and relations get no lines, unless they are refused."""
    added = [item.change for item in judged.items if item.change.action is Action.ADD]
    created = {change.collection for change in added if change.kind is ItemKind.COLLECTION}
    fields = Counter(change.collection for change in added if change.kind is ItemKind.FIELD)
    for item in judged.items:
        change = item.change
        if change.kind is ItemKind.COLLECTION and change.action is Action.ADD:
            number = fields[change.collection]
            detail = count(number, "field") if number else "folder"
        elif change.collection in created and item.rule is None:
            continue
        else:
            detail = _detail(change)
        yield PlanLine(change.action.sign, change.id, "; ".join([detail, *_remarks(item)]))


def change_lines(changes: Sequence[Change]) -> Iterator[PlanLine]:
    """Yield the lines of changes without verdicts, such as those of a pull."""
    items = tuple(PlanItem(Verdict(change, Mover.GIT), 0, None) for change in changes)
    return plan_lines(Plan(SchemaDiff(tuple(changes)), items))


def _document(item: PlanItem) -> dict[str, Any]:
    change = item.change
    return {
        "action": change.action.value,
        "kind": change.kind.noun,
        "id": change.id,
        "moved_by": item.verdict.mover.value,
        "rows_at_risk": item.rows,
        "refused": item.rule.id if item.rule else None,
        "approved": item.reason or None,
        "takes_along": [found.name for found in item.dropped_with],
        "named_by": list(item.named_by),
        "edits": [
            {"path": edit.name}
            | {name: v for name, v in (("before", edit.before), ("after", edit.after)) if v is not ABSENT}
            for edit in change.edits
        ],
    }


def _remarks(item: PlanItem) -> Iterator[str]:
    """Yield who changed the item, unless it was git alone, which rows are at risk, and refusal or approval."""
    verdict = item.verdict
    if verdict.change.action is Action.ADD and verdict.mover is Mover.SERVER:
        yield "was removed on the server, comes back"
    elif verdict.mover is not Mover.GIT:
        yield f"changed by {'the server' if verdict.mover is Mover.SERVER else 'git and the server'}"
    if verdict.risks:
        yield f"{count(item.rows, 'row')} at risk"
    if item.dropped_with:
        yield f"takes along {', '.join(found.name for found in item.dropped_with)}"
    if item.named_by:
        yield f"named by {listed(item.named_by, _NAMES_SHOWN)}"
    if item.rule is not None:
        yield f"refused: {item.rule.id}"
    elif item.reason:
        yield f"approved: {item.reason}"


def _detail(change: Change) -> str:
    noun = change.kind.noun
    if change.action is Action.CHANGE:
        edits = [f"{edit.name}: {short(edit.before)} -> {short(edit.after)}" for edit in change.edits]
        prefix = "" if change.kind is ItemKind.FIELD else f"{noun}, "
        return prefix + listed(edits, 3)
    shape = change.after or change.before or {}
    if change.kind is ItemKind.RELATION:
        return f"relation to {shape.get('related_collection')}"
    return f"{noun}, {shape['type']}" if "type" in shape else noun


def short(value: object) -> str:
    """Return a value as one line of at most 32 characters and an ellipsis."""
    if value is ABSENT:
        return "nothing"
    return cut(value if isinstance(value, str) else json.dumps(value, default=str), 32)
