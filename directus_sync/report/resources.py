"""Text and JSON of the plan for a family of resources, and the error if it is refused. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from directus_sync.errors import RefusedPlan
from directus_sync.report.plans import PlanLine, short, table
from directus_sync.report.refusal import by_rule
from directus_sync.resources.access_kinds import ACCESS
from directus_sync.resources.plan import Judged, ResourcePlan
from directus_sync.resources.rules import ResourceRule
from directus_sync.schema.diff import ABSENT, Action
from directus_sync.schema.plan import Mover
from directus_sync.text.wording import count, shortened

_WIDENS: Final = "widens"


def plan(judged: ResourcePlan, *, in_colour: bool = False) -> str:
    """Return the text of a plan: a line of counts, then one line per item. A column marks items that widen access."""
    rights = judged.family == ACCESS.name
    lines = []
    for item, parts in _lines(judged):
        mark = _WIDENS if any(each.change.widens for each in (item, *parts)) else ""
        column = f"{mark:<{len(_WIDENS)}}  " if rights else ""
        kinds = Counter(part.change.kind.noun or part.change.kind.name for part in parts)
        details = "; ".join([*(count(number, noun) for noun, number in kinds.items()), *_details(item)])
        lines.append(PlanLine(item.change.action.sign, item.id, f"{column}{details}"))
    lines += [PlanLine("?", name, "in no file, left alone") for name in sorted(judged.unknown)]
    risk = f"; {sum(item.change.widens for item in judged.items)} {_WIDENS}" if rights else ""
    signs = (item.change.action.sign for item in judged.items)
    return table(judged.family.capitalize(), signs, risk, lines, in_colour=in_colour)


def changes(judged: ResourcePlan) -> str:
    """Return the number of items of a plan, such as `2 changes of access`."""
    return f"{count(len(judged.items), 'change')} of {judged.family}"


def document(judged: ResourcePlan) -> dict[str, Any]:
    """Return the plan as JSON, as in docs/json.md."""
    counted = Counter(item.change.action for item in judged.items)
    return {
        **{action.value: counted[action] for action in Action},
        "widens": sum(item.change.widens for item in judged.items),
        "refused": bool(judged.refused),
        "items": [
            {
                "action": item.change.action.value,
                "id": item.id,
                "moved_by": item.mover.value,
                "widens": item.change.widens,
                "users": item.users,
                "cost": item.cost or None,
                "refused": item.rule.id if item.rule else None,
                "approved": item.reason or None,
                "before": list(item.change.before),
                "after": list(item.change.after),
            }
            for item in judged.items
        ],
        "left_alone": sorted(judged.unknown),
        "unmatched_approvals": list(judged.unmatched),
    }


def refusal(judged: ResourcePlan, operation: str) -> RefusedPlan:
    """Return the error for a plan with refused items. operation: what was refused."""
    return by_rule(ResourceRule, judged.refused, operation, _shown)


def _shown(item: Judged) -> str:
    return f"{item.id} ({item.cost})" if item.cost else item.id


def _lines(judged: ResourcePlan) -> list[tuple[Judged, list[Judged]]]:
    """Return the items that get a line, each with its parts that get none.

    A part gets no line if its owner is added or removed with it, unless the part is refused.
    """
    lines: dict[str, tuple[Judged, list[Judged]]] = {}
    whole = {item.id: item.change.action for item in judged.items if item.change.action is not Action.CHANGE}
    parts = []
    for item in judged.items:
        owner = item.change.owner
        if owner is not None and item.rule is None and whole.get(owner) is item.change.action:
            parts.append((owner, item))
        else:
            lines[item.id] = item, []
    for owner, item in parts:
        lines[owner][1].append(item)
    return list(lines.values())


def _details(item: Judged) -> list[str]:
    found = []
    change = item.change
    edits = [edit for name in change.edited for edit in _edits(name, change.before[0][name], change.after[0][name])]
    found += shortened([f"{name}: {short(before)} -> {short(after)}" for name, before, after in edits], 3)
    if change.action is Action.CHANGE and not change.edited:
        found.append(f"{count(len(change.before), 'rule')} -> {count(len(change.after), 'rule')}")
    if change.action is Action.ADD and item.mover is Mover.SERVER:
        found.append("was removed on the server")
    elif item.mover is not Mover.GIT:
        found.append(f"changed by {'the server' if item.mover is Mover.SERVER else 'git and the server'}")
    if item.cost:
        found.append(item.cost)
    if item.rule is not None:
        found.append(f"refused: {item.rule.id}")
    elif item.reason:
        found.append(f"approved: {item.reason}")
    return found


def _edits(name: str, before: object, after: object) -> Iterator[tuple[str, object, object]]:
    """Yield each differing place in a value, with the value before and after."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield name, before, after
        return
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key, ABSENT), after.get(key, ABSENT)
        if one != other:
            yield from _edits(f"{name}.{key}", one, other)
