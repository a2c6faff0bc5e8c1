"""Plans a seeding: which rows it creates, which rows differ and how. Reads the database; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from directus_sync.errors import InvalidSeed
from directus_sync.seed import Action
from directus_sync.seed.model import Collection
from directus_sync.seed.ordering import Order, order
from directus_sync.seed.reading import SeedFile
from directus_sync.seed.resolving import Existing, Resolver
from directus_sync.seed.rows import rows
from directus_sync.seed.store import Base, Store
from directus_sync.seed.values import Reference, Row


@dataclass(frozen=True)
class FieldEdit:
    """One field that differs. before: its value in the database; after: its value in the file; both as JSON.

    left: the database keeps its value, because somebody edited it there.
    """

    field: str
    before: Any
    after: Any
    left: bool = False


@dataclass(frozen=True, eq=False)
class PlannedRow:
    """A row and what seeding does with it. id: its primary key, None for a row that must be created.

    to_record: values that are equal in file and database, but not recorded as the base yet.
    """

    row: Row
    action: Action
    id: Any = None
    edits: tuple[FieldEdit, ...] = ()
    to_record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def written(self) -> tuple[FieldEdit, ...]:
        """The edits that change the database."""
        return tuple(edit for edit in self.edits if not edit.left)


@dataclass(frozen=True)
class FilePlan:
    """The plan for one file. order: the order of its new rows."""

    path: str
    rows: tuple[PlannedRow, ...]
    order: Order

    @property
    def writes(self) -> bool:
        """Whether any row of the file would be written."""
        return any(planned.action not in {Action.LEAVE, Action.NONE} for planned in self.rows)


@dataclass(frozen=True)
class SeedPlan:
    """The plan for all files. resolver: has the values of their rows."""

    files: tuple[FilePlan, ...]
    resolver: Resolver

    @property
    def rows(self) -> Iterator[tuple[str, PlannedRow]]:
        """Yield every row with the path of its file."""
        return ((file.path, planned) for file in self.files for planned in file.rows)

    @property
    def writes(self) -> bool:
        """Whether any row would be written."""
        return any(file.writes for file in self.files)

    @property
    def to_record(self) -> Base:
        """The values to record as the base, even if nothing is written."""
        return {base_key(planned.row, planned.id): planned.to_record for _, planned in self.rows if planned.to_record}


def plan(files: Sequence[SeedFile], known: Mapping[str, Collection], store: Store, *, force: bool) -> SeedPlan:
    """Compare the files with the database, and with the values that were seeded last.

    A value that is still as it was seeded is updated from the file. Any other value was edited in Directus, and stays.
    force: overwrite edited values, too.

    Raises InvalidSeed with file and line.
    """
    given = rows(files, known)
    resolver = Resolver(given, store)
    resolver.run()
    base = store.base(sorted({row.collection.name for row in given if resolver.found(row) is not None}))
    planned = [_plan_row(row, resolver, base, force=force) for row in given]
    plans = []
    for number, file in enumerate(files):
        own = tuple(item for item in planned if item.row.file == number)
        created = [item.row for item in own if item.action is Action.CREATE]
        plans.append(FilePlan(str(file.path), own, order(created, {row: resolver.needs(row) for row in created})))
    return SeedPlan(tuple(plans), resolver)


def base_key(row: Row, key: Any) -> tuple[str, str]:
    """Return the key of a row in the base. key: the row's primary key."""
    return row.collection.name, str(key)


def _plan_row(row: Row, resolver: Resolver, base: Base, *, force: bool) -> PlannedRow:
    there = resolver.found(row)
    if there is None:
        _require_complete(row)
        return PlannedRow(row, Action.CREATE)
    known = base.get(base_key(row, there.id), {})
    edits: list[FieldEdit] = []
    to_record: dict[str, Any] = {}
    overwrites = False
    for name, value in row.given.items():
        wanted = resolver.value(row, name)
        before = there.values[name]
        after = wanted.id if isinstance(wanted, Existing) else wanted
        untouched = name in known and known[name] == before
        if before != after:
            shown = str(value) if isinstance(value, Reference) else after
            edits.append(FieldEdit(name, before, shown, left=not (untouched or force)))
            overwrites |= force and not untouched
        elif not untouched:
            to_record[name] = before
    return PlannedRow(row, _action(edits, overwrites=overwrites), there.id, tuple(edits), to_record)


def _action(edits: Sequence[FieldEdit], *, overwrites: bool) -> Action:
    if not edits:
        return Action.NONE
    if all(edit.left for edit in edits):
        return Action.LEAVE
    return Action.OVERWRITE if overwrites else Action.UPDATE


def _require_complete(row: Row) -> None:
    collection = row.collection
    missing = [
        field.name
        for field in collection.fields.values()
        if field.required and field.name != collection.primary_key and field.name not in row.given
    ]
    if missing:
        raise InvalidSeed(
            f"a new row of {collection.name} needs {' and '.join(missing)}", where=row.where, next="fill it in"
        )
