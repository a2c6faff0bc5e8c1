"""What Directus exports of a column that it made: type, size and key. Pure.

From Directus 11.17.4: api/src/services/fields.ts (addColumnToTable), api/src/utils/get-local-type.ts, and
packages/schema/src/dialects/postgres.ts (columnInfo).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from directus_sync.schema.columns import Column

Entry = Mapping[str, Any]

# One of these in `special` makes a field without a column.
ALIASES: Final = frozenset({"alias", "o2m", "m2m", "m2a", "o2a", "files", "translations"})
# By what PostgreSQL calls the type of a column, what Directus calls that of its field. Others are unknown to it.
_KINDS: Final = {
    "bigint": "bigInteger",
    "boolean": "boolean",
    "date": "date",
    "numeric": "decimal",
    "timestamp with time zone": "timestamp",
    "timestamp without time zone": "dateTime",
    "uuid": "uuid",
    **dict.fromkeys(("character", "character varying", "interval"), "string"),
    **dict.fromkeys(("citext", "text"), "text"),
    **dict.fromkeys(("double precision", "money", "real"), "float"),
    **dict.fromkeys(("integer", "smallint"), "integer"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    **dict.fromkeys(("time with time zone", "time without time zone"), "time"),
}
_SHAPES: Final = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
# What a word in `special` says of the type, in the order in which Directus looks for them.
_MARKS: Final = {
    "cast-json": "json",
    "hash": "hash",
    "cast-csv": "csv",
    "uuid": "uuid",
    "file": "uuid",
    "cast-timestamp": "timestamp",
    "cast-datetime": "dateTime",
}
# Those of a field with a column that Directus makes.
KINDS: Final = frozenset({
    *_KINDS.values(), *_MARKS.values(), "geometry", *(f"geometry.{shape}" for shape in _SHAPES),
})  # fmt: skip
_DIGITS: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "integer": (32, 0),
    "bigInteger": (64, 0),
    "float": (24, None),
}
_OF_A_KEY: Final = {"is_nullable": False, "is_unique": True, "is_indexed": False}


def kind(data_type: str, special: object) -> str:
    """Return the type of a field, by the type of its column and by its `special`."""
    marks = special if isinstance(special, Sequence) else ()
    for mark, marked in _MARKS.items():
        if mark in marks:
            return marked
    shapes = {shape.upper(): f"geometry.{shape}" for shape in _SHAPES} | {"GEOMETRY": "geometry"}
    if data_type in shapes:
        # Directus takes an empty list for one that names no shape.
        return shapes[data_type] if special is None else str([*marks, "geometry"][0])
    return _KINDS.get(data_type, "unknown")


def faults(entry: Entry) -> Iterator[str]:
    """Return what Directus would export otherwise of a field's type and of its column."""
    schema, column = entry["schema"], Column.of(entry.get("type"), entry["schema"])
    counts = bool(schema.get("has_auto_increment"))
    if counts and column.kind not in {"integer", "bigInteger"}:
        yield f"type {column.kind}, and integer by Directus, as it has_auto_increment"
    if counts and not schema.get("is_primary_key"):
        yield "has_auto_increment, which only a key has"
    for name, flag in _OF_A_KEY.items() if schema.get("is_primary_key") and not counts else ():
        if schema.get(name, flag) is not flag:
            yield f"a key with {name} {_said(schema[name])} in the file, and {_said(flag)} by Directus"
    if column.made_otherwise and not counts:
        return  # With another type come other digits.
    yield from kind_faults({**entry, "schema": {"data_type": column.exported}})
    if counts:
        return  # Directus compares nothing else of the column of such a key.
    digits = column.precision or _DIGITS.get(column.kind, (None, None))
    sizes = {"numeric_precision": digits[0], "numeric_scale": digits[1]}
    if not column.made.startswith("character varying"):
        sizes["max_length"] = None
    for name, made in sizes.items():
        if name in schema and schema[name] != made:
            yield f"{name} {_said(schema[name])} in the file, and {_said(made)} by Directus"


def kind_faults(entry: Entry) -> Iterator[str]:
    """Return what a field's `special`, and the type of its column, say otherwise than its type."""
    found = kind(str(entry["schema"].get("data_type")), (entry.get("meta") or {}).get("special"))
    if aliased := aliases(entry):
        yield f"{aliased[0]} in `special`, which is for fields without a column"
    elif entry.get("type") in KINDS and found != entry["type"]:
        yield f"type {entry['type']}, which Directus takes for {found} with this `special`"


def aliases(entry: Entry) -> list[str]:
    """Return the words in a field's `special` that make it one without a column, sorted."""
    special = (entry.get("meta") or {}).get("special")
    return sorted(ALIASES.intersection(special if isinstance(special, list) else ()))


def _said(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
