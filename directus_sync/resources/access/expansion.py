"""Expands the short forms of access files: the filter for a tenant, and the validation of a create. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from directus_sync.project import MEMBER_OF, MEMBERSHIPS, ORGANIZATIONS
from directus_sync.resources import paths
from directus_sync.resources.conditions import Filter
from directus_sync.schema.snapshot import Snapshot

_ME: Final = "$CURRENT_USER"
# The longest tenant path, in fields, that a validation can check: it compares with a list that starts at the user.
_FOLLOWED: Final = 2


def tenant(path: str, member: Sequence[str]) -> Filter:
    """Return the filter for rows of an organisation in which the user has one of the roles.

    Both conditions are below one relation, so that one membership must meet both.
    """
    found: Filter = {MEMBERSHIPS: {"user_id": {"_eq": _ME}, "role": {"_in": list(member)}}}
    for name in reversed(list(filter(None, path.split(".")))):
        found = {name: found}
    return found


def is_member_only(found: object) -> bool:
    """Return whether a filter joins memberships, so that it only matches rows of the user's own organisations."""
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
    """Return the first field of the path, if it is a column. It decides to which organisation a row belongs."""
    head = path.partition(".")[0]
    return (head,) if (collection, head) in schema.section("relations") else ()


def create_validation(schema: Snapshot, collection: str, path: str | None) -> Filter | None:
    """Return the validation with which Directus itself refuses to create a row outside the user's organisations.

    Returns None if the path is too long or lacks a list to compare with. Returns None also if its first field may be
    null, because Directus would accept null from a user without memberships.
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
