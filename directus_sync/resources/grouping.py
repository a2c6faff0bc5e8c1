"""Groups the rows of a database into items, named as in the files and the base. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from directus_sync.resources.items import Resource, Row, ordered
from directus_sync.resources.kinds import ID, Family, LiveRow, Place, ResourceKind

# The name of each row in the keys of items.
Names = Mapping[Place, str]
# Characters that names in files cannot contain, because keys and command lines use them.
RESERVED: Final = frozenset("/,%")
# What a key has for a column without a value.
_NONE: Final = "-"
_ESCAPED_NONE: Final = "%2D"


@dataclass(frozen=True)
class Live:
    """The items of a database.

    items: by id. rows_by_id: their rows with primary keys. unknown: items that neither files nor base have; they
    are left alone.
    """

    items: Mapping[str, Resource] = field(default_factory=dict)
    rows_by_id: Mapping[str, tuple[LiveRow, ...]] = field(default_factory=dict)
    unknown: Mapping[str, Resource] = field(default_factory=dict)


def names_of(family: Family, wanted: Iterable[Resource], base: Iterable[Resource] = ()) -> Names:
    """Return the names of rows from the files, else from the base. A name that both use belongs to the file's row."""
    names = {**_names(family, wanted), **family.names}
    taken = {(kind, name) for (kind, _), name in names.items()}
    for (kind, primary), name in _names(family, base).items():
        names.setdefault((kind, primary), f"{name}-{primary[:8]}" if (kind, name) in taken else name)
    return names


def rekeyed(family: Family, items: Iterable[Resource], names: Names) -> Mapping[str, Resource]:
    """Return recorded items under the ids that these names give them."""
    rows = [(family.by_name[item.kind], row) for item in items for row in item.rows]
    found = (LiveRow(kind, row.get(ID), row) for kind, row in rows)
    return grouped(family, found, names, include_unknown=True).items


def _names(family: Family, items: Iterable[Resource]) -> dict[Place, str]:
    stored = [(item, row) for item in items if family.by_name[item.kind].stored for row in item.rows]
    # The key of a part begins with its owner's name, and ends with its own.
    return {(item.kind, str(row[ID])): item.key.rpartition("/")[2] for item, row in stored}


def grouped(family: Family, rows: Iterable[LiveRow], names: Names, *, include_unknown: bool = False) -> Live:
    """Return rows as items. include_unknown: rows that no file knows are items too, as in a pull."""
    rows = tuple(rows)
    provisional = _provisional(rows, names)
    ignored = family.ignored(rows) - names.keys()
    known: dict[str, list[LiveRow]] = defaultdict(list)
    left: dict[str, list[LiveRow]] = defaultdict(list)
    for found in rows:
        key = key_of(found.kind, found.primary, found.row, provisional)
        place = _place(family, found)
        if place not in ignored:
            into = known if include_unknown or found.kind.unknown_is_uncaptured or place in names else left
            into[f"{found.kind.name}:{key}"].append(found)
    return Live(
        {name: _item(name, group) for name, group in known.items()},
        {name: tuple(group) for name, group in known.items()},
        {name: _item(name, group) for name, group in left.items() if group[0].kind.part_of is None},
    )


def _place(family: Family, found: LiveRow) -> Place:
    """Return the row that decides whether this one is known: the row that it is a part of, else itself."""
    parent = family.parent(found.kind)
    if parent is not None and found.kind.part_of is not None:
        return parent.name, str(found.row[found.kind.part_of.column])
    return found.kind.name, str(found.primary)


def _provisional(rows: Iterable[LiveRow], names: Names) -> Names:
    """Return the names, and for each row without a name one made from its title, as a file would write it."""
    given = dict(names)
    stored = [found for found in rows if found.kind.stored]
    taken = {(kind, "", name) for (kind, _), name in names.items()}
    taken |= {
        (*_scope(f), given[f.kind.name, str(f.primary)]) for f in stored if (f.kind.name, str(f.primary)) in given
    }
    for found in stored:
        kind, primary = found.kind, str(found.primary)
        if (kind.name, primary) in given:
            continue
        name = re.sub(r"[^a-z0-9_]+", "-", str(found.row[kind.title]).lower()).strip("-") or primary
        if (*_scope(found), name) in taken:
            name = f"{name}-{primary[:8]}"
        taken.add((*_scope(found), name))
        given[kind.name, primary] = name
    return given


def _scope(found: LiveRow) -> Place:
    """Return the scope in which a row's name must be unique: its kind, or the row that it is a part of."""
    part_of = found.kind.part_of
    return found.kind.name, str(found.row[part_of.column]) if part_of else ""


def key_of(kind: ResourceKind, primary: object, row: Row, names: Names) -> str:
    """Return the key of the item that a row belongs to."""
    return "/".join(_part(kind, primary if column == ID else row[column], column, names) for column in kind.key)


def _part(kind: ResourceKind, value: object, column: str, names: Names) -> str:
    named = kind.references.get(column, kind.name if column == ID else None)
    return names.get((named or "", str(value)), _NONE if value is None else escaped(str(value)))


def escaped(value: str) -> str:
    """Escape `/` and `,`: they separate the parts of a key, and the ids on a command line. Escape a lone `-`, too."""
    return _ESCAPED_NONE if value == _NONE else value.replace("%", "%25").replace("/", "%2F").replace(",", "%2C")


def file_name(part: str) -> str:
    """Return the name of the file of an escaped part of a key. `/` stays escaped, because no file name contains it."""
    return _NONE if part == _ESCAPED_NONE else part.replace("%2C", ",").replace("%25", "%")


def _item(name: str, group: Iterable[LiveRow]) -> Resource:
    kind, _, key = name.partition(":")
    return Resource(kind, key, ordered(found.row for found in group))
