"""Checks a filter against the schema: names, operators and variables. Pure.

Directus saves any filter. If a name in it is wrong, Directus answers each read with 500.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from directus_sync.resources import paths
from directus_sync.schema.snapshot import Snapshot

_COMPARISONS: Final = (
    "eq neq ieq nieq lt lte gt gte in nin null nnull contains ncontains icontains nicontains starts_with nstarts_with"
    " istarts_with nistarts_with ends_with nends_with iends_with niends_with between nbetween empty nempty intersects"
    " nintersects intersects_bbox nintersects_bbox"
)
_OPERATORS: Final = frozenset(f"_{name}" for name in _COMPARISONS.split(" "))
# A validation of a payload has two more.
_OF_PAYLOADS: Final = _OPERATORS | {"_submitted", "_regex"}
_JOINS: Final = ("_and", "_or")
# With one of these and two conditions below a relation, Directus 11.17.4 ignores the whole filter.
_OPEN: Final = ("_some", "_none")
_FUNCTION: Final = re.compile(r"(?:year|month|week|day|weekday|hour|minute|second|count)\((\w+)\)")
_MACRO: Final = re.compile(
    r"\$(?:NOW(?:\([^()]+\))?|CURRENT_ROLES|CURRENT_POLICIES|CURRENT_ROLE|CURRENT_USER(?P<path>(?:\.\w+)*))"
)


def faults(schema: Snapshot, collection: str, found: object, *, of_payload: bool = False) -> Iterator[str]:
    """Yield a sentence for each fault of a filter on a collection.

    of_payload: the filter is a validation. It checks the data that a user sends, and cannot follow a relation.
    """
    if not isinstance(found, Mapping) or not found:
        yield f"a part of the filter is {found!r}, which lets every row through"
        return
    for key, value in found.items():
        if key in _JOINS:
            for part in value if isinstance(value, list) and value else [None]:
                yield from faults(schema, collection, part, of_payload=of_payload)
        elif key in _OPEN:
            yield f"{key} lets every row through in Directus: write the path of the relation instead"
        elif str(key).startswith("_"):
            yield f"{key} stands where a field of {collection} is expected"
        else:
            yield from _field(schema, collection, str(key), value, of_payload=of_payload)


def _field(schema: Snapshot, collection: str, key: str, value: object, *, of_payload: bool) -> Iterator[str]:
    function = _FUNCTION.fullmatch(key)
    name = function[1] if function else key
    if not paths.has_field(schema, collection, name):
        yield f"{collection} has no field {name}"
        return
    if not isinstance(value, Mapping) or not value:
        yield f"{key} has no operator: write one, such as {{{key}: {{_eq: ...}}}}"
        return
    below = {k: v for k, v in value.items() if not str(k).startswith("_") or k in _OPEN or k in _JOINS}
    for operator, operand in value.items():
        if operator not in below:
            yield from _operand(schema, str(operator), operand, of_payload=of_payload)
    if not below:
        return
    target = paths.target_of(schema, collection, name)
    if of_payload:
        yield f"a validation cannot follow the relation {key}: compare it with a list instead"
    elif target is not None:
        yield from faults(schema, target, below)
    elif not collection.startswith(paths.SYSTEM):
        yield f"{collection}.{name} is not a relation, so it cannot have fields below it"


def _operand(schema: Snapshot, operator: str, operand: object, *, of_payload: bool) -> Iterator[str]:
    if operator not in (_OF_PAYLOADS if of_payload else _OPERATORS):
        yield f"Directus has no operator {operator}"
    for value in operand if isinstance(operand, list) else [operand]:
        if isinstance(value, str) and value.startswith("$"):
            yield from _macro(schema, value)


def _macro(schema: Snapshot, text: str) -> Iterator[str]:
    macro = _MACRO.fullmatch(text)
    if macro is None:
        yield f"Directus has no variable {text}"
    elif (missing := paths.missing(schema, paths.USERS, (macro["path"] or "").lstrip("."))) is not None:
        yield f"{text} leads nowhere: {missing}"
