"""Checks access files without a server: for names that do not exist, and for ways around a tenant. Pure.

Each finding names file and line. An error stops a push; a warning does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from directus_sync import project
from directus_sync.resources import filters, paths
from directus_sync.resources.access import expansion
from directus_sync.resources.access.model import FIELDLESS, Access, AccessRule, CollectionAccess, Grant
from directus_sync.resources.access_kinds import EVERY_FIELD, PERMISSION, PUBLIC
from directus_sync.resources.findings import Finding
from directus_sync.resources.items import Resource, text
from directus_sync.schema.snapshot import Snapshot

# If one policy of a role may read a field, every user of the role can find its values by filter or aggregate.
_SECRETS: Final = frozenset({"email", "password", "token", "tfa_secret", "external_identifier", "auth_data"})
# A user who may write these could get more rights, or become another user.
_POWERS: Final = frozenset({"role", "policies", "status", "token", "tfa_secret", "provider", *_SECRETS} - {"password"})


def findings(access: Access, schema: Snapshot, items: tuple[Resource, ...]) -> tuple[Finding, ...]:
    """Return errors and warnings. items: what the files compile to."""
    compiled = {item.key: item.rows for item in items if item.kind == PERMISSION}
    found = [*_policies(access), *_missing(access, schema)]
    for collection in access.collections.values():
        if not paths.has_collection(schema, collection.collection):
            what = f"there is no collection {collection.collection}"
            found.append(Finding(str(collection.path), what, "rename or remove the file, as the collection was"))
            continue
        found += [*_paths(collection, schema), *_validations(collection)]
        for grant in collection.grants:
            rows = compiled[f"{grant.policy}/{collection.collection}/{grant.action}"]
            found += [*_grant(access, collection, grant), *_filters(collection, grant, rows, schema)]
            for rule in grant.rules:
                found += [*_fields(collection, grant, rule, schema), *_reparenting(collection, grant, rule, schema)]
    return tuple(dict.fromkeys(found))


def _policies(access: Access) -> Iterator[Finding]:
    for policy in access.policies.values():
        if policy.row["admin_access"]:
            what = f"{policy.name} has admin_access, which lets its users bypass every rule"
            yield Finding(policy.where, what, "remove it; administrators are made in Directus, not in files")


def _missing(access: Access, schema: Snapshot) -> Iterator[Finding]:
    for (name,), entry in schema.section("collections").items():
        if entry.get("schema") and name not in access.collections:
            path = access.folder / "collections" / f"{name}.yaml"
            yield Finding(
                str(path),
                f"the collection {name} has no access file, so nobody decided who may do what with it",
                f"write {path.name}: `tenant:` with the path to the organisation, then a line for each policy,"
                f" such as `{project.POLICY}: {{create: '*', read: '*', delete: true}}`; docs/access.md shows how",
            )


def _paths(collection: CollectionAccess, schema: Snapshot) -> Iterator[Finding]:
    """Find tenant paths that do not lead to an organisation, or that Directus cannot check when a row is created."""
    if collection.tenant is None:
        return
    steps = list(paths.followed(schema, collection.collection, collection.tenant))
    end = steps[-1][2] if steps else collection.collection
    if end != project.ORGANIZATIONS:
        what = f"the tenant path {collection.tenant or repr('')} leads to {end or 'nothing'}, not to an organisation"
        yield Finding(str(collection.path), what, "write the fields that lead from a row to its organisation")
    elif len(steps) == 2 and paths.alias_of(schema, *steps[1][:2]) is None:
        parent, field, _ = steps[1]
        yield Finding(
            str(collection.path),
            f"Directus can't check the organisation of a new row: no field of {end} lists its {parent}",
            f"give {end} a list of {parent} in Directus (one to many, by {parent}.{field}), and pull",
        )


def _validations(collection: CollectionAccess) -> Iterator[Finding]:
    """Find actions with different validations. Directus requires those of all of a user's policies at once."""
    by_action: dict[str, list[AccessRule]] = defaultdict(list)
    for grant in collection.grants:
        by_action[grant.action] += grant.rules
    for action, rules in by_action.items():
        first, *others = rules
        for rule in others:
            if text(rule.validation) != text(first.validation):
                yield Finding(
                    rule.where,
                    f"the rules of {collection.collection} for {action} have different validations, and Directus"
                    " requires all of them of a user who has both policies",
                    "give every rule of the action the same validation, or check it in a hook",
                )
                break


