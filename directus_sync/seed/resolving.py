"""Resolves references to rows of the database or of seed files, and finds the rows of the files in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from directus_sync.errors import InvalidSeed
from directus_sync.seed.model import Collection, ValueForm
from directus_sync.seed.sending import dumps
from directus_sync.seed.store import Store, StoredRow, Wanted
from directus_sync.seed.values import Literal, Reference, Row, literals, references


@dataclass(frozen=True)
class Existing:
    """A row of the database. id: its primary key as JSON data."""

    id: Any


# The row that a reference refers to: one that exists, or one that must be created.
Target = Existing | Row


class Resolver:
    """Resolves the rows of all files against one database. A reference finds rows of its own file and earlier files.

    A lookup waits until the values that it needs are resolved. Lookups of the same collection and fields share a query.
    """

    def __init__(self, rows: Sequence[Row], store: Store) -> None:
        self._rows = rows
        self._store = store
        self._canonical = store.canonical(literals(rows))
        self._found: dict[Row, StoredRow | None] = {}
        self._targets: dict[tuple[int, Reference], Target] = {}
        self._seen: dict[object, Row] = {}
        # Rows by each of their plain values, to find the rows that a reference can refer to.
        self._by_value: dict[tuple[str, str, Any], list[Row]] = {}
        for row in rows:
            for name, value in row.given.items():
                if isinstance(value, Literal) and row.collection.fields[name].form is ValueForm.PLAIN:
                    self._by_value.setdefault((row.collection.name, name, self._comparable(row, name)), []).append(row)

    def run(self) -> None:
        """Resolve all rows and references.

        Raises InvalidSeed if a reference matches no row or several, if a key is not unique or depends on itself.
        """
        everywhere = [(row.file, reference) for row in self._rows for reference in references(row.given.values())]
        while True:
            rows = [row for row in self._rows if row not in self._found]
            waiting = [reference for reference in everywhere if reference not in self._targets]
            if not rows and not waiting:
                return
            # `|`, not `or`: both must run, because each can find what the other waits for.
            if not self._find_rows(rows) | self._find_references(waiting):
                where = rows[0].where if rows else waiting[0][1].where
                raise InvalidSeed(
                    "the key of this row depends on itself, through references",
                    where=where,
                    next="refer to the row by fields that don't refer back to it",
                )

    def found(self, row: Row) -> StoredRow | None:
        """Return the row from the database, or None if it does not exist there."""
        return self._found[row]

    def value(self, row: Row, name: str) -> Any:
        """Return the file's value of a field: canonical JSON, or the row that its reference refers to."""
        value = row.given[name]
        return self._targets[row.file, value] if isinstance(value, Reference) else self._print(row, name)

    def needs(self, row: Row) -> dict[str, Row]:
        """Return the fields of a row that refer to rows that must be created, and these rows."""
        values = ((name, self.value(row, name)) for name in row.given)
        return {name: value for name, value in values if isinstance(value, Row)}

    def _print(self, owner: Row | Reference, name: str) -> Any:
        text = getattr(owner.given[name], "text", None)
        return None if text is None else self._canonical[owner.collection.fields[name].column.sql_type, text]

    def _comparable(self, owner: Row | Reference, name: str) -> Any:
        """Return a value that can be a dictionary key. PostgreSQL prints an array as a list, which can't be one."""
        value = self._print(owner, name)
        return dumps(value) if isinstance(value, list | dict) else value

    def _known(self, file: int, owner: Row | Reference, names: Iterable[str]) -> dict[str, Any] | None:
        """Return the values of fields, or None if one of them is not resolved yet."""
        known = {}
        for name in names:
            value = owner.given[name]
            if isinstance(value, Literal):
                known[name] = self._comparable(owner, name)
            elif (file, value) in self._targets:
                known[name] = self._targets[file, value]
            else:
                return None
        return known

    def _find_rows(self, rows: Iterable[Row]) -> bool:
        further = False
        groups: dict[tuple[Collection, tuple[str, ...]], list[tuple[Row, Wanted]]] = {}
        for row in rows:
            values = self._known(row.file, row, row.key)
            if values is None:
                continue
            other = self._seen.setdefault((row.collection.name, row.key, tuple(values.values())), row)
            if other is not row:
                raise InvalidSeed(
                    f"the row of {row.collection.name} with the key {row.label} is listed twice",
                    where=f"{other.where}\n{row.where}",
                    next="keep one of them",
                )
            further = True
            wanted = _wanted(row, values)
            if wanted is None:
                self._found[row] = None
            else:
                groups.setdefault((row.collection, row.key), []).append((row, wanted))
        for (collection, _), group in groups.items():
            shown = list(dict.fromkeys(name for row, _ in group for name in row.given))
            answers = self._store.lookup(collection, [wanted for _, wanted in group], shown)
            for (row, _), answer in zip(group, answers, strict=True):
                if len(answer) > 1:
                    raise _ambiguous(f"{collection.name} {row.label}", row.where)
                self._found[row] = answer[0] if answer else None
        return further

    def _find_references(self, waiting: Iterable[tuple[int, Reference]]) -> bool:
        # Many rows can have the same reference. It is looked up once.
        alike: dict[object, tuple[dict[str, Any], list[tuple[int, Reference]]]] = {}
        for file, reference in waiting:
            known = self._known(file, reference, reference.given)
            if known is not None:
                signature = (file, reference.collection.name, frozenset(known.items()))
                alike.setdefault(signature, (known, []))[1].append((file, reference))
        groups: dict[
            tuple[Collection, frozenset[str]], list[tuple[list[tuple[int, Reference]], set[Target], Wanted | None]]
        ] = {}
        for known, same in alike.values():
            file, reference = same[0]
            candidates = self._candidates(file, reference, known)
            if candidates is not None:
                group = (reference.collection, frozenset(reference.given))
                groups.setdefault(group, []).append((same, candidates, _wanted(reference, known)))
        for (collection, _), members in groups.items():
            asked = [wanted for _, _, wanted in members if wanted is not None]
            answers = iter(self._store.lookup(collection, asked) if asked else ())
            for same, candidates, wanted in members:
                found = candidates | {Existing(row.id) for row in (next(answers) if wanted is not None else ())}
                self._targets |= dict.fromkeys(same, _only(found, same[0][1]))
        return bool(groups)

    def _candidates(self, file: int, reference: Reference, wanted: Mapping[str, Any]) -> set[Target] | None:
        """Return the rows of files that match a reference, or None if that is not known yet."""
        name = reference.collection.name
        plain = [field for field, value in reference.given.items() if isinstance(value, Literal)]
        if plain:
            rows = self._by_value.get((name, plain[0], wanted[plain[0]]), [])
        else:
            rows = [row for row in self._rows if row.collection is reference.collection]
        found: set[Target] = set()
        for row in rows:
            if row.file > file or not set(wanted) <= set(row.given):
                continue
            if any(
                self._comparable(row, field) != wanted[field]
                for field in plain
                if isinstance(row.given[field], Literal)
            ):
                continue
            given = self._known(row.file, row, wanted)
            if given is None or row not in self._found:
                return None
            if given == wanted:
                there = self._found[row]
                found.add(row if there is None else Existing(there.id))
        return found


def _wanted(owner: Row | Reference, known: Mapping[str, Any]) -> Wanted | None:
    """Return the values to look for in the database, or None if one of them is a row that must still be created."""
    if any(isinstance(value, Row) for value in known.values()):
        return None
    wanted: dict[str, str | None] = {}
    for name, value in known.items():
        literal = owner.given[name]
        wanted[name] = literal.text if isinstance(literal, Literal) else str(value.id)
    return wanted


def _only(found: set[Target], reference: Reference) -> Target:
    if len(found) > 1:
        raise _ambiguous(str(reference), reference.where)
    if not found:
        raise InvalidSeed(
            f"the reference to {reference} matches no row, neither in the database nor in the files so far",
            where=reference.where,
            next="correct it, or add the row to this file or to one before it",
        )
    return found.pop()


def _ambiguous(what: str, where: str) -> InvalidSeed:
    return InvalidSeed(f"{what} matches more than one row", where=where, next="name more fields to tell them apart")
