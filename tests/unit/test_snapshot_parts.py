"""Values in the entries of a snapshot that Directus would refuse or misread: limits, flags, names said again."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from directus_sync.errors import InvalidSnapshot
from directus_sync.schema import snapshot


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
