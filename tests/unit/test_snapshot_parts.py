"""Values in a snapshot that Directus would refuse or misread, such as limits, flags and repeated names."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from directus_sync.errors import InvalidSnapshot
from directus_sync.schema import snapshot
from directus_sync.schema.properties import Property


@pytest.mark.parametrize(
    ("section", "part", "key", "value", "complaint"),
    [
        *(
            ("fields", "schema", limit, value, f"`schema.{limit}` of station.id must be an integer, not {value!r}")
            for limit in ("max_length", "numeric_precision", "numeric_scale")
            for value in (2.0, "2", True)
        ),
        ("fields", "meta", "sort", True, "`meta.sort` of station.id must be an integer, not True"),
        ("fields", "meta", "hidden", 1, "`meta.hidden` of station.id must be true or false, not 1"),
        ("relations", "meta", "many_collection", "other", "`meta.many_collection` of station.country must be station"),
        ("relations", "meta", "many_field", "other", "`meta.many_field` of station.country must be country"),
        ("relations", "schema", "table", "other", "`schema.table` of station.country must be station"),
        ("relations", "schema", "column", None, "`schema.column` of station.country must be country"),
        ("collections", "meta", "collection", "other", "`meta.collection` of station must be station"),
        ("collections", "schema", "name", "other", "`schema.name` of station must be station"),
    ],
)
def test_a_value_that_directus_would_misread_is_refused(
    station: bytes, section: str, part: str, key: str, value: object, complaint: str
) -> None:
    document: dict[str, Any] = yaml.safe_load(station)
    entry = next(entry for entry in document[section] if entry["collection"] == "station")
    entry[part][key] = value
    with pytest.raises(InvalidSnapshot) as caught:
        snapshot.parse(yaml.safe_dump(document).encode(), "schema.yaml")
    assert caught.value.what == complaint


def test_a_missing_group_or_a_circle_of_groups_is_refused(station: bytes) -> None:
    # Directus 11.17.4 answers 204 without creating the collection.
    document: dict[str, Any] = yaml.safe_load(station)
    metas = {entry["collection"]: entry["meta"] for entry in document["collections"]}
    for groups, complaint in (
        ({"station": "nowhere"}, "the group of station is 'nowhere', which is not in `collections`"),
        ({"station": "country", "country": "station"}, "country is in a circle of groups"),
        ({"station": "station"}, "station is in a circle of groups"),
    ):
        for name, meta in metas.items():
            meta["group"] = groups.get(name)
        with pytest.raises(InvalidSnapshot) as caught:
            snapshot.parse(yaml.safe_dump(document).encode(), "schema.yaml")
        assert caught.value.what == complaint
    metas["station"]["group"] = "country"
    assert snapshot.parse(yaml.safe_dump(document).encode(), "schema.yaml")


def test_a_property_that_directus_lacks_is_refused_at_its_line(station: bytes) -> None:
    document: dict[str, Any] = yaml.safe_load(station)
    types = {bool: "boolean", int: "integer", str: "text"}
    known: dict[str, dict[str, Property]] = {}
    for section in ("collections", "fields", "relations"):
        values = [item for entry in document[section] for item in entry["meta"].items() if item[1] is not None]
        found = {name: Property(name, types.get(type(value), "json")) for name, value in values}
        known[section] = {name: found.get(name, Property(name, "json")) for name in document[section][0]["meta"]}
    live = snapshot.parse(station, "schema.yaml")
    nothing = dataclasses.replace(live, sections={key: {} for key in live.sections})
    snapshot.require_properties(live, known, nothing)
    document["fields"][1]["meta"]["colour"] = "red"
    content = yaml.safe_dump(document, sort_keys=False).encode()
    wanted = snapshot.parse(content, "schema.yaml")
    with pytest.raises(InvalidSnapshot) as caught:
        snapshot.require_properties(wanted, known, live)
    assert "is not a property that Directus 11.17.4 has" in caught.value.what
    line = content[: content.index(b"colour: red")].count(b"\n") + 1
    assert caught.value.where == f"schema.yaml:{line}"
    # A property that Directus's schema already has is accepted.
    snapshot.require_properties(wanted, known, wanted)


@pytest.mark.parametrize(
    ("column", "fitting", "unfit"),
    [
        (Property("note", "text"), [None, "", "what?"], [5, ["a"], True]),
        (Property("group", "character varying"), [None, "a"], [""]),
        (Property("icon", "character varying", length=3), ["abc", "äöü"], ["abcd"]),
        (Property("options", "json"), [None, {}, [], {"a": None}, 5, True], ["a", "{}", ""]),
        (Property("hidden", "boolean", required=True), [True, False], [None, "true", 1]),
        (Property("sort", "integer"), [None, -1, 2**31 - 1], [2**31, 1.5, "1", True]),
        (Property("special", "text"), [None, [], ["m2o", "uuid"]], ["m2o", [5], ["a,b"], [""], {}]),
    ],
)
def test_a_value_that_directus_s_column_would_not_keep_is_a_fault(
    column: Property, fitting: list[object], unfit: list[object]
) -> None:
    assert [value for value in fitting if column.fault(value)] == []
    assert [value for value in unfit if not column.fault(value)] == []
