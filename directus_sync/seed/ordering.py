"""The order in which rows are created: each row after those it refers to, grouped by collection. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from directus_sync.errors import InvalidSeed
from directus_sync.seed.values import Row

# For each row: the fields that refer to other rows that must be created, and these rows.
Needs = Mapping[Row, Mapping[str, Row]]


@dataclass(frozen=True)
class Order:
    """The order of new rows. batches: each has rows of one collection, which are created together.

    deferred: references in circles. They are left out when the row is created, and set when both rows exist.
    """

    batches: tuple[tuple[Row, ...], ...]
    deferred: tuple[tuple[Row, str], ...]

    @cached_property
    def left_out(self) -> frozenset[tuple[Row, str]]:
        """`deferred` as a set."""
        return frozenset(self.deferred)


def order(rows: Sequence[Row], needs: Needs) -> Order:
    """Put rows in order. Raises InvalidSeed for a circle in which no row can be created first."""
    waiting = dict.fromkeys(rows)
    left = {row: {name: target for name, target in needs[row].items() if target in waiting} for row in rows}
    batches: list[tuple[Row, ...]] = []
    deferred: list[tuple[Row, str]] = []
    while waiting:
        blocked = {row for row in waiting if any(target in waiting for target in left[row].values())}
        if len(blocked) == len(waiting):
            row, names = _breakable(waiting, left)
            deferred += ((row, name) for name in names)
            left[row] = {name: target for name, target in left[row].items() if name not in names}
            continue
        # Prefer a collection whose rows are all ready, so that they fit into one batch.
        incomplete = {row.collection for row in blocked}
        ready = [row for row in waiting if row not in blocked]
        first = next((row for row in ready if row.collection not in incomplete), ready[0])
        batch = tuple(row for row in ready if row.collection is first.collection)
        batches.append(batch)
        for row in batch:
            del waiting[row]
    return Order(tuple(batches), tuple(deferred))


def _breakable(waiting: Mapping[Row, None], left: Needs) -> tuple[Row, tuple[str, ...]]:
    """Return a row that waits only for references that can be null at first, and the names of these."""
    for row in waiting:
        names = tuple(name for name, target in left[row].items() if target in waiting)
        if all(row.collection.fields[name].column.nullable and name not in row.key for name in names):
            return row, names
    row = next(iter(waiting))
    circle = _circle(row, waiting, left)
    raise InvalidSeed(
        "these rows refer to each other in a circle, so none of them can be created first",
        where="\n".join(row.where for row in circle),
        next="create one of them in Directus, or make one of the fields nullable",
    )


def _circle(start: Row, waiting: Mapping[Row, None], left: Needs) -> list[Row]:
    path = [start]
    while True:
        following = next(target for target in left[path[-1]].values() if target in waiting)
        if following in path:
            return path[path.index(following) :]
        path.append(following)
