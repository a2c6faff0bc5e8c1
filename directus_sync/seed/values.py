"""The parts of a row: literals, references to other rows, and the row itself. Knows neither files nor a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from directus_sync.seed.model import Collection, Field


@dataclass(frozen=True)
class Literal:
    """A value. text: as PostgreSQL reads it, None for null; plain: as Directus gets it, where that differs."""

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
    """One row. key: the fields by which it is found; file: which of the files it is in, by number."""

    where: str
    collection: Collection
    given: Mapping[str, Value] = field(repr=False)
    key: tuple[str, ...]
    file: int

    @property
    def label(self) -> str:
        """The key's values, for people."""
        return label({name: self.given[name] for name in self.key})


def label(given: Mapping[str, Value]) -> str:
    """Return values for people; those of references behind their own."""
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
    """Yield references, those that are nested in one before it."""
    for value in values:
        if isinstance(value, Reference):
            yield from references(value.given.values())
            yield value
