"""Turns a refused plan into an error that lists each refused item and what to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from directus_sync.errors import RefusedPlan
from directus_sync.schema.diff import Action, ItemKind
from directus_sync.schema.plan import Plan, PlanItem
from directus_sync.schema.rules import SchemaRule
from directus_sync.text.wording import count, listed, shortened


def error(plan: Plan, operation: str) -> RefusedPlan:
    """Return the error for a plan with refused items. operation: what was refused, such as `push of X to Y`."""
    return by_rule(SchemaRule, plan.refused, operation, _line)


def by_rule(rules: Iterable[Any], refused: Iterable[Any], operation: str, line: Callable[[Any], str]) -> RefusedPlan:
    """Return the error for refused items, grouped by rule. rules: all rules, in order; line: returns an item's text."""
    items = tuple(refused)
    present = {rule: found for rule in rules if (found := [item for item in items if item.rule is rule])}
    first, *others = present
    where = [operation, *shortened([line(item) for item in present[first]])]
    for rule in others:
        where += [f"and {rule.value.what(present[rule])}:", *shortened([line(item) for item in present[rule]])]
    steps = [step for rule, found in present.items() for step in rule.value.steps(found)]
    what = f"{first.value.what(present[first])}; nothing was sent"
    return RefusedPlan(what, id=first.id, where="\n".join(where), next="\n".join(dict.fromkeys(steps)))


def _line(item: PlanItem) -> str:
    change = item.change
    details = [change.kind.noun] if change.kind is not ItemKind.COLLECTION else []
    if change.action is Action.CHANGE:
        edits = item.verdict.edits or change.edits
        details.append(listed(list(dict.fromkeys(edit.name for edit in edits)), 4))
    # Rows are not counted for changes with faults.
    if item.verdict.risks and not item.verdict.faults:
        details.append(count(item.rows, "row"))
    if item.rule is not None:
        details.append(item.rule.value.detail(item))
    shown = "; ".join(filter(None, details))
    return f"{item.id} ({shown})" if shown else item.id
