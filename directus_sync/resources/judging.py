"""Judges each item that differs, from base, files and database, by the table of docs/guard.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from directus_sync.errors import SyncError
from directus_sync.resources.items import Items, Resource, Row, ordered, text
from directus_sync.resources.kinds import About, Family, ResourceKind, Rows
from directus_sync.resources.plan import Judged, ResourceChange, ResourcePlan
from directus_sync.resources.rules import ResourceRule
from directus_sync.schema.diff import Action
from directus_sync.schema.plan import Approvals, Mover


def changes(family: Family, wanted: Items, live: Items) -> tuple[ResourceChange, ...]:
    """Return the changes that make the database equal the files, in the order of the family's kinds."""
    found = []
    for kind in family.kinds:
        names = sorted(name for name in wanted.keys() | live.keys() if name.partition(":")[0] == kind.name)
        for name in names:
            before, after = (_rows(kind, items.get(name)) for items in (live, wanted))
            if text(before) != text(after):
                action = Action.ADD if not before else Action.REMOVE if not after else Action.CHANGE
                found.append(ResourceChange(action, kind, name.partition(":")[2], before, after))
    return tuple(found)


def require_lossless(
    family: Family, read: Iterable[Resource], live: Items, folder: Path, error: type[SyncError]
) -> None:
    """Raise the error unless the new content of the files reads as what the database has."""
    for change in changes(family, {item.id: item for item in read}, live):
        raise error(
            f"{change.id} can't be written to the files as Directus has it; nothing was written",
            where=str(folder),
            next=f"write it by hand as docs/{family.name}.md shows, then push",
        )


def mover(change: ResourceChange, base: Items | None) -> Mover:
    """Return who changed an item since the base. base: None if nothing was ever recorded."""
    then = None if base is None else _rows(change.kind, base.get(change.id))
    if change.action is Action.ADD:
        return Mover.GIT if not then else Mover.SERVER if _same(then, change.after) else Mover.BOTH
    if then is not None and _same(then, change.before):
        return Mover.GIT
    if change.action is Action.REMOVE:
        return Mover.BOTH if then else Mover.SERVER
    return Mover.SERVER if then is None or _same(then, change.after) else Mover.BOTH


def about(family: Family, items: Items) -> frozenset[str]:
    """Return the names of the collections that items are about."""
    named = ((family.by_name[item.kind].about, row) for item in items.values() for row in item.rows)
    return frozenset(row[about.collection] for about, row in named if about is not None)


def without_removed_with_schema(family: Family, base: Items, schema: Mapping[str, frozenset[str]]) -> Items:
    """Return the base without what Directus removed together with a collection or field.

    The removal of that collection or field is judged instead. schema: the fields of each existing collection that
    items are about. Fields of system collections always stay.
    """
    kept = {}
    for name, item in base.items():
        about = family.by_name[item.kind].about
        if about is None:
            kept[name] = item
        elif rows := [
            _without_removed_fields(about, row, schema) for row in item.rows if row[about.collection] in schema
        ]:
            kept[name] = replace(item, rows=ordered(rows))
    return kept


def _without_removed_fields(about: About, row: Row, schema: Mapping[str, frozenset[str]]) -> Row:
    if about.fields is None:
        return row
    collection, fields = row[about.collection], row[about.fields]
    if collection.startswith("directus_") or not fields or "*" in fields:
        return row
    return {**row, about.fields: [name for name in fields if name in schema[collection]]}


def decide(
    family: Family,
    found: Iterable[ResourceChange],
    base: Items | None,
    cost_counts: Mapping[str, int],
    approvals: Approvals,
    unknown: Items,
) -> ResourcePlan:
    """Turn changes into a plan. cost_counts: by id, how many users, panels or operations the removal costs."""
    items = tuple(_judged(change, base, cost_counts, approvals) for change in found)
    return ResourcePlan(family.name, items, unknown, approvals.unmatched(item.id for item in items))


def _judged(change: ResourceChange, base: Items | None, cost_counts: Mapping[str, int], approvals: Approvals) -> Judged:
    who = mover(change, base)
    discarded = change.id in approvals.discard
    approved = change.id in approvals.destroy or discarded
    rule = next(
        (rule for rule in ResourceRule if rule.refuses(change, who, discarded=discarded, approved=approved)), None
    )
    return Judged(change, who, rule, cost_counts.get(change.id, 0), approvals.reason(change.id))


def _rows(kind: ResourceKind, item: Resource | None) -> Rows:
    return () if item is None else ordered(kind.compared(row) for row in item.rows)


def _same(one: Rows, other: Rows) -> bool:
    return text(one) == text(other)
