"""Judges a diff as a push does, without Directus or a database."""

from __future__ import annotations

from collections.abc import Mapping

from directus_sync.schema import diff, guard
from directus_sync.schema.diff import Action, Change, Edit, ItemKind, SchemaDiff
from directus_sync.schema.plan import Approvals, Hazard, Obstacles, Plan, Risk, Verdict
from directus_sync.schema.rules import SchemaRule
from directus_sync.schema.snapshot import Snapshot
from tests.properties.directus import answer
from tests.snapshots import after

NOBODY = Approvals()


def decided(
    difference: SchemaDiff,
    live: Snapshot,
    base: Snapshot | None,
    *,
    rows: int = 1,
    approvals: Approvals = NOBODY,
    wanted: Snapshot | None = None,
) -> Plan:
    """Return the plan for a diff. Each count of rows is `rows`; `wanted` is by default live after the changes."""
    found = after(live, difference.changes) if wanted is None else wanted
    verdicts = guard.judge(difference, base=base, wanted=found, live=live)
    counts = {risk: rows for verdict in verdicts for risk in verdict.risks}
    return guard.decide(difference, verdicts, counts, approvals, Obstacles())


def directus_diff(live: Snapshot, wanted: Snapshot) -> SchemaDiff:
    """Return the diff that Directus would answer for a file."""
    return diff.from_server(("hash", answer(live.sections, wanted.sections)))


def judged(live: Snapshot, wanted: Snapshot, base: Snapshot | None) -> tuple[Verdict, ...]:
    return guard.judge(directus_diff(live, wanted), base=base, wanted=wanted, live=live)


def edit_of(name: str, path: tuple[str, ...], value: object, *, before: object = diff.ABSENT) -> Change:
    """Return a change that sets one property of a field."""
    collection, _, field = name.partition(".")
    return Change(Action.CHANGE, ItemKind.FIELD, collection, field, edits=(Edit(path, before, value),))


def with_values(snapshot: Snapshot, name: str, values: Mapping[tuple[str, ...], object]) -> Snapshot:
    """Return the snapshot after setting these properties of a field."""
    return after(snapshot, [edit_of(name, path, value) for path, value in values.items()])


def rules(plan: Plan) -> list[tuple[str, SchemaRule]]:
    return [(item.id, item.rule) for item in plan.refused if item.rule is not None]


def risks_of(difference: SchemaDiff, live: Snapshot) -> list[Risk]:
    return [risk for item in decided(difference, live, live).items for risk in item.verdict.risks]


def hazards(difference: SchemaDiff, live: Snapshot) -> list[Hazard]:
    return [risk.hazard for risk in risks_of(difference, live)]
