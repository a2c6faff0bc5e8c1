"""Rewrites Directus's field paths, templates, filters and options for one rename. Pure: no database.

A name is rewritten only if the relations show that it is the renamed item. An unclear name is left as it is and marked
`unresolved`, so that a person looks at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
Collections = tuple[str, ...]
# many_collection, many_field, one_collection, one_field, junction_field, one_allowed_collections
Relation = tuple[str, str, str | None, str | None, str | None, Iterable[str] | None]

TEMPLATE: Final = re.compile(r"(\{\{\s*)(.*?)(\s*\}\})")
FUNCTION: Final = re.compile(r"(-?\w+\()([^(),]+)(.*\))")
FOLLOW: Final = re.compile(r"\$FOLLOW\(\s*([^,()\s]+)\s*,\s*([^,()\s]+)\s*(.*)\)")
CURRENT_USER: Final = "$CURRENT_USER."

# Keys in a payload that nest the items of a relation. They are not fields.
PAYLOAD_VERBS: Final = frozenset({"create", "update", "delete"})
# Names of options whose values are field paths, whose keys are field paths, and whose values are collections.
PATH_OPTION: Final = re.compile(r"_?(fields?|sort|group|xAxis|yAxis|\w+Field|\w+_field|\w+Source)")
KEYED_OPTION: Final = re.compile(r"widths|align(ments)?")
COLLECTION_OPTION: Final = re.compile(r"(\w+C|c)ollections?")


@dataclass(frozen=True)
class Rename:
    """One rename: of the field if `field` is set, else of the collection."""

    collection: str
    new: str
    field: str | None = None

    @property
    def old(self) -> str:
        """The old name."""
        return self.field or self.collection


@dataclass(frozen=True)
class Model:
    """Directus's fields as (collection, field), and the collections that each relational field leads to."""

    fields: frozenset[tuple[str, str]]
    targets: Mapping[tuple[str, str], Collections]

    @classmethod
    def of(cls, fields: Iterable[tuple[str, str]], relations: Iterable[Relation]) -> Model:
        """Build the model from rows of directus_fields and directus_relations."""
        targets: dict[tuple[str, str], Collections] = {}
        rows = list(relations)
        for many, many_field, one, _, _, allowed in rows:
            targets[many, many_field] = (one,) if one else tuple(allowed or ())
        for many, _, one, one_field, junction_field, _ in rows:
            if one and one_field:
                # Options of a many-to-many name fields of the junction, and in filters those of the collection behind.
                behind = targets.get((many, junction_field), ()) if junction_field else ()
                targets[one, one_field] = (many, *behind)
        return cls(frozenset(fields) | frozenset(targets), targets)

    def owner(self, field: str, here: Collections) -> str | None:
        """Return the first of the collections that has the field."""
        return next((collection for collection in here if (collection, field) in self.fields), None)

    def leads_to(self, collection: str, field: str) -> Collections:
        """Return the collections that a field leads to; its own collection if it is not relational."""
        return self.targets.get((collection, field), (collection,))

    def knowing_both(self, rename: Rename) -> Model:
        """Return the model with the renamed item under both names, so that leftover names resolve as well."""
        swapped = {rename.old: rename.new, rename.new: rename.old}

        def others(collection: str, field: str) -> tuple[str, str]:
            if rename.field is None:
                return swapped.get(collection, collection), field
            return collection, swapped.get(field, field) if collection == rename.collection else field

        targets = {others(*key): value for key, value in self.targets.items()}
        return Model(self.fields | {others(*key) for key in self.fields}, {**targets, **self.targets})


