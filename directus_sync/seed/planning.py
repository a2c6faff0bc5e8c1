"""What seeding would do: which rows it creates, which differ and how. Reads the database; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from directus_sync.errors import InvalidSeed
from directus_sync.seed import Action
from directus_sync.seed.model import Collection
from directus_sync.seed.ordering import Order, order
from directus_sync.seed.reading import SeedFile
from directus_sync.seed.resolving import Existing, Resolver, Rows
from directus_sync.seed.rows import rows
from directus_sync.seed.values import Reference, Row


@dataclass(frozen=True)
class Edit:
    """One field that differs. before: what the database has; after: what the file has; both as JSON."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, eq=False)
class Judged:
    """A row and what becomes of it. id: its primary key, None for a row that is to be created."""

    row: Row
    action: Action
    id: Any = None
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class FilePlan:
    """What one file brings. order: of the rows that are to be created."""

    path: str
    rows: tuple[Judged, ...]
    order: Order

    @property
    def writes(self) -> bool:
        """Tell whether anything of it would be written."""
        return any(judged.action in {Action.CREATE, Action.OVERWRITE} for judged in self.rows)


@dataclass(frozen=True)
class SeedPlan:
    """What all files bring. resolver: has the values of their rows."""

    files: tuple[FilePlan, ...]
    resolver: Resolver

    @property
    def rows(self) -> Iterator[tuple[str, Judged]]:
        """Yield every row with its file."""
        return ((file.path, judged) for file in self.files for judged in file.rows)

    @property
    def writes(self) -> bool:
        """Tell whether anything would be written."""
        return any(file.writes for file in self.files)


def plan(files: Sequence[SeedFile], known: Mapping[str, Collection], store: Rows, *, force: bool) -> SeedPlan:
    """Compare files with the database.

    force: overwrite rows that differ, in place of leaving them.

    Raises InvalidSeed with file and line.
    """
    given = rows(files, known)
    resolver = Resolver(given, store)
    resolver.run()
    judged = [_judge(row, resolver, force=force) for row in given]
    plans = []
    for number, file in enumerate(files):
        own = tuple(item for item in judged if item.row.file == number)
        created = [item.row for item in own if item.action is Action.CREATE]
        plans.append(FilePlan(str(file.path), own, order(created, {row: _needs(row, resolver) for row in created})))
    return SeedPlan(tuple(plans), resolver)


def _judge(row: Row, resolver: Resolver, *, force: bool) -> Judged:
    there = resolver.found(row)
    if there is None:
        missing = [field.name for field in row.collection.fields.values() if field.required]
        missing = [name for name in missing if name != row.collection.primary_key and name not in row.given]
        if missing:
            raise InvalidSeed(
                f"a new row of {row.collection.name} needs {' and '.join(missing)}", where=row.where, next="fill it in"
            )
        return Judged(row, Action.CREATE)
    edits = []
    for name, value in row.given.items():
        wanted = resolver.value(row, name)
        before = there.values[name]
        after = wanted.id if isinstance(wanted, Existing) else wanted
        if before != after:
            edits.append(Edit(name, before, str(value) if isinstance(value, Reference) else after))
    action = Action.NONE if not edits else Action.OVERWRITE if force else Action.LEAVE
    return Judged(row, action, there.id, tuple(edits))


def _needs(row: Row, resolver: Resolver) -> dict[str, Row]:
    values = {name: resolver.value(row, name) for name in row.given}
    return {name: value for name, value in values.items() if isinstance(value, Row)}
