"""The map by which the tenant guard judges writes, from the same files as the permissions. Pure."""

from __future__ import annotations

from typing import Any

from directus_sync.resources.access.model import Access

_WRITES = ("create", "update", "delete")


def guarded(access: Access) -> dict[str, dict[str, Any]]:
    """Return, for each collection that has a tenant, the path to it and the members who may write.

    {"events": {"path": "organization_id", "create": ["org-admin"], "update": [...], "delete": [...]}}, sorted.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, collection in sorted(access.collections.items()):
        if collection.tenant is None:
            continue
        members = {
            action: {
                role for grant in collection.grants if grant.action == action for role in access.member(grant.policy)
            }
            for action in _WRITES
        }
        found[name] = {"path": collection.tenant, **{action: sorted(roles) for action, roles in members.items()}}
    return found
