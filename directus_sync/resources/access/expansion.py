"""What the files' short forms stand for: the tenant's filter, and the validation of a creation. Pure.

A membership is a row of `organization_users`: it names an organisation, a user and the user's role in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from directus_sync.resources.conditions import Filter
from directus_sync.schema.snapshot import Snapshot

ORGANIZATIONS: Final = "organizations"
MEMBERSHIPS: Final = "organization_users"
_ME: Final = "$CURRENT_USER"
# The longest path to the organisation that a validation can follow backwards, by lists of the user.
_FOLLOWED: Final = 2


def nested(path: str, leaf: Any) -> Any:
    """Return `leaf` below the fields of a path: a.b becomes {a: {b: leaf}}."""
    for name in reversed([part for part in path.split(".") if part]):
        leaf = {name: leaf}
    return leaf


def tenant(path: str, member: Sequence[str]) -> Filter:
    """Return the filter for rows of an organisation in which the user has one of the roles.

    Both conditions stand under one relation, so that Directus binds them to one membership.
    """
    found: Filter = nested(path, {MEMBERSHIPS: {"user_id": {"_eq": _ME}, "role": {"_in": list(member)}}})
    return found


def followed(schema: Snapshot, collection: str, path: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield the steps of a path: collection, field, and the collection it leads to, None where it leads nowhere."""
    for name in [part for part in path.split(".") if part]:
        target = target_of(schema, collection, name)
        yield collection, name, target
        if target is None:
            return
        collection = target


def target_of(schema: Snapshot, collection: str, name: str) -> str | None:
    """Return the collection that a relational field leads to, or None."""
    relation = schema.section("relations").get((collection, name))
    if relation is not None:
        return relation.get("related_collection")
    return next((key[0] for key, _ in _aliases(schema, collection, name)), None)


def own_fields(schema: Snapshot, collection: str, path: str) -> tuple[str, ...]:
    """Return the field of the path that is a column of the collection itself: the row's tenant hangs on it."""
    head = path.partition(".")[0]
    return (head,) if (collection, head) in schema.section("relations") else ()


def creation(schema: Snapshot, collection: str, path: str) -> Filter | None:
    """Return the validation by which Directus itself refuses a creation outside of the user's organisations.

    None where no list of the user reaches that far, or where the field may be null: Directus accepts nothing but null
    from who is a member of nothing.
    """
    steps = list(followed(schema, collection, path))
    if not 1 <= len(steps) <= _FOLLOWED or steps[-1][2] != ORGANIZATIONS or not own_fields(schema, collection, path):
        return None
    head = steps[0][1]
    if not _is_required(schema, collection, head):
        return None
    found = f"{_ME}.{MEMBERSHIPS}.organization_id"
    if len(steps) == _FOLLOWED:
        parent, name, _ = steps[1]
        alias = alias_of(schema, parent, name)
        if alias is None:
            return None
        found += f".{alias}.id"
    return {head: {"_in": found}}


def alias_of(schema: Snapshot, collection: str, name: str) -> str | None:
    """Return the field on the other side of a relation that lists its rows, or None."""
    relation: Mapping[str, Any] = schema.section("relations").get((collection, name), {})
    return (relation.get("meta") or {}).get("one_field")


def _is_required(schema: Snapshot, collection: str, name: str) -> bool:
    entry: Mapping[str, Any] = schema.section("fields").get((collection, name), {})
    return (entry.get("schema") or {}).get("is_nullable") is False


def _aliases(schema: Snapshot, collection: str, name: str) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for key, relation in schema.section("relations").items():
        meta = relation.get("meta") or {}
        if relation.get("related_collection") == collection and meta.get("one_field") == name:
            yield key, relation
