"""What the database must contain beyond Directus's snapshot, and comparing two. Knows no file and no database.

An object has one owner. What Directus's snapshot shows is Directus's and never here; `catalog.query` draws the line.
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
    """The kinds of objects, in the order in which they are put back. A value is the kind's section in the file."""

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
        """The kind as one would write it before a name."""
        return {Kind.INDEX: "index", Kind.DEFERRABLE: "deferrable"}.get(self, self.value.removesuffix("s"))

    @property
    def defined(self) -> bool:
        """Whether a name of this kind has a definition; an extension and a table are there or not."""
        return self not in {Kind.EXTENSION, Kind.TABLE}

    def __lt__(self, other: Kind) -> bool:
        return _ORDER[self] < _ORDER[other]


# What the name of an index begins with that is built, and not in its place yet. `catalog.query` does not show it.
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
        """Whether the name has the form of its kind."""
        return re.fullmatch(_NAMES[self.kind], self.name) is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it consists of, without quotes: the table first where there is one."""
        return tuple(part[1:-1].replace('""', '"') for part in self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The identifiers that the name consists of, ready for SQL: the table first where there is one."""
        match = re.fullmatch(_NAMES[self.kind], self.name)
        if match is None:
            raise ValueError(f"{self.name!r} is not the name of a {self.kind.noun}")
        return tuple(part if part.startswith('"') else quoting.identifier(part) for part in match.groups() if part)


def identifier(name: str) -> str:
    """Write an identifier of PostgreSQL's catalogs as it stands in an object's name; SQL has it always quoted."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else quoting.identifier(name)


@dataclass(frozen=True)
class Catalog:
    """The definitions of all objects, empty where a kind has none.

    invalid: indexes that a failed CREATE INDEX CONCURRENTLY left. They serve no query and enforce nothing, so
    they count as missing where they are expected, and are never written to the file.
    """

    definitions: Mapping[Object, str]
    invalid: Mapping[Object, str] = field(default_factory=lambda: MappingProxyType({}))


class Drift(Enum):
    """How an object differs from what is expected."""

    MISSING = "missing"
    CHANGED = "changed"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True)
class Difference:
    """One object that differs.

    actual: of a missing one, the definition of the index that has its name, if there is one.
    built: the name of an index that is there, and only has to become the object; empty if there is none.
    """

    kind: Drift
    object: Object
    expected: str | None
    actual: str | None
    built: str = ""


def compare(expected: Catalog, actual: Catalog) -> tuple[Difference, ...]:
    """Return how `actual` differs from `expected`, in the order in which things are put back."""
    found: list[Difference] = []
    present = {**actual.definitions, **actual.invalid}
    for item, wanted in expected.definitions.items():
        if item not in actual.definitions:
            # A constraint is built from an index of its name.
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


class SomethingElse(Exception):
    """A definition did not make exactly the object that it belongs to."""


def require_same(before: Catalog, after: Catalog) -> None:
    """Raise SomethingElse unless everything is as it was. Of what was invalid, any may be gone."""
    others = [
        f"{found.kind.value}: {found.object}"
        for found in compare(Catalog(before.definitions), after)
        if not (found.kind is Drift.UNEXPECTED and found.object in before.invalid)
    ]
    if others:
        raise SomethingElse(f"its definition does something else ({', '.join(others)}), which was undone")
