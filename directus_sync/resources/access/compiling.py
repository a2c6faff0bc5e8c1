"""Compiles access files to the rows that Directus stores: roles, policies, attachments, permissions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID, uuid5

from directus_sync.errors import InvalidAccess
from directus_sync.resources.access import expansion
from directus_sync.resources.access.model import TENANT, Access, AccessRule, CollectionAccess, Grant, Role
from directus_sync.resources.access_kinds import ATTACHMENT, PERMISSION, POLICY, ROLE
from directus_sync.resources.conditions import Filter, conjunction
from directus_sync.resources.items import Resource, Row, ordered
from directus_sync.schema.snapshot import Snapshot

_ATTACHMENTS: Final = UUID("6f2b5c1e-0d3a-5b8e-9a51-3c0d5f6b7000")


def compiled(access: Access, schema: Snapshot) -> tuple[Resource, ...]:
    """Return an item for each role, policy, attachment, and action of a policy on a collection.

    schema: decides for which collections Directus itself can validate a create.

    Raises InvalidAccess if a rule uses `tenant`, but its policy has no `member`.
    """
    return (
        *(Resource(ROLE, role.name, (_role(role, access),), role.where) for role in access.roles.values()),
        *(Resource(POLICY, policy.name, (policy.row,), policy.where) for policy in access.policies.values()),
        *_attachments(access),
        *(_permission(access, schema, collection, grant) for collection, grant in access.grants()),
    )


def _role(role: Role, access: Access) -> Row:
    parent = role.row["parent"]
    return {**role.row, "parent": access.roles[parent].row["id"] if parent is not None else None}


def _attachments(access: Access) -> Iterator[Resource]:
    for role in access.roles.values():
        for place, name in enumerate(role.policies, 1):
            key = f"{role.name}/{name}"
            row = {
                "id": str(uuid5(_ATTACHMENTS, key)),
                "role": role.row["id"],
                "policy": access.policies[name].row["id"],
                "sort": place,
            }
            yield Resource(ATTACHMENT, key, (row,), role.where)


def _permission(access: Access, schema: Snapshot, collection: CollectionAccess, grant: Grant) -> Resource:
    rows = [
        {
            "policy": access.policy_id(grant.policy),
            "collection": collection.collection,
            "action": grant.action,
            "fields": list(rule.fields),
            "permissions": _filter(access, collection, grant, rule),
            "validation": _validation(schema, collection, grant, rule),
            "presets": None,
        }
        for rule in grant.rules
    ]
    return Resource(PERMISSION, f"{grant.policy}/{collection.collection}/{grant.action}", ordered(rows), grant.where)


def _filter(access: Access, collection: CollectionAccess, grant: Grant, rule: AccessRule) -> Filter | None:
    if grant.action == "create":
        # Directus applies no filter to a row that does not exist yet.
        return None
    if rule.rows is None:
        return {}
    return conjunction([_part(part, access, collection, grant, rule) for part in rule.rows])


def _part(part: str | Filter, access: Access, collection: CollectionAccess, grant: Grant, rule: AccessRule) -> Filter:
    if not isinstance(part, str):
        return part
    if part != TENANT:
        return collection.named[part][0]
    member = access.member(grant.policy)
    if not member:
        raise InvalidAccess(
            f"{grant.policy} has no `member`, so `tenant` would match no rows",
            where=rule.where,
            next=f"give {grant.policy} a `member` in access.yaml, or give the rule other `rows`",
        )
    return expansion.tenant(collection.tenant or "", member)


def _validation(schema: Snapshot, collection: CollectionAccess, grant: Grant, rule: AccessRule) -> Filter | None:
    native = (
        expansion.create_validation(schema, collection.collection, collection.tenant)
        if grant.action == "create"
        else None
    )
    found = [part for part in (rule.validation, native) if part is not None]
    return conjunction(found) if found else None
