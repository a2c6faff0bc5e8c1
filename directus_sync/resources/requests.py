"""Builds the requests that make a database equal the files: few, each one transaction, in a safe order. Pure.

The parts of all rows of a kind are written together: the permissions of all existing policies change in one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from directus_sync.resources.grouping import Live
from directus_sync.resources.items import Resource, Row, text
from directus_sync.resources.kinds import ID, Family, LiveRow, ResourceKind
from directus_sync.resources.plan import ResourceChange
from directus_sync.schema.diff import Action


@dataclass(frozen=True)
class RowRequest:
    """One request. items: the ids of the items that it writes, for messages."""

    method: str
    path: str
    body: Any
    items: tuple[str, ...]


@dataclass(frozen=True)
class _Rewrite:
    """The rows that one change writes.

    updated: with primary keys. deleted: primary keys. owner: the primary key of the row that they are a part of.
    unlinked: updates that clear links first, so that other rows can link to the same targets.
    """

    change: ResourceChange
    created: tuple[Row, ...]
    updated: tuple[Row, ...]
    deleted: tuple[Any, ...]
    owner: Any = None
    unlinked: tuple[Row, ...] = ()


def requests(
    family: Family, changes: Iterable[ResourceChange], wanted: Mapping[str, Resource], live: Live
) -> Iterator[RowRequest]:
    """Yield the requests, in order.

    Settings come first, then removals of rows that grant something, such as the attachment of a policy, because a
    later request could widen that policy. Then the kinds are written in the family's order. Parts are deleted with the
    request of their owner. Other deletions come last, in the opposite order.
    """
    changes = tuple(changes)
    for kind in (kind for kind in family.kinds if kind.singles):
        yield from _settings_request(kind, [change for change in changes if change.kind is kind])
    rewrites = [_rewrite(c, wanted.get(c.id), live.rows_by_id.get(c.id, ())) for c in changes if not c.kind.singles]
    gone = {(r.change.kind.name, key) for r in rewrites for key in r.deleted if r.change.kind.part_of is None}
    owners = [kind for kind in family.kinds if kind.part_of is None]
    for kind in owners:
        first = [r for r in _parts_of(family, kind, rewrites, gone) if _is_withdrawn(r)]
        yield from _patched(kind, [], first)
    for kind in owners:
        own = [r for r in rewrites if r.change.kind is kind]
        parts = [r for r in _parts_of(family, kind, rewrites, gone) if not _is_withdrawn(r)]
        new = {row.get(ID) for r in own for row in r.created}
        yield from _created(kind, own, [r for r in parts if r.owner in new])
        yield from _patched(kind, own, [r for r in parts if r.owner not in new])
    for kind in reversed(owners):
        removed = [r for r in rewrites if r.change.kind is kind and r.deleted]
        if removed:
            keys = [key for r in removed for key in r.deleted]
            yield RowRequest("DELETE", kind.path, keys, tuple(r.change.id for r in removed))


def _settings_request(kind: ResourceKind, changes: list[ResourceChange]) -> Iterator[RowRequest]:
    """Yield the request that sets columns of the table's only row. A removed item gets Directus's initial value."""
    if changes:
        values = {c.key: c.after[0]["value"] if c.after else kind.singles[c.key] for c in changes}
        yield RowRequest("PATCH", kind.path, values, tuple(c.id for c in changes))


def _parts_of(
    family: Family, owner: ResourceKind, rewrites: Iterable[_Rewrite], gone: set[tuple[str, Any]]
) -> Iterator[_Rewrite]:
    for rewrite in rewrites:
        # The parts of a deleted row are deleted with it.
        if family.parent(rewrite.change.kind) is owner and (owner.name, rewrite.owner) not in gone:
            yield rewrite


def _is_withdrawn(rewrite: _Rewrite) -> bool:
    part_of = rewrite.change.kind.part_of
    return part_of is not None and part_of.grants and rewrite.change.action is Action.REMOVE


def _rewrite(change: ResourceChange, wanted: Resource | None, found: tuple[LiveRow, ...]) -> _Rewrite:
    """Pair old and new rows that differ, for updates. Rows without a partner are created or deleted."""
    kind = change.kind
    there = {text(kind.compared(each.row)) for each in found}
    after = [row for row in (wanted.rows if wanted else ()) if text(kind.compared(row)) not in there]
    kept = {text(kind.compared(row)) for row in (wanted.rows if wanted else ())}
    before = [each for each in found if text(kind.compared(each.row)) not in kept]
    pairs = list(zip(before, after, strict=False))
    if kind.stored:
        # A primary key that is in the files identifies its row for ever.
        pairs = [(each, row) for each in before for row in after if each.primary == row[ID]]
    updated = [id(row) for _, row in pairs]
    deleted = [each for each in before if all(each is not other for other, _ in pairs)]
    unlinked = [*((each, row) for each, row in pairs), *((each, None) for each in deleted)]
    column = kind.part_of.column if kind.part_of else None
    return _Rewrite(
        change,
        # Directus fills in the column that names the owner.
        tuple({name: row[name] for name in row if name != column} for row in after if id(row) not in updated),
        tuple(
            {ID: each.primary, **{n: row[n] for n in kind.owned if text(row[n]) != text(each.row[n])}}
            for each, row in pairs
        ),
        tuple(each.primary for each in deleted),
        (change.after or change.before)[0][column] if column else None,
        tuple(filter(None, (_unlinked(kind, each, row) for each, row in unlinked))),
    )


def _unlinked(kind: ResourceKind, found: LiveRow, row: Row | None) -> Row | None:
    """Return an update that clears the links that the row loses; None if it loses none."""
    lost = {
        name: None
        for name in kind.links
        if found.row[name] is not None and (row is None or row[name] != found.row[name])
    }
    return {ID: found.primary, **lost} if lost else None


def _created(kind: ResourceKind, own: list[_Rewrite], parts: list[_Rewrite]) -> Iterator[RowRequest]:
    rows = [dict(row) for rewrite in own for row in rewrite.created]
    if not rows:
        return
    by_owner = _by_owner(parts)
    for row in rows:
        for (owner, alias), group in by_owner.items():
            if owner == row.get(ID):
                row[alias] = group["create"]
    yield RowRequest("POST", kind.path, rows, tuple(r.change.id for r in [*(o for o in own if o.created), *parts]))


def _patched(kind: ResourceKind, own: list[_Rewrite], parts: list[_Rewrite]) -> Iterator[RowRequest]:
    rows = {row[ID]: dict(row) for rewrite in own for row in rewrite.updated}
    if parts and not rows and (direct := _direct(parts)) is not None:
        yield direct
        return
    for (owner, alias), group in _by_owner(parts).items():
        if any(group.values()):
            rows.setdefault(owner, {ID: owner})[alias] = group
    if rows:
        changed = tuple(r.change.id for r in [*(o for o in own if o.updated), *parts])
        # Directus writes the rows one after the other, in one transaction.
        yield RowRequest("PATCH", kind.path, [*_letting_go(parts), *rows.values()], changed)
    for part in parts:
        if part.deleted and not _goes_with_patch(part):
            yield RowRequest("DELETE", part.change.kind.path, list(part.deleted), (part.change.id,))


def _letting_go(parts: list[_Rewrite]) -> Iterator[Row]:
    """Yield updates of owners that clear links first, because only one row can link to a target."""
    for part in parts:
        if part.unlinked and part.change.kind.part_of is not None:
            yield {ID: part.owner, part.change.kind.part_of.alias: {"update": list(part.unlinked)}}


def _direct(parts: list[_Rewrite]) -> RowRequest | None:
    """Return one request to the parts' own path, if one is enough: it takes half as long as through their owner."""
    kind = parts[0].change.kind
    part_of = kind.part_of
    created = [{**row, part_of.column: r.owner} for r in parts for row in r.created if part_of is not None]
    updated = [row for r in parts for row in r.updated]
    deleted = [key for r in parts for key in r.deleted]
    bodies = [(method, body) for method, body in (("POST", created), ("PATCH", updated), ("DELETE", deleted)) if body]
    if len(bodies) != 1 or any(r.change.kind is not kind or r.unlinked for r in parts):
        return None
    ((method, body),) = bodies
    rows = _leaves_first(kind, created) if method == "POST" else body
    return RowRequest(method, kind.path, rows, tuple(r.change.id for r in parts))