class Rewriter:
    """Rewrites the values of one row. unresolved: the row may still have the old name.

    here: the collections in which names are looked up, the likeliest first; empty if they are not known.
    host: the collection of the form. In a filter, `{{field}}` means a value of the form.
    """

    def __init__(self, rename: Rename, model: Model) -> None:
        self.rename = rename
        self.model = model.knowing_both(rename)
        self.unresolved = False

    def path(self, text: str, here: Collections) -> tuple[str, Collections]:
        """Return `a.b`, `-a`, `year(a)` or `item:collection.a` rewritten, and the collections that the path ends in."""
        if match := FUNCTION.fullmatch(text):
            inner, target = self.path(match[2], here)
            return f"{match[1]}{inner}{match[3]}", target
        sign = "-" if text.startswith("-") else ""
        segments = []
        for segment in text.removeprefix("-").split("."):
            rewritten, here = self._segment(segment, here)
            segments.append(rewritten)
        return sign + ".".join(segments), here

    def template(self, text: str, here: Collections) -> str:
        """Return a text with each `{{ path }}` rewritten."""
        return TEMPLATE.sub(lambda match: f"{match[1]}{self.path(match[2], here)[0]}{match[3]}", text)

    def filter(self, node: JSON, here: Collections, host: Collections) -> JSON:
        """Return a filter, permission rule or payload rewritten. Its keys are fields and operators."""
        if isinstance(node, list):
            return [self.filter(item, here, host) for item in node]
        if isinstance(node, dict):
            found = ((self._filter_key(key, here), value) for key, value in node.items())
            return {name: self.filter(value, below, host) for (name, below), value in found}
        if not isinstance(node, str):
            return node
        if node.startswith(CURRENT_USER):
            return CURRENT_USER + self.path(node.removeprefix(CURRENT_USER), ("directus_users",))[0]
        return self.template(node, host)

    def options(self, node: JSON, here: Collections, host: Collections, option: str = "") -> JSON:
        """Return the options of an interface, display, layout or panel rewritten. option: the option `node` is in."""
        if isinstance(node, list):
            return [self.options(item, here, host, option) for item in node]
        if isinstance(node, dict):
            return {
                self._option_key(key, here, option): self.filter(value, here, host)
                if key in {"filter", "_filter"}
                else self.options(value, here, host, key)
                for key, value in node.items()
            }
        return self._option(node, here, option) if isinstance(node, str) else node

    def automation(self, node: JSON) -> JSON:
        """Return the options of a flow, operation or panel rewritten. Fields resolve only if `collection` is given."""
        if not isinstance(node, dict):
            return node
        collection = node.get("collection")
        here = (collection,) if isinstance(collection, str) else ()
        payload = self.filter(node["payload"], here, ()) if "payload" in node else None
        rest = self.options({key: value for key, value in node.items() if key != "payload"}, here, ())
        return {key: payload if key == "payload" else rest[key] for key in node} if isinstance(rest, dict) else node

    def conditions(self, node: JSON, here: Collections, host: Collections) -> JSON:
        """Return a field's conditions rewritten. Rules name fields of the form, options those of the related items."""
        if not isinstance(node, list):
            return node
        return [
            {
                key: self.filter(value, host, host) if key == "rule" else self.options(value, here, host, key)
                for key, value in condition.items()
            }
            if isinstance(condition, dict)
            else condition
            for condition in node
        ]

    def _segment(self, segment: str, here: Collections) -> tuple[str, Collections]:
        # The name of a field can have a colon.
        whole = self.model.owner(segment, here) is not None
        name, colon, chosen = (segment, "", "") if whole else segment.partition(":")
        owner = self.model.owner(name, here)
        if owner is None:
            self.unresolved |= not here and name == self.rename.field
            return segment, ()
        target = self.model.targets.get((owner, name), ())
        if name == self.rename.field and owner == self.rename.collection:
            name = self.rename.new
        if colon:
            target = (chosen,)
            if self.rename.field is None and chosen == self.rename.collection:
                chosen = self.rename.new
        return f"{name}{colon}{chosen}", target

    def _filter_key(self, key: str, here: Collections) -> tuple[str, Collections]:
        if key.startswith("_") or (key in PAYLOAD_VERBS and self.model.owner(key, here) is None):
            return key, here
        if match := FOLLOW.fullmatch(key):
            collection, field = match[1], self.path(match[2], (match[1],))[0]
            renamed = self.rename.field is None and collection == self.rename.collection
            return f"$FOLLOW({self.rename.new if renamed else collection},{field}{match[3]})", (collection,)
        return self.path(key, here)

    def _option(self, text: str, here: Collections, option: str) -> str:
        if "{{" in text:
            return self.template(text, here)
        if COLLECTION_OPTION.fullmatch(option) and self.rename.field is None:
            return self.rename.new if text == self.rename.collection else text
        if PATH_OPTION.fullmatch(option):
            return self.path(text, here)[0]
        self._mark_if_unclear(text, here)
        return text

    def _option_key(self, key: str, here: Collections, option: str) -> str:
        if KEYED_OPTION.fullmatch(option):
            return self.path(key, here)[0]
        self._mark_if_unclear(key, here)
        return key

    def _mark_if_unclear(self, text: str, here: Collections) -> None:
        """Mark a bare word as unresolved if it equals the field's name, but is probably not a field name here."""
        self.unresolved |= text == self.rename.field and (not here or self.rename.collection in here)
