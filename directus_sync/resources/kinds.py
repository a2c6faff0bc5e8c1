"""Declares a kind of rows for the engine: its table, its key, which columns git owns, how it is written. Pure.

The engine needs no other code for a new kind. If a kind is kept in files, it also needs a shape to be read and written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from directus_sync.resources.items import Row, text
from directus_sync.text.quoting import literal
from directus_sync.text.wording import count

Rows = tuple[Row, ...]
# The primary key of every table that is declared as a kind.
ID: Final = "id"


@dataclass(frozen=True)
class PartOf:
    """How rows are parts of another row, their owner. column: refers to the owner; alias: the owner's list of parts.

    grants: a part gives its owner what a third row allows, so a removed part is deleted before anything is written.
    deletes: Directus deletes a part that is taken out of the list. If False, Directus would only empty its column.
    """

    column: str
    alias: str
    grants: bool = False
    deletes: bool = True


@dataclass(frozen=True)
class Cost:
    """What a removal costs. count: SQL that counts it, by the row's primary key; noun: what it counts, such as user.

    one, many: what happens to one, and to several.
    """

    count: str
    noun: str
    one: str
    many: str

    def sentence(self, number: int) -> str:
        """Return the cost in words: 2 users lose all access."""
        return f"{count(number, self.noun)} {self.one if number == 1 else self.many}"


@dataclass(frozen=True)
class About:
    """The columns that name the collection and the fields that a row is about.

    Directus removes the row together with the collection, and a removed field from `fields`. fields: None if Directus
    leaves the fields that a row names.
    """

    collection: str
    fields: str | None = None


@dataclass(frozen=True)
class ResourceKind:
    """One kind of rows.

    name: the first part of ids, as in policy:trm-marshal. key: columns whose values name an item.
    owned: columns that git owns. not_captured: columns that belong to each database. With the primary key, these are
    all columns of the table, except for `singles`.
    read: SQL to read a column with, so that equal values are read alike.
    lists: columns of texts separated by commas, in no particular order.
    references: by column, the kind of the row that it refers to.
    stored: the primary key is in the files with a name, and is the same in every database.
    about: the collection and fields that rows are about.
    links: columns that refer to a row of the same kind. Each row is the target of at most one link per column.
    singles: for a table with one row, its columns with Directus's initial values. Each column is an item, which exists
    if its value is not the initial one.
    attic_columns: what the attic keeps of a removal: by table, the column that holds the primary key.
    cost: what a removal costs. A removal that has a cost needs approval.
    title: the column from which a row without a name gets one. noun: what messages call a row, if not by `name`.
    where: an SQL condition. Other rows of the table are ignored.
    widens: returns whether the rows after a change allow more than those before.
    """

    name: str
    table: str
    key: tuple[str, ...]
    owned: tuple[str, ...]
    not_captured: tuple[str, ...] = ()
    read: Mapping[str, str] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    stored: bool = False
    part_of: PartOf | None = None
    about: About | None = None
    links: tuple[str, ...] = ()
    singles: Mapping[str, Any] = field(default_factory=dict)
    attic_columns: Mapping[str, str] = field(default_factory=dict)
    cost: Cost | None = None
    title: str = ""
    noun: str = ""
    where: str = "true"
    widens: Callable[[Rows, Rows], bool] = lambda _before, _after: False

    @property
    def path(self) -> str:
        """The path of the rows in Directus's API."""
        return f"/{self.table.removeprefix('directus_')}"

    @property
    def unknown_is_uncaptured(self) -> bool:
        """Whether a row in neither files nor base is uncaptured work. If not, it is reported and left alone."""
        return not self.stored and self.part_of is None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are compared and recorded."""
        return (ID, *self.owned) if self.stored else self.owned

    def compared(self, row: Row) -> Row:
        """Return only those columns of a row. A row that an older version recorded may lack some."""
        return {column: row[column] for column in self.columns if column in row}

    def select(self) -> str:
        """Return SQL that yields kind, primary key and row, the last two as JSON. Only `lists` are not in one order."""
        if self.singles:
            names, initial = ", ".join(map(literal, self.singles)), literal(text(self.singles))
            return (
                f"SELECT '{self.name}', to_jsonb(t.{ID}),"  # noqa: S608 - constants
                " jsonb_build_object('field', single.key, 'value', single.value)"
                f" FROM public.{self.table} t CROSS JOIN LATERAL jsonb_each(to_jsonb(t)) AS single"
                f" WHERE single.key IN ({names}) AND single.value <> ({initial}::jsonb -> single.key)"
            )
        pairs = ", ".join(f"'{name}', {self.read.get(name, f't.{name}')}" for name in self.columns)
        return (
            f"SELECT '{self.name}', to_jsonb(t.{ID}), jsonb_build_object({pairs})"  # noqa: S608 - constants
            f" FROM public.{self.table} t WHERE {self.where}"
        )


@dataclass(frozen=True)
class LiveRow:
    """One row of a database."""

    kind: ResourceKind
    primary: Any
    row: Row


# A kind and a primary key.
Place = tuple[str, str]


@dataclass(frozen=True)
class Family:
    """Kinds that are kept in the same files and recorded together, in the order in which they are written.

    names: the names of rows that its files do not define. ignored: returns the rows to skip, unless files or base name
    them.
    """

    name: str
    kinds: tuple[ResourceKind, ...]
    names: Mapping[Place, str] = field(default_factory=dict)
    ignored: Callable[[Sequence[LiveRow]], frozenset[Place]] = lambda _rows: frozenset()

    def owns(self, item: str) -> bool:
        """Return whether the id of an approval belongs to this family. Ids of the schema have no colon."""
        kind, colon, _ = item.partition(":")
        return bool(colon) and kind in self.by_name

    @cached_property
    def by_name(self) -> Mapping[str, ResourceKind]:
        """The kinds by name."""
        return {kind.name: kind for kind in self.kinds}

    def parent(self, kind: ResourceKind) -> ResourceKind | None:
        """Return the kind of the rows that rows of this kind are a part of, or None."""
        return self.by_name[kind.references[kind.part_of.column]] if kind.part_of else None

    def select(self) -> str:
        """Return SQL that yields every row of the family."""
        return " UNION ALL ".join(kind.select() for kind in self.kinds)
