"""How Directus exports a column that it made: type, size and key. Pure.

From Directus 11.17.4: api/src/services/fields.ts (addColumnToTable), api/src/utils/get-local-type.ts, and
packages/schema/src/dialects/postgres.ts (columnInfo).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from directus_sync.schema.columns import Column

Entry = Mapping[str, Any]

# A field with one of these words in its `special` has no column.
ALIASES: Final = frozenset({"alias", "o2m", "m2m", "m2a", "o2a", "files", "translations"})
# The field type in Directus, by the column type in PostgreSQL. Any other column type becomes `unknown`.
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
# The field type that a word in `special` sets. Directus takes the first word that it finds in this order.
_MARKS: Final = {
    "cast-json": "json",
    "hash": "hash",
    "cast-csv": "csv",
    "uuid": "uuid",
    "file": "uuid",
    "cast-timestamp": "timestamp",
    "cast-datetime": "dateTime",
}
# The types of fields for which Directus makes a column.
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
    """Return the field type that Directus derives from the column type and from `special`."""
    marks = special if isinstance(special, Sequence) else ()
    for mark, marked in _MARKS.items():
        if mark in marks:
            return marked
    shapes = {shape.upper(): f"geometry.{shape}" for shape in _SHAPES} | {"GEOMETRY": "geometry"}
    if data_type in shapes:
        # With an empty list, the type is `geometry` without a shape.
        return shapes[data_type] if special is None else str([*marks, "geometry"][0])
    return _KINDS.get(data_type, "unknown")


def faults(entry: Entry) -> Iterator[str]:
    """Return how Directus's export of a field's type and column would differ from the entry."""
    schema, column = entry["schema"], Column.of(entry.get("type"), entry["schema"])
    counts = bool(schema.get("has_auto_increment"))
    if counts and column.kind not in {"integer", "bigInteger"}:
        yield f"type {column.kind}, and integer by Directus, because it has_auto_increment"
    if counts and not schema.get("is_primary_key"):
        yield "has_auto_increment, which only a key has"
    for name, flag in _OF_A_KEY.items() if schema.get("is_primary_key") and not counts else ():
        if schema.get(name, flag) is not flag:
            yield f"a key with {name} {_said(schema[name])} in the file, and {_said(flag)} by Directus"
    if column.gets_other_type and not counts:
        return  # The caller reports the other type, and its digits follow from it.
    yield from kind_faults({**entry, "schema": {"data_type": column.exported}})
    if counts:
        return  # Directus compares nothing else of an auto-increment column.
    digits = column.precision or _DIGITS.get(column.kind, (None, None))
    sizes = {"numeric_precision": digits[0], "numeric_scale": digits[1]}
    if not column.made.startswith("character varying"):
        sizes["max_length"] = None
    for name, made in sizes.items():
        if name in schema and schema[name] != made:
            yield f"{name} {_said(schema[name])} in the file, and {_said(made)} by Directus"


def kind_faults(entry: Entry) -> Iterator[str]:
    """Return the fault if `special` and the column type do not lead to the field's type."""
    found = kind(str(entry["schema"].get("data_type")), (entry.get("meta") or {}).get("special"))
    if aliased := aliases(entry):
        yield f"{aliased[0]} in `special`, which is for fields without a column"
    elif entry.get("type") in KINDS and found != entry["type"]:
        yield f"type {entry['type']}, which Directus takes for {found} with this `special`"


def aliases(entry: Entry) -> list[str]:
    """Return the words in a field's `special` that make it an alias, sorted."""
    special = (entry.get("meta") or {}).get("special")
    return sorted(ALIASES.intersection(special if isinstance(special, list) else ()))


def _said(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
