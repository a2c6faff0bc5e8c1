"""A seed of a collection that has a field of every type."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.conftest import Serving

PLACES: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "schema": {"is_unique": True}},
    "area": {"type": "geometry.Polygon"},
    "spot": {"type": "geometry.Point"},
    "info": {"type": "json", "meta": {"special": ["cast-json"]}},
    "tags": {"type": "csv", "meta": {"special": ["cast-csv"]}},
    "price": {"type": "decimal", "schema": {"numeric_precision": 12, "numeric_scale": 2}},
    "big": {"type": "bigInteger"},
    "ratio": {"type": "float"},
    "at": {"type": "timestamp"},
    "without_zone": {"type": "timestamp"},
    "local": {"type": "dateTime"},
    "day": {"type": "date"},
    "clock": {"type": "time"},
    "open": {"type": "boolean", "meta": {"special": ["cast-boolean"]}},
    "parent": {"type": "integer", "meta": {"special": ["m2o"]}},
}
PLACE = """
    places:
    - name: no
      area: {type: Polygon, coordinates: [[[19.8, 41.3], [19.9, 41.3], [19.9, 41.400000000001], [19.8, 41.3]]]}
      spot: {type: Point, coordinates: [19.8187, 41.3275]}
      info: {gates: [1, 2.50], note: "1", open: no}
      tags: [fast, 2026]
      price: 1.5
      big: 9007199254740993
      ratio: 0.1
      at: 2026-06-06 10:00+02:00
      without_zone: 2026-06-06 10:00
      local: 2026-06-06 10:00
      day: 2026-06-06
      clock: 10:00
      open: yes
      parent: {name: other}
    - name: other
      parent: {name: no}
"""


def test_every_type_is_written_and_found_equal_again(serve: Serving, tmp_path: Path) -> None:
    key = {"field": "id", "type": "integer", "schema": {"is_primary_key": True, "has_auto_increment": True}}
    fields = [key, *({"field": name, "schema": {}, "meta": {}, **options} for name, options in PLACES.items())]
    parent = {
        "collection": "places",
        "field": "parent",
        "related_collection": "places",
        "schema": {"on_delete": "RESTRICT"},
    }
    schema, file = tmp_path / "schema.yaml", tmp_path / "seed.yaml"
    file.write_text(dedent(PLACE), encoding="utf-8")
    with serve("bootstrapped") as running:
        collection = {"collection": "places", "schema": {}, "meta": {}, "fields": fields}
        for path, body in (("/collections", collection), ("/relations", parent)):
            assert running.http.post(path, json=body).status_code == 200
        pulled = running.tool("pull", "--snapshot", schema)
        assert pulled.code == 0, pulled.text
        # A session elsewhere: a time without a zone must not move.
        tool = running.tool.with_settings(PGTZ="Asia/Tokyo")

        first = tool("seed", "--snapshot", schema, file)
        assert first.code == 0, first.text
        assert "2 created" in first.out
        again = tool("seed", "--snapshot", schema, file)
        assert again.out.startswith("Nothing to seed: 2 rows there already ("), again.text
        one, other = running.http.get("/items/places", params={"sort": "id"}).json()["data"]
        assert one["name"] == "no"
        assert one["spot"]["coordinates"] == [19.8187, 41.3275]
        assert one["area"]["coordinates"][0][2] == [19.9, 41.400000000001]
        assert (one["info"], one["tags"]) == ({"gates": [1, 2.5], "note": "1", "open": "no"}, ["fast", "2026"])
        assert (one["price"], one["big"], one["ratio"], one["open"]) == ("1.50", "9007199254740993", 0.1, True)
        assert one["without_zone"] == "2026-06-06T10:00:00.000Z"
        assert (one["at"], one["local"]) == ("2026-06-06T08:00:00.000Z", "2026-06-06T10:00:00")
        assert (one["day"], one["clock"]) == ("2026-06-06", "10:00:00")
        # The two refer to each other, so one of the references came later.
        assert (one["parent"], other["parent"]) == (other["id"], one["id"])

        moved = file.read_text().replace("41.3275", "41.3276").replace("gates: [1,", "gates: [7,")
        file.write_text(moved.replace("1.5\n", "1.25\n"), encoding="utf-8")
        changed = tool("seed", "--snapshot", schema, file)
        assert "0 created, 1 updated" in changed.out, changed.text
        for field in ("spot", "info", "price"):
            assert f"{field}: " in changed.out
        assert "area: " not in changed.out

        file.write_text("places:\n- name: a\n  area: {type: Point, coordinates: [1, 2]}\n", encoding="utf-8")
        refused = tool("seed", "--snapshot", schema, file)
        assert refused.code == 2, refused.text
        assert "places.area can't have this value: Geometry type (Point) does not match" in refused.err
        assert "seed.yaml:3" in refused.err