def _by_owner(parts: Iterable[_Rewrite]) -> dict[tuple[Any, str], dict[str, list[Any]]]:
    """Return the parts to create, update and delete, by their owner and its field that lists them."""
    found: dict[tuple[Any, str], dict[str, list[Any]]] = {}
    for rewrite in parts:
        part_of = rewrite.change.kind.part_of
        if part_of is not None:
            group = found.setdefault((rewrite.owner, part_of.alias), {"create": [], "update": [], "delete": []})
            group["create"] = _leaves_first(rewrite.change.kind, [*group["create"], *rewrite.created])
            group["update"] += rewrite.updated
            group["delete"] += rewrite.deleted if _goes_with_patch(rewrite) else ()
    return found


def _goes_with_patch(part: _Rewrite) -> bool:
    """Return whether Directus deletes a part that is taken out of its owner's list."""
    return part.change.kind.part_of is None or part.change.kind.part_of.deletes


def _leaves_first(kind: ResourceKind, rows: Sequence[Row]) -> list[Row]:
    """Return rows so that each links only to earlier or existing rows. The check of the files has refused circles."""
    if not kind.links:
        return list(rows)
    new = {row[ID]: row for row in rows}
    named = {key: [row[link] for link in kind.links if row[link] in new] for key, row in new.items()}
    return [new[key] for key in TopologicalSorter(named).static_order()]
