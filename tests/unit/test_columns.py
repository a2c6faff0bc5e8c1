"""Which changes of a column lose values, and which type Directus gives it: all types and exact limits."""

from __future__ import annotations

from typing import Any

import pytest

from directus_sync.schema.columns import Column, is_lossy, may_not_cast

TYPE = {("type",), ("schema", "data_type")}
LENGTH = {("schema", "max_length")}
SCALE = {("schema", "numeric_scale")}

# The column that Directus 11.17.4 made for each type of field.
MADE = {
    "bigInteger": "bigint",
    "binary": "bytea",
    "boolean": "boolean",
    "csv": "text",
    "date": "date",
    "dateTime": "timestamp without time zone",
    "decimal": "numeric(10,5)",
    "float": "real",
    "geometry": "geometry(Geometry,4326)",
    "geometry.Point": "geometry(Point,4326)",
    "hash": "character varying(255)",
    "integer": "integer",
    "json": "json",
    "string": "character varying(255)",
    "text": "text",
    "time": "time without time zone",
    "timestamp": "timestamp with time zone",
    "uuid": "uuid",
}
# All pairs of types where the second can hold every value of the first. The limits are Directus's defaults.
WIDER = {
    ("integer", "bigInteger"),
    ("integer", "decimal"),
    ("integer", "string"),
    ("bigInteger", "decimal"),
    ("bigInteger", "string"),
    ("uuid", "string"),
    ("boolean", "string"),
    ("hash", "string"),
    *(
        (kind, "text")
        for kind in (
            *("bigInteger", "boolean", "csv", "date", "dateTime", "decimal", "float", "hash"),
            *("integer", "string", "time", "timestamp", "uuid"),
        )
    ),
}


def column(kind: str, **schema: Any) -> Column:
    """Return the column that Directus makes for this type, with the given properties."""
    shape = kind.partition(".")[2].upper() or "GEOMETRY"
    return Column.of(kind, {"data_type": shape if "geometry" in kind else MADE[kind].partition("(")[0], **schema})


@pytest.mark.parametrize(("kind", "made"), MADE.items())
def test_each_type_has_the_column_that_directus_makes(kind: str, made: str) -> None:
    assert column(kind).made == made
    assert not column(kind).gets_other_type


def test_a_type_that_is_unknown_to_directus_keeps_its_column() -> None:
    inet = Column.of("unknown", {"data_type": "inet"})
    assert (inet.kind, inet.made, inet.gets_other_type) == ("unknown", "inet", False)


@pytest.mark.parametrize(
    ("kind", "schema", "made"),
    [
        ("string", {"max_length": 1}, "character varying(1)"),
        ("string", {"max_length": 300}, "character varying(300)"),
        ("string", {"max_length": 0}, "character varying(255)"),
        # Directus exports a column without a limit as length -5.
        ("string", {"max_length": -5}, "character varying(255)"),
        ("string", {"max_length": None}, "character varying(255)"),
        ("hash", {"max_length": 64}, "character varying(255)"),
        ("decimal", {"numeric_precision": 8, "numeric_scale": 2}, "numeric(8,2)"),
        ("decimal", {"numeric_precision": None, "numeric_scale": 0}, "numeric(10,0)"),
        ("decimal", {"numeric_precision": 8, "numeric_scale": None}, "numeric(8,5)"),
    ],
)
def test_a_column_has_the_limits_that_directus_makes(kind: str, schema: dict[str, Any], made: str) -> None:
    assert column(kind, **schema).made == made


def test_a_geometry_has_its_shape_as_data_type() -> None:
    assert not Column.of("geometry.LineString", {"data_type": "LINESTRING"}).gets_other_type
    assert Column.of("geometry.LineString", {"data_type": "POLYGON"}).gets_other_type


@pytest.mark.parametrize("old", MADE)
def test_a_change_of_type_is_lossy_unless_the_new_type_holds_every_value(old: str) -> None:
    wider = {new for new in MADE if new != old and not is_lossy(TYPE, column(old), column(new))}
    assert wider == {new for kind, new in WIDER if kind == old}


@pytest.mark.parametrize(("kind", "longest"), [("integer", 11), ("bigInteger", 20), ("uuid", 36), ("boolean", 5)])
def test_a_string_must_be_as_long_as_the_longest_value_of_the_old_type(kind: str, longest: int) -> None:
    assert not is_lossy(TYPE, column(kind), column("string", max_length=longest))
    assert is_lossy(TYPE, column(kind), column("string", max_length=longest - 1))


