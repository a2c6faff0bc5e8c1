"""What the files' short forms stand for: the tenant's filter, and the validation of a creation. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from directus_sync.project import MEMBER_OF, MEMBERSHIPS, ORGANIZATIONS
from directus_sync.resources import paths
from directus_sync.resources.conditions import Filter
from directus_sync.schema.snapshot import Snapshot

_ME: Final = "$CURRENT_USER"
# A validation follows a path to the organisation backwards, by lists of the user. No longer path can be followed.
_FOLLOWED: Final = 2


def tenant(path: str, member: Sequence[str]) -> Filter:
    """Return the filter for rows of an organisation in which the user has one of the roles.

    Both conditions stand under one relation, so that Directus binds them to one membership.
    """
    found: Filter = {MEMBERSHIPS: {"user_id": {"_eq": _ME}, "role": {"_in": list(member)}}}
    for name in reversed(list(filter(None, path.split(".")))):
        found = {name: found}
    return found


def is_member_only(found: object) -> bool:
    """Tell whether a filter holds for rows of the user's own organisations alone, by the join on memberships."""
    if not isinstance(found, Mapping):
        return False
    if isinstance(found.get("_or"), list) and found["_or"] and all(map(is_member_only, found["_or"])):
        return True
    if any(map(is_member_only, found["_and"] if isinstance(found.get("_and"), list) else [])):
        return True
    membership = found.get(MEMBERSHIPS)
    if isinstance(membership, Mapping) and membership.get("user_id") == {"_eq": _ME}:
        return True
    return any(is_member_only(value) for key, value in found.items() if not str(key).startswith("_"))


def own_fields(schema: Snapshot, collection: str, path: str) -> tuple[str, ...]:
    """Return the first field of the path, if it is a column of the collection. It decides whose row it is."""
    head = path.partition(".")[0]
    return (head,) if (collection, head) in schema.section("relations") else ()


def creation(schema: Snapshot, collection: str, path: str | None) -> Filter | None:
    """Return the validation by which Directus itself refuses a creation outside of the user's organisations.

    Returns None where no list of the user reaches that far. Returns None also where the field may be null: from a user
    without memberships Directus accepts null, and nothing else.
    """
    if path is None:
        return None
    steps = list(paths.followed(schema, collection, path))
    if not 1 <= len(steps) <= _FOLLOWED or steps[-1][2] != ORGANIZATIONS or not own_fields(schema, collection, path):
        return None
    head = steps[0][1]
    field: Mapping[str, Any] = schema.section("fields").get((collection, head), {})
    if (field.get("schema") or {}).get("is_nullable") is not False:
        return None
    found = f"{_ME}.{MEMBERSHIPS}.{MEMBER_OF}"
    if len(steps) == _FOLLOWED:
        parent, name, _ = steps[1]
        alias = paths.alias_of(schema, parent, name)
        if alias is None:
            return None
        found += f".{alias}.id"
    return {head: {"_in": found}}
