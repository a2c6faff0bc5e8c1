"""The parts of a row: literals, references to other rows, and the row itself. Knows no files and no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from directus_sync.seed.model import Collection, Field


@dataclass(frozen=True)
class Literal:
    """A value. text: for PostgreSQL, None for null; plain: for Directus, if that differs."""

    where: str = field(compare=False)
    text: str | None
    plain: object = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class Reference:
    """Names one row of a collection by values of its fields."""

    where: str
    collection: Collection
    given: Mapping[str, Value]

    def __str__(self) -> str:
        return f"{self.collection.name} {label(self.given)}"


Value = Literal | Reference


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a file. key: the fields that identify it; file: the number of the file, from 0."""

    where: str
    collection: Collection
    given: Mapping[str, Value] = field(repr=False)
    key: tuple[str, ...]
    file: int

    @property
    def label(self) -> str:
        """The values of the key, for messages."""
        return label({name: self.given[name] for name in self.key})


def label(given: Mapping[str, Value]) -> str:
    """Return values as text for messages: first the literals, then the values of references."""
    own = ["null" if value.text is None else value.text for value in given.values() if isinstance(value, Literal)]
    others = [label(value.given) for value in given.values() if isinstance(value, Reference)]
    return " ".join([*own, *others])


def literals(rows: Iterable[Row]) -> Iterator[tuple[str, Field, Literal]]:
    """Yield every literal of rows and their references, with its field and the field's full name."""
    owners: list[Row | Reference] = list(rows)
    while owners:
        owner = owners.pop()
        for name, value in owner.given.items():
            if isinstance(value, Reference):
                owners.append(value)
            else:
                yield f"{owner.collection.name}.{name}", owner.collection.fields[name], value


def references(values: Iterable[Value]) -> Iterator[Reference]:
    """Yield the references in values. A nested reference comes before the one that contains it."""
    for value in values:
        if isinstance(value, Reference):
            yield from references(value.given.values())
            yield value
