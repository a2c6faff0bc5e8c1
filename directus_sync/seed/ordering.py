"""The order in which rows are created: what is referred to comes first, rows of one collection together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from directus_sync.errors import InvalidSeed
from directus_sync.seed.values import Row

# By row: the fields that refer to rows which are to be created too.
Needs = Mapping[Row, Mapping[str, Row]]


@dataclass(frozen=True)
class Order:
    """batches: rows of one collection each, which are created together.

    later: the references of circles; they are left out at first, and filled in when both rows are there.
    """

    batches: tuple[tuple[Row, ...], ...]
    later: tuple[tuple[Row, str], ...]

    @cached_property
    def left_out(self) -> frozenset[tuple[Row, str]]:
        """The same as a set."""
        return frozenset(self.later)


def order(rows: Sequence[Row], needs: Needs) -> Order:
    """Put rows in order. Raises InvalidSeed for a circle without a reference that may be null at first."""
    waiting = dict.fromkeys(rows)
    left = {row: {name: target for name, target in needs[row].items() if target in waiting} for row in rows}
    batches: list[tuple[Row, ...]] = []
    later: list[tuple[Row, str]] = []
    while waiting:
        blocked = {row for row in waiting if any(target in waiting for target in left[row].values())}
        if len(blocked) == len(waiting):
            row, names = _breakable(waiting, left)
            later += ((row, name) for name in names)
            left[row] = {name: target for name, target in left[row].items() if name not in names}
            continue
        # Whole collections first, so that each is one request where that can be.
        incomplete = {row.collection for row in blocked}
        ready = [row for row in waiting if row not in blocked]
        first = next((row for row in ready if row.collection not in incomplete), ready[0])
        batch = tuple(row for row in ready if row.collection is first.collection)
        batches.append(batch)
        for row in batch:
            del waiting[row]
    return Order(tuple(batches), tuple(later))


def _breakable(waiting: Mapping[Row, None], left: Needs) -> tuple[Row, tuple[str, ...]]:
    """Return a row that could be created now but for references which may be null at first."""
    for row in waiting:
        names = tuple(name for name, target in left[row].items() if target in waiting)
        if all(row.collection.fields[name].column.nullable and name not in row.key for name in names):
            return row, names
    row = next(iter(waiting))
    circle = _circle(row, waiting, left)
    raise InvalidSeed(
        "these rows refer to each other in a circle, and no reference of it may be null",
        where="\n".join(row.where for row in circle),
        next="create one of them in Directus, or let one of the fields be null",
    )


def _circle(start: Row, waiting: Mapping[Row, None], left: Needs) -> list[Row]:
    path = [start]
    while True:
        following = next(target for target in left[path[-1]].values() if target in waiting)
        if following in path:
            return path[path.index(following) :]
        path.append(following)
