"""Folds rows back into the short form of access files, without loss: the inverse of `compiling`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from directus_sync.errors import InvalidAccess
from directus_sync.resources.access import expansion
from directus_sync.resources.access.model import ACTIONS, FIELDLESS, TENANT, CollectionAccess
from directus_sync.resources.access_kinds import EVERY_FIELD
from directus_sync.resources.conditions import Filter
from directus_sync.resources.conditions import parts as parts_of
from directus_sync.resources.items import Resource, Row, text
from directus_sync.schema.snapshot import Snapshot


class Folding:
    """The short forms of one collection's file. collection: None if it has no file yet."""

    def __init__(self, collection: CollectionAccess | None, name: str, schema: Snapshot) -> None:
        self._tenant = collection.tenant if collection is not None else None
        self._named = {text(found): key for key, (found, _) in collection.named.items()} if collection else {}
        self._native = expansion.create_validation(schema, name, self._tenant)

    def action(self, item: Resource, member: Sequence[str]) -> Any:
        """Return the rules of one action as a file writes them. member: of the policy.

        Raises InvalidAccess if a file cannot express them.
        """
        action = item.key.rpartition("/")[2]
        if action not in ACTIONS:
            raise _unwritable(item, f"files have no action {action}")
        rules = [self._rule(item, action, row, member) for row in item.rows]
        if len(rules) > 1:
            return [rule or {"rows": [TENANT]} for rule in rules]
        (rule,) = rules
        if action in FIELDLESS:
            return rule or True
        return rule["fields"] if set(rule) == {"fields"} else rule

    def _rule(self, item: Resource, action: str, row: Row, member: Sequence[str]) -> dict[str, Any]:
        if row["presets"] is not None:
            raise _unwritable(item, "it has presets")
        rule: dict[str, Any] = {}
        if action not in FIELDLESS:
            rule["fields"] = "*" if row["fields"] == list(EVERY_FIELD) else row["fields"]
        if action != "create":
            rows = self._rows(row["permissions"], member)
            if rows != [TENANT]:
                rule["rows"] = rows
        validation = self._validation(item, action, row["validation"])
        return rule if validation is None else {**rule, "validation": validation}

    def _rows(self, found: Filter, member: Sequence[str]) -> Any:
        if not found:
            return "all"
        joined = parts_of(found)
        # An _and of one part stays whole: compiling a list of one part would lose the _and.
        parts = joined if len(joined) > 1 and all(isinstance(part, Mapping) and part for part in joined) else [found]
        return [self._part(part, member) for part in parts]

    def _part(self, part: Filter, member: Sequence[str]) -> Any:
        if self._tenant is not None and member and text(part) == text(expansion.tenant(self._tenant, member)):
            return TENANT
        return self._named.get(text(part), part)

    def _validation(self, item: Resource, action: str, found: Filter | None) -> Filter | None:
        if action != "create" or self._native is None:
            return found
        if text(found) == text(self._native):
            return None
        parts = parts_of(found) if found else []
        if len(parts) == 2 and text(parts[1]) == text(self._native):
            return parts[0]
        raise _unwritable(item, "it lacks the check of the organisation that every create has here")


def in_order(rule: Any, before: Any) -> Any:
    """Return a rule with its fields in the order of the file, new fields last."""
    old = before.get("fields") if isinstance(before, Mapping) else before
    if not isinstance(old, list):
        return rule
    fields = rule.get("fields") if isinstance(rule, Mapping) else rule
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in [*old, *fields]):
        return rule
    sorted_ = [*(name for name in old if name in fields), *(name for name in fields if name not in old)]
    return {**rule, "fields": sorted_} if isinstance(rule, Mapping) else sorted_


def _unwritable(item: Resource, why: str) -> InvalidAccess:
    return InvalidAccess(
        f"{item.id} can't be written to a file: {why}",
        where="Directus",
        next=f"change it in Directus, then pull; or undo it: directus-sync push --only access --discard-live {item.id}",
    )
