"""What happens to a column's values when Directus changes its type. Pure: looks at types, not at rows."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

# The column type that Directus creates for a field type (api/src/database/helpers/schema, knex for PostgreSQL).
_MADE: Final = {
    **{name: name for name in ("boolean", "date", "integer", "json", "text", "uuid")},
    "bigInteger": "bigint",
    "binary": "bytea",
    "csv": "text",
    "dateTime": "timestamp without time zone",
    "float": "real",
    "time": "time without time zone",
    "timestamp": "timestamp with time zone",
}
# The length that Directus gives a column without one.
_STRING_LENGTH: Final = 255
_DECIMAL: Final = (10, 5)
_UNLIMITED: Final = 2**31
# The size of the longest value that fits into a row of an index, and of the longest character.
INDEXED_BYTES: Final = 2692
_CHARACTER_BYTES: Final = 4
# The longest text that a value of the type can have.
_TEXT_LENGTH: Final = {"integer": 11, "bigInteger": 20, "uuid": 36, "boolean": 5}
# Every value of the first type is a value of the others, if it is not too long (_TEXT_LENGTH).
_WIDENING: Final[Mapping[str, frozenset[str]]] = {
    "integer": frozenset({"bigInteger", "decimal", "string", "text"}),
    "bigInteger": frozenset({"decimal", "string", "text"}),
    **dict.fromkeys(("boolean", "hash", "uuid"), frozenset({"string", "text"})),
    **dict.fromkeys(("string", "csv", "float", "decimal"), frozenset({"text"})),
    **dict.fromkeys(("date", "time", "dateTime", "timestamp"), frozenset({"text"})),
}
_TEXTS: Final = frozenset({"string", "text", "csv", "hash"})
_NUMBERS: Final = frozenset({"integer", "bigInteger", "decimal", "float"})
_TIMES: Final = frozenset({"date", "dateTime", "timestamp"})
# The types to which PostgreSQL casts a type, besides the type itself and texts.
_CASTS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_NUMBERS, _NUMBERS),
    "integer": _NUMBERS | {"boolean"},
    "boolean": frozenset({"integer"}),
    "date": _TIMES,
    "dateTime": _TIMES | {"time"},
    "timestamp": _TIMES | {"time"},
}
# A change of one of these creates the column or its key again.
_STRUCTURAL: Final = frozenset(
    {"is_primary_key", "is_generated", "generation_expression", "has_auto_increment", "table", "name"}
)


@dataclass(frozen=True)
class Column:
    """A column as a snapshot describes it. made: the SQL type that Directus would give it.

    always_altered: Directus alters the column at any edit of the field, even of a note. It compares a default that is
    not text with PostgreSQL's text for it, so they differ (11.17.4, api/src/services/fields.ts, updateField).
    """

    kind: str
    data_type: str
    made: str
    length: int | None = None
    precision: tuple[int, int] | None = None
    always_altered: bool = False

    @classmethod
    def of(cls, kind: object, schema: Mapping[str, Any]) -> Column:
        """Read a field of a snapshot: its type, and its `schema`."""
        name, data_type = str(kind), str(schema.get("data_type"))
        default = schema.get("default_value")
        always_altered = default is not None and (name == "json" or not isinstance(default, str))
        if name in {"string", "hash"}:
            length = _number(schema.get("max_length"), _STRING_LENGTH)
            made = _STRING_LENGTH if name == "hash" or length <= 0 else length
            return cls(name, data_type, f"character varying({made})", length, always_altered=always_altered)
        if name == "decimal":
            precision = (
                _number(schema.get("numeric_precision"), _DECIMAL[0]),
                _number(schema.get("numeric_scale"), _DECIMAL[1]),
            )
            return cls(name, data_type, "numeric({},{})".format(*precision), None, precision, always_altered)
        if _is_geometry(name):
            return cls(name, data_type, f"geometry({_shape(name)},4326)")
        return cls(name, data_type, _MADE.get(name, data_type), always_altered=always_altered)

    @property
    def exported(self) -> str:
        """The column type that Directus would export, without length and digits."""
        # For a geometry the shape, as the view geometry_columns spells it: POLYGON.
        return _shape(self.kind).upper() if _is_geometry(self.kind) else self.made.partition("(")[0]

    @property
    def gets_other_type(self) -> bool:
        """Return whether Directus would create the column with another type. If so, any alteration changes the type."""
        return self.data_type != self.exported

    @property
    def is_long(self) -> bool:
        """Return whether a value may be too long for an index."""
        if self.length is None:
            return self.kind in _TEXTS or self.kind == "json" or _is_geometry(self.kind)
        return _text_length(self) * _CHARACTER_BYTES > INDEXED_BYTES

    def altered(self, edited: Set[tuple[str | int, ...]]) -> bool:
        """Return whether Directus alters the column at these edits of its field."""
        return self.always_altered or any(path[0] == "schema" for path in edited)


def newly_indexed(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a column gets an index. before, after: its `schema`."""
    return any(after.get(name) and not before.get(name) for name in ("is_indexed", "is_unique"))


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


def is_lossy(edited: Set[tuple[str | int, ...]], before: Column, after: Column) -> bool:
    """Return, from the types alone, whether values could be cut, rounded or cast to something else.

    edited: the paths of the properties that change.
    """
    if any(len(path) > 1 and path[0] == "schema" and path[1] in _STRUCTURAL for path in edited):
        return True
    if before.gets_other_type and before.altered(edited):
        return True
    if after.kind == "hash" and after.altered(edited) and _text_length(before) > _STRING_LENGTH:
        # Directus ignores the length that the snapshot gives a hash.
        return True
    if before.kind != after.kind:
        too_long = after.length is not None and _text_length(before) > after.length
        return after.kind not in _WIDENING.get(before.kind, ()) or too_long or _rounds(before, after)
    if ("schema", "data_type") in edited or ("schema", "max_length") in edited:
        return before.data_type != after.data_type or _text_length(before) > _text_length(after)
    return _rounds(before, after)


def may_not_cast(before: Column, after: Column) -> bool:
    """Return whether PostgreSQL may refuse to cast a value. A cast to text never fails: PostgreSQL cuts long values."""
    if after.kind in _TEXTS:
        return False
    numbers = before.kind in _NUMBERS and after.kind in _NUMBERS
    return numbers or before.kind in _TEXTS or (_is_geometry(before.kind) and _is_geometry(after.kind))


def is_castable(before: Column, after: Column) -> bool:
    """Return whether PostgreSQL has a cast between the types. If so, a query can test before a push if a value fits."""
    kinds = (before.kind, after.kind)
    if _is_geometry(after.kind) and not _is_geometry(before.kind):
        return False
    if before.kind == after.kind or "unknown" in kinds or not _TEXTS.isdisjoint(kinds) or all(map(_is_geometry, kinds)):
        return True
    return after.kind in _CASTS.get(before.kind, ())


def _is_geometry(kind: str) -> bool:
    return kind.startswith("geometry")


def _shape(kind: str) -> str:
    return kind.partition(".")[2] or "Geometry"


def _text_length(column: Column) -> int:
    if column.length is None:
        return _TEXT_LENGTH.get(column.kind, 0)
    # Directus exports a column without a limit with the length -5.
    return column.length if column.length > 0 else _UNLIMITED


def _rounds(before: Column, after: Column) -> bool:
    if before.precision is None or after.precision is None:
        return False
    whole = [precision - scale for precision, scale in (before.precision, after.precision)]
    return after.precision[1] < before.precision[1] or whole[1] < whole[0]
