"""The kinds of rows that say who may do what: policies, permissions, roles, attachments (Directus 11.17.4).

Imports nothing of `access/`, because every boot reads these rows, and most boots then find nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from directus_sync.resources.conditions import parts
from directus_sync.resources.items import Row, text
from directus_sync.resources.kinds import About, Cost, Family, LiveRow, PartOf, Place, ResourceKind, Rows

ROLE: Final = "role"
POLICY: Final = "policy"
ATTACHMENT: Final = "attach"
PERMISSION: Final = "permission"
# The policy of users who are not logged in. Directus creates it with this id (11.17.4, migration 20240806A).
PUBLIC: Final = "public"
PUBLIC_ID: Final = "abf8a154-5b1c-4a46-ac9c-7300570f4f17"
EVERY_FIELD: Final = ("*",)


def _policy_widens(before: Rows, after: Rows) -> bool:
    if not before or not after:
        return False
    old, new = before[0], after[0]
    if any(new[flag] and not old[flag] for flag in ("admin_access", "app_access")):
        return True
    if old["enforce_tfa"] and not new["enforce_tfa"]:
        return True
    # No addresses in the list: every address is allowed.
    addresses = set(new["ip_access"] or ())
    return bool(old["ip_access"]) and (not addresses or not addresses <= set(old["ip_access"]))


def _role_widens(before: Rows, after: Rows) -> bool:
    # A role has the policies of its parent, too.
    return bool(after) and after[0]["parent"] is not None and (not before or before[0]["parent"] != after[0]["parent"])


def _permission_widens(before: Rows, after: Rows) -> bool:
    # A rule is no wider than an old one if it has no additional fields and keeps all conditions.
    return any(not any(_is_within(rule, old) for old in before) for rule in after)


def _is_within(rule: Row, old: Row) -> bool:
    fields = old["fields"] == list(EVERY_FIELD) or set(rule["fields"] or ()) <= set(old["fields"] or ())
    return (
        fields and _has_all(rule["permissions"], old["permissions"]) and _has_all(rule["validation"], old["validation"])
    )


def _has_all(found: Row | None, conditions: Row | None) -> bool:
    if not conditions:
        return True
    if not found:
        return False
    return {text(part) for part in parts(conditions)} <= {text(part) for part in parts(found)}


_USERS_OF_ROLE: Final = "SELECT count(*) FROM public.directus_users WHERE role = %s"
_USERS_OF_POLICY: Final = """
SELECT count(DISTINCT u.id) FROM public.directus_access a
JOIN public.directus_users u ON u.id = a."user" OR u.role = a.role WHERE a.policy = %s"""

ROLES: Final = ResourceKind(
    name=ROLE,
    table="directus_roles",
    key=("id",),
    owned=("name", "icon", "description", "parent"),
    references={"parent": ROLE},
    stored=True,
    attic_columns={
        "directus_roles": "id",
        "directus_access": "role",
        "directus_presets": "role",
        "directus_users": "role",
    },
    cost=Cost(_USERS_OF_ROLE, "user", "loses all access", "lose all access"),
    title="name",
    widens=_role_widens,
)
POLICIES: Final = ResourceKind(
    name=POLICY,
    table="directus_policies",
    key=("id",),
    owned=("name", "icon", "description", "ip_access", "enforce_tfa", "admin_access", "app_access"),
    # An empty list allows every address, as null does.
    read={"ip_access": "nullif(t.ip_access, '')"},
    lists=("ip_access",),
    stored=True,
    attic_columns={"directus_policies": "id", "directus_permissions": "policy", "directus_access": "policy"},
    cost=Cost(_USERS_OF_POLICY, "user", "loses its rights", "lose its rights"),
    title="name",
    # Directus creates the public policy, and it cannot be removed.
    where=f"t.id <> '{PUBLIC_ID}'",
    widens=_policy_widens,
)
ATTACHMENTS: Final = ResourceKind(
    name=ATTACHMENT,
    noun="attachment",
    table="directus_access",
    key=("role", "policy"),
    owned=("role", "policy", "sort"),
    # Attachments to a single user are made in Directus and left alone, as is the public policy's own attachment. Any
    # other attachment without a role is read, because it would give its rights to everybody.
    not_captured=("user",),
    where=f"t.\"user\" IS NULL AND (t.role IS NOT NULL OR t.policy <> '{PUBLIC_ID}')",
    # Only the order counts, not the number.
    read={
        "sort": "(SELECT count(*) FROM public.directus_access o"
        ' WHERE o.role = t.role AND o."user" IS NULL'
        " AND (coalesce(o.sort, 2147483647), o.id) <= (coalesce(t.sort, 2147483647), t.id))"
    },
    references={"role": ROLE, "policy": POLICY},
    part_of=PartOf("role", "policies", grants=True),
    widens=lambda before, after: bool(after) and not before,
)
PERMISSIONS: Final = ResourceKind(
    name=PERMISSION,
    table="directus_permissions",
    key=("policy", "collection", "action"),
    owned=("policy", "collection", "action", "fields", "permissions", "validation", "presets"),
    # Directus treats null and {} alike. A create has no row to filter, a delete has no fields, a read has no payload.
    read={
        "fields": "CASE WHEN t.action IN ('delete', 'share') OR '*' = ANY (string_to_array(t.fields, ',')) THEN '*'"
        " ELSE coalesce(t.fields, '') END",
        "permissions": "CASE WHEN t.action <> 'create' THEN coalesce(t.permissions::jsonb, '{}') END",
        "validation": "CASE WHEN t.action IN ('create', 'update') THEN nullif(t.validation::jsonb, '{}') END",
        "presets": "nullif(t.presets::jsonb, '{}')",
    },
    lists=("fields",),
    references={"policy": POLICY},
    part_of=PartOf("policy", "permissions"),
    about=About("collection", "fields"),
    widens=_permission_widens,
)


def _administrators(rows: Sequence[LiveRow]) -> frozenset[Place]:
    """Return the policies of administrators, and the roles that have one. Both are made in Directus."""
    policies = {str(f.primary) for f in rows if f.kind is POLICIES and f.row["admin_access"]}
    roles = {str(f.row["role"]) for f in rows if f.kind is ATTACHMENTS and str(f.row["policy"]) in policies}
    return frozenset({(POLICY, key) for key in policies} | {(ROLE, key) for key in roles})


# Policies before the roles that get them, so that no step gives more access than the finished push.
ACCESS: Final = Family(
    "access",
    (POLICIES, PERMISSIONS, ROLES, ATTACHMENTS),
    names={(POLICY, PUBLIC_ID): PUBLIC, (ROLE, "None"): PUBLIC},
    ignored=_administrators,
)
