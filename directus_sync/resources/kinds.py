"""What the engine must be told of a kind of rows: its table, its key, which fields git owns, how it is written. Pure.

A new kind is a new declaration, and no new code.
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
# The primary key of each of Directus's own tables that is a kind here.
ID: Final = "id"


@dataclass(frozen=True)
class Within:
    """Rows that are written as a part of another row. column: names that row; alias: its field that lists them.

    grants: such a row gives its owner what another row allows, so it is taken away before anything else is written.
    deletes: Directus deletes rows that are taken out of the list; else it would empty their column.
    """

    column: str
    alias: str
    grants: bool = False
    deletes: bool = True


@dataclass(frozen=True)
class Cost:
    """What a removal costs. count: SQL that counts, by the row's primary key; noun: what it counts.

    one, many: what becomes of one, and of several.
    """

    count: str
    noun: str
    one: str
    many: str

    def sentence(self, number: int) -> str:
        """Say what becomes of so many."""
        return f"{count(number, self.noun)} {self.one if number == 1 else self.many}"


@dataclass(frozen=True)
class About:
    """Columns by which rows are about a part of the schema. Directus removes rows and fields along with that part.

    fields: None where Directus leaves the fields that a row names.
    """

    collection: str
    fields: str | None = None


@dataclass(frozen=True)
class ResourceKind:
    """One kind of rows.

    name: in ids, as in policy:trm-marshal. key: columns whose values name an item.
    owned: fields that git owns. environment: fields that each database has for itself; with the primary key these are
    all columns. read: SQL in place of a column, by which equal things are read alike.
    lists: columns of texts separated by commas, whose order says nothing.
    references: by column, the kind of the row that it names.
    stored: the primary key is in the files, the same everywhere, and has a name there.
    about: which collection and fields rows are about.
    links: columns with other rows of the same kind, each named once.
    singles: columns of the table's one row, each of which is an item by itself, with the values that Directus gives
    them. An item is there where its value is another one.
    goes: what the attic keeps of a removal: by table, the column that has the primary key.
    cost: of a removal, which then needs approval.
    title: the column by which people know a row that has no name yet. noun: what a row of it is called, if not by name.
    where: SQL that tells which rows of the table are looked at.
    widens: tells whether rows allow more than others did.
    """

    name: str
    table: str
    key: tuple[str, ...]
    owned: tuple[str, ...]
    environment: tuple[str, ...] = ()
    read: Mapping[str, str] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    stored: bool = False
    within: Within | None = None
    about: About | None = None
    links: tuple[str, ...] = ()
    singles: Mapping[str, Any] = field(default_factory=dict)
    goes: Mapping[str, str] = field(default_factory=dict)
    cost: Cost | None = None
    title: str = ""
    noun: str = ""
    where: str = "true"
    widens: Callable[[Rows, Rows], bool] = lambda _before, _after: False

    @property
    def path(self) -> str:
        """Where Directus's API has its rows."""
        return f"/{self.table.removeprefix('directus_')}"

    @property
    def exclusive(self) -> bool:
        """Whether a row that neither files nor base know is uncaptured work; else it is named and left alone."""
        return not self.stored and self.within is None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns by which rows are compared."""
        return (ID, *self.owned) if self.stored else self.owned

    def compared(self, row: Row) -> Row:
        """Return of a row what is compared and recorded. A row that an older version recorded may lack columns."""
        return {column: row[column] for column in self.columns if column in row}

    def select(self) -> str:
        """Return SQL that yields kind, primary key and row, canonical but for `lists`, as text, text and JSON."""
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
    """One row as a database has it."""

    kind: ResourceKind
    primary: Any
    row: Row


# A kind and a primary key.
Place = tuple[str, str]


@dataclass(frozen=True)
class Family:
    """Kinds that are kept in the same files and recorded together, in the order in which they are written.

    names: rows that Directus makes by itself, and how items name them. ignored: tells which rows are not even looked
    at, unless a file names them.
    """

    name: str
    kinds: tuple[ResourceKind, ...]
    names: Mapping[Place, str] = field(default_factory=dict)
    ignored: Callable[[Sequence[LiveRow]], frozenset[Place]] = lambda _rows: frozenset()

    def owns(self, item: str) -> bool:
        """Tell whether an id, as approvals have it, is of this family; one without a colon is of the schema."""
        kind, colon, _ = item.partition(":")
        return bool(colon) and kind in self.by_name

    @cached_property
    def by_name(self) -> Mapping[str, ResourceKind]:
        """The kinds by name."""
        return {kind.name: kind for kind in self.kinds}

    def parent(self, kind: ResourceKind) -> ResourceKind | None:
        """Return the kind of the rows that this kind's rows are a part of."""
        return self.by_name[kind.references[kind.within.column]] if kind.within else None

    def select(self) -> str:
        """Return SQL that yields every row of the family."""
        return " UNION ALL ".join(kind.select() for kind in self.kinds)
