"""The catalog: the objects that a database must have beyond Directus's snapshot. Knows no file and no database.

An object has one owner. What the snapshot shows belongs to Directus and is never in the catalog; see `catalog.query`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from directus_sync.text import quoting


class Kind(Enum):
    """The kinds of objects, in the order in which they are restored. A value is the kind's section in the file."""

    EXTENSION = "extensions"
    TYPE = "types"
    SEQUENCE = "sequences"
    FUNCTION = "functions"
    TABLE = "tables"
    COLUMN = "columns"
    HYPERTABLE = "hypertables"
    COMMENT = "comments"
    CONSTRAINT = "constraints"
    DEFERRABLE = "deferrable"
    VIEW = "views"
    MATERIALIZED_VIEW = "materialized views"
    INDEX = "indexes"
    TRIGGER = "triggers"

    @property
    def noun(self) -> str:
        """The word for the kind that goes before a name."""
        return {Kind.INDEX: "index", Kind.DEFERRABLE: "deferrable"}.get(self, self.value.removesuffix("s"))

    @property
    def defined(self) -> bool:
        """Whether objects of this kind have a definition. An extension or a table only exists or does not."""
        return self not in {Kind.EXTENSION, Kind.TABLE}

    def __lt__(self, other: Kind) -> bool:
        return _ORDER[self] < _ORDER[other]


# The prefix of an index that was built under a temporary name. `catalog.query` does not return such indexes.
UNFINISHED: Final = "directus_sync_new_"

_ORDER: Final = {kind: position for position, kind in enumerate(Kind)}

_IDENTIFIER: Final = r'(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")'
_OF_A_TABLE: Final = rf"({_IDENTIFIER})\.({_IDENTIFIER})"
_NAMES: Final = {
    **dict.fromkeys(Kind, rf"({_IDENTIFIER})"),
    **dict.fromkeys((Kind.COLUMN, Kind.CONSTRAINT, Kind.DEFERRABLE, Kind.INDEX, Kind.TRIGGER), _OF_A_TABLE),
    Kind.COMMENT: rf"({_IDENTIFIER})(?:\.({_IDENTIFIER}))?",
    Kind.FUNCTION: rf"({_IDENTIFIER})\(.*\)",
}


@dataclass(frozen=True, order=True)
class Object:
    """A kind and a name, such as `constraint events.events_organization_id_slug_key`. The schema is always public."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.noun} {self.name}"

    @property
    def well_named(self) -> bool:
        """Whether the name is valid for its kind."""
        return re.fullmatch(_NAMES[self.kind], self.name) is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The identifiers in the name, without quotes: the table first, if there is one."""
        return tuple(part[1:-1].replace('""', '"') for part in self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The identifiers in the name, quoted for SQL: the table first, if there is one."""
        match = re.fullmatch(_NAMES[self.kind], self.name)
        if match is None:
            raise ValueError(f"{self.name!r} is not the name of a {self.kind.noun}")
        return tuple(part if part.startswith('"') else quoting.identifier(part) for part in match.groups() if part)


def identifier(name: str) -> str:
    """Return an identifier of PostgreSQL's catalogs as written in an object's name: quoted only if necessary."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else quoting.identifier(name)


@dataclass(frozen=True)
class Catalog:
    """The definitions of all objects; empty for kinds without definitions.

    invalid: indexes that a failed CREATE INDEX CONCURRENTLY left. Queries don't use them, so they count as missing,
    and are never written to the file.
    """

    definitions: Mapping[Object, str]
    invalid: Mapping[Object, str] = field(default_factory=lambda: MappingProxyType({}))


class Drift(Enum):
    """How an object differs from the expected catalog."""

    MISSING = "missing"
    CHANGED = "changed"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True)
class Difference:
    """One object that differs.

    actual: its definition; for a missing object, the definition of the index that has its name, if there is one.
    built: the name of an existing index that only has to become the object; empty if there is none.
    """

    kind: Drift
    object: Object
    expected: str | None
    actual: str | None
    built: str = ""


def compare(expected: Catalog, actual: Catalog) -> tuple[Difference, ...]:
    """Return how `actual` differs from `expected`, in the order in which objects are restored."""
    found: list[Difference] = []
    present = {**actual.definitions, **actual.invalid}
    for item, wanted in expected.definitions.items():
        if item not in actual.definitions:
            # An index with the name of a missing constraint blocks that name, or can become the constraint.
            leftover = Object(Kind.INDEX, item.name) if item.kind is Kind.CONSTRAINT else item
            attachable = (
                wanted.startswith("UNIQUE ") and leftover in actual.definitions.keys() - expected.definitions.keys()
            )
            there = present.get(leftover) if attachable or leftover in actual.invalid else None
            built = item.names[1] if attachable else ""
            found.append(Difference(Drift.MISSING, item, wanted, there, built))
            if there is not None:
                del present[leftover]
        elif wanted != actual.definitions[item]:
            found.append(Difference(Drift.CHANGED, item, wanted, actual.definitions[item]))
    found += (
        Difference(Drift.UNEXPECTED, item, None, there)
        for item, there in present.items()
        if item not in expected.definitions
    )
    return tuple(sorted(found, key=lambda difference: difference.object))


class UnexpectedEffect(Exception):
    """A definition did not create exactly the object that it belongs to."""


def require_same(before: Catalog, after: Catalog) -> None:
    """Raise UnexpectedEffect with a list of the changes, if there are any. Ignores indexes that were invalid before."""
    others = [
        f"{found.kind.value}: {found.object}"
        for found in compare(Catalog(before.definitions), after)
        if not (found.kind is Drift.UNEXPECTED and found.object in before.invalid)
    ]
    if others:
        raise UnexpectedEffect(", ".join(others))