def test_a_string_without_a_limit_does_not_fit_any_length() -> None:
    unlimited = column("string", max_length=-5)
    assert is_lossy(LENGTH, unlimited, column("string", max_length=2**30))
    assert not is_lossy(LENGTH, column("string", max_length=2**30), unlimited)
    assert is_lossy(LENGTH, column("string", max_length=0), column("string", max_length=255))


@pytest.mark.parametrize(("before", "after", "lossy"), [(255, 254, True), (255, 255, False), (255, 256, False)])
def test_a_shorter_string_is_lossy(before: int, after: int, lossy: bool) -> None:
    old, new = (column("string", max_length=length) for length in (before, after))
    assert is_lossy(LENGTH, old, new) is lossy
    # An edit of the data type gives the same result.
    assert is_lossy({("schema", "data_type")}, old, new) is lossy


def test_another_column_of_an_unknown_type_is_lossy() -> None:
    odd = Column.of("unknown", {"data_type": "inet"})
    assert is_lossy({("schema", "data_type")}, odd, Column.of("unknown", {"data_type": "cidr"}))


@pytest.mark.parametrize(
    ("before", "after", "lossy"),
    [
        ((10, 5), (10, 5), False),
        ((10, 5), (11, 5), False),
        ((10, 5), (11, 6), False),
        # One digit fewer after the point, or before it.
        ((10, 5), (10, 4), True),
        ((10, 5), (9, 5), True),
        ((10, 5), (10, 6), True),
    ],
)
def test_a_decimal_must_keep_its_digits_on_both_sides_of_the_point(
    before: tuple[int, int], after: tuple[int, int], lossy: bool
) -> None:
    old, new = (column("decimal", numeric_precision=digits, numeric_scale=scale) for digits, scale in (before, after))
    assert is_lossy(SCALE, old, new) is lossy


@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        ("text", "integer", True),
        ("string", "geometry", True),
        ("bigInteger", "integer", True),
        ("geometry", "geometry.Point", True),
        # PostgreSQL can cast every value.
        ("integer", "boolean", False),
        ("boolean", "integer", False),
        ("timestamp", "date", False),
        # PostgreSQL cuts long values.
        ("text", "string", False),
        ("integer", "string", False),
        # PostgreSQL has no cast, so it refuses the change, not values.
        ("geometry", "json", False),
        ("json", "geometry", False),
    ],
)
def test_values_may_fail_to_cast_only_if_the_new_type_lacks_some_of_them(before: str, after: str, may: bool) -> None:
    assert may_not_cast(column(before), column(after)) is may


@pytest.mark.parametrize(
    "part", ["is_primary_key", "is_generated", "generation_expression", "has_auto_increment", "table", "name"]
)
def test_a_change_for_which_directus_creates_the_column_again_is_lossy(part: str) -> None:
    assert is_lossy({("schema", part)}, column("text"), column("text"))
    # Two other paths do not count: a property with the same name in `meta`, and the whole `schema`.
    assert not is_lossy({("meta", part), ("schema",)}, column("text"), column("text"))


def test_any_change_of_the_column_of_a_hash_makes_it_255_long() -> None:
    old, new = column("hash", max_length=256), column("hash", max_length=1000)
    assert is_lossy({("schema", "is_nullable")}, old, new)
    assert not is_lossy({("meta", "note")}, old, new)
    assert not is_lossy({("schema", "is_nullable")}, column("hash", max_length=255), new)


def test_any_change_of_a_column_that_directus_cannot_make_is_lossy() -> None:
    double = Column.of("float", {"data_type": "double precision"})
    assert double.gets_other_type
    assert is_lossy({("schema", "is_nullable")}, double, double)
    assert not is_lossy({("meta", "note")}, double, double)
    assert not is_lossy({("schema", "is_nullable")}, column("float"), column("float"))


@pytest.mark.parametrize(
    ("kind", "default", "altered"),
    [
        ("json", "[]", True),
        ("boolean", True, True),
        ("string", 7, True),
        ("decimal", 1.5, True),
        ("string", "7", False),
        ("decimal", "7", False),
        ("json", None, False),
    ],
)
def test_a_default_that_is_not_a_plain_text_alters_the_column_with_every_edit(
    kind: str, default: object, altered: bool
) -> None:
    found = column(kind, default_value=default)
    assert found.altered({("meta", "note")}) is altered
    assert found.altered({("schema", "is_unique")})
