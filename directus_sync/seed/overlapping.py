"""Checks rows of seed files whose ranges must not overlap, such as the brackets of a rule. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from directus_sync.errors import InvalidSeed
from directus_sync.seed.reading import DISJOINT, Range
from directus_sync.seed.values import Literal, Row, label


def require_disjoint(rows: Sequence[Row], ranges: Sequence[Range], where: str) -> None:
    """Raise InvalidSeed with both lines if two rows of one collection overlap in all ranges.

    Compares only rows that are equal in the other fields of their key. An empty begin or end means no limit.
    """
    limits = {name for each in ranges for name in (each.begin, each.end)}
    for row in rows[:1]:
        if unknown := sorted(limits - row.collection.fields.keys()):
            raise InvalidSeed(
                f"{DISJOINT}: {row.collection.name} has no field {unknown[0]}", where=where, next="correct the name"
            )
    alike: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        alike[tuple(label({name: row.given[name]}) for name in row.key if name not in limits)].append(row)
    for group in alike.values():
        for one, other in itertools.combinations(group, 2):
            if all(_meet(one, other, each) for each in ranges):
                raise InvalidSeed(
                    f"two rows of {one.collection.name} overlap: {_spans(one, ranges)} and {_spans(other, ranges)}",
                    where=f"{one.where}\n{other.where}",
                    next="correct one of them; a value must be in one bracket only",
                )


def _meet(one: Row, other: Row, limits: Range) -> bool:
    (begin, end), (begins, ends) = _span(one, limits), _span(other, limits)
    if limits.included:
        return begin <= ends and begins <= end
    return begin < ends and begins < end


def _span(row: Row, limits: Range) -> tuple[Decimal, Decimal]:
    return _number(row, limits.begin, Decimal("-Infinity")), _number(row, limits.end, Decimal("Infinity"))


def _number(row: Row, name: str, otherwise: Decimal) -> Decimal:
    value = row.given.get(name)
    if not isinstance(value, Literal) or value.text is None:
        return otherwise
    number = Decimal("NaN")
    with suppress(InvalidOperation):
        number = Decimal(value.text)
    if number.is_nan():
        raise InvalidSeed(f"{row.collection.name}.{name} must be a number", where=value.where, next="correct it")
    return number


def _spans(row: Row, ranges: Sequence[Range]) -> str:
    """Return the ranges of a row as text, such as `0 to 10, 1 to any`."""
    return ", ".join(f"{_limit(row, each.begin)} to {_limit(row, each.end)}" for each in ranges)


def _limit(row: Row, name: str) -> str:
    value = row.given.get(name)
    return value.text if isinstance(value, Literal) and value.text is not None else "any"