def _grant(access: Access, collection: CollectionAccess, grant: Grant) -> Iterator[Finding]:
    fields = {rule.fields for rule in grant.rules}
    if grant.action == "read" and len(fields) > 1:
        yield Finding(
            grant.where,
            f"{grant.policy} reads {collection.collection} by rules with different fields; a field that is hidden in"
            " some rows is not secret there: filter, sort, search and aggregate reveal it",
            "if a field must stay secret, hide the row",
            is_error=False,
        )
    if grant.action == "create" and collection.tenant is not None and not access.member(grant.policy):
        yield Finding(
            grant.where,
            f"{grant.policy} has no `member`, but may create {collection.collection}",
            "give the policy a `member`, so that the tenant guard knows who may create rows",
        )


def _filters(
    collection: CollectionAccess, grant: Grant, rows: tuple[Mapping[str, Any], ...], schema: Snapshot
) -> Iterator[Finding]:
    for row in rows:
        problems = list(filters.faults(schema, collection.collection, row["permissions"])) if row["permissions"] else []
        if row["validation"] is not None:
            problems += filters.faults(schema, collection.collection, row["validation"], of_payload=True)
        for problem in dict.fromkeys(problems):
            yield Finding(grant.where, f"{grant.policy}.{grant.action}: {problem}", "correct the filter")
        tenanted = collection.tenant is not None and grant.action != "create" and grant.policy != PUBLIC
        if tenanted and not expansion.is_member_only(row["permissions"]):
            yield Finding(
                grant.where,
                f"{grant.policy}.{grant.action} reaches rows of {collection.collection} without checking for a"
                " membership in their organisation; if another policy checks for one, Directus also counts rows twice",
                f"add `tenant` to its rows, or a filter that follows {project.MEMBERSHIPS} with user_id: $CURRENT_USER",
            )


def _fields(collection: CollectionAccess, grant: Grant, rule: AccessRule, schema: Snapshot) -> Iterator[Finding]:
    name = collection.collection
    if rule.fields != EVERY_FIELD:
        for field in rule.fields:
            if not paths.has_field(schema, name, field):
                what = f"{grant.policy}.{grant.action} names {field}, which is not a field of {name}"
                yield Finding(rule.where, what, "correct the name, or remove it")
    if name != paths.USERS or grant.action in FIELDLESS:
        return
    banned = _SECRETS if grant.action == "read" else _POWERS
    named = banned if rule.fields == EVERY_FIELD else banned & set(rule.fields)
    if named:
        yield Finding(
            rule.where,
            f"{grant.policy}.{grant.action} includes {', '.join(sorted(named))} of users",
            "list the fields, without these: one policy that reads them lets every user of the role search for them"
            if grant.action == "read"
            else "list the fields, without these: a user who may write them can give himself more rights",
        )


def _reparenting(collection: CollectionAccess, grant: Grant, rule: AccessRule, schema: Snapshot) -> Iterator[Finding]:
    if grant.action != "update" or not collection.tenant:
        return
    own = expansion.own_fields(schema, collection.collection, collection.tenant)
    named = own if rule.fields == EVERY_FIELD else [field for field in own if field in rule.fields]
    for field in named:
        yield Finding(
            rule.where,
            f"{grant.policy} may update {collection.collection}.{field}, which can move a row to another organisation",
            f"list the fields to update, without {field}",
        )
