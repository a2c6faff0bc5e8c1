"""A plan lists the presets, flows, files and other places that name a removed collection or field."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.conftest import SNAPSHOT, Tool
from tests.snapshots import edited, without_collections, without_field

NAMING = """
INSERT INTO directus_presets (bookmark, collection, layout_query) VALUES
  ('By make', 'vehicles', '{"tabular": {"fields": ["make"]}}'),
  ('By model', 'vehicles', '{"tabular": {"sort": ["model"]}}');
INSERT INTO directus_presets (collection, filter) VALUES ('entries', '{"vehicle_id": {"make": {"_eq": "KTM"}}}');
INSERT INTO directus_dashboards (id, name) VALUES ('0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7c01', 'Makers');
INSERT INTO directus_panels (id, dashboard, name, type, position_x, position_y, width, height, options)
  VALUES (gen_random_uuid(), '0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7c01', 'All', 'list', 1, 1, 1, 1,
    '{"collection": "vehicles", "displayTemplate": "{{make}}"}');
INSERT INTO directus_flows (id, name, trigger, options)
  VALUES ('0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7c02', 'Tell', 'event', '{}');
INSERT INTO directus_operations (id, flow, key, type, position_x, position_y, options)
  VALUES (gen_random_uuid(), '0c3f0001-0d3a-4b8e-9a51-3c0d5f6b7c02', 'log', 'log', 1, 1,
    '{"message": "a row of vehicles: {{$trigger.payload.make}}"}')
"""


def named_by(tool: Tool, snapshot: Path) -> dict[str, list[str]]:
    listed: dict[str, Any] = json.loads(tool("diff", "--snapshot", snapshot, "--json").out)
    return {item["id"]: item["named_by"] for item in listed["items"] if item["kind"] in {"collection", "field"}}


def test_diff_lists_what_names_a_removed_field(deployed: Tool, snapshot_file: Path) -> None:
    deployed.database.execute(NAMING)
    # Presets can be nested deeper than Python's JSON parser accepts.
    deployed.database.execute(
        "INSERT INTO directus_presets (bookmark, collection, layout_query) VALUES"
        f""" ('Deep', 'vehicles', '{{"make": {"[" * 2000 + "]" * 2000}}}')"""
    )
    # A field `make` of another collection.
    deployed.database.execute(
        "UPDATE directus_collections SET display_template = '{{make}}' WHERE collection = 'devices'"
    )
    edited(snapshot_file, without_field("vehicles", "make"))
    seeds = Path(shutil.copytree(SNAPSHOT.with_name("seeds"), snapshot_file.with_name("seeds")))
    (seeds / "latin.yaml").write_bytes("vehicles: # é\n  - {make: a}\n".encode("latin-1"))
    (seeds / "table.yaml").write_text("vehicles:\n  $rows: rules/makes.csv\nevents: {$rows: rules/others.csv}\n")
    for name in ("makes", "others"):
        (seeds / "rules" / f"{name}.csv").write_text("make,model\nKTM,450\n")
    names = named_by(deployed, snapshot_file)["vehicles.make"]
    expected = {
        "bookmark By make",
        "bookmark Deep",
        "collection vehicles",
        "dashboard Makers",
        "field entries.vehicle_id",
        "flow Tell",
        "latin.yaml",
        "list of entries",
        "makes.csv",
        "policy TRM marshal",
        "rally_albania_2026.yaml",
    }
    assert expected <= set(names)
    assert {"bookmark By model", "collection devices", "others.csv"} & set(names) == set()
    shown = deployed("diff", "--snapshot", snapshot_file).out
    assert "named by bookmark By make, bookmark Deep, collection " in shown
    assert " more; refused: unapproved-destruction" in shown


def test_diff_lists_what_names_a_removed_collection(deployed: Tool, snapshot_file: Path) -> None:
    deployed.database.execute(NAMING)
    deployed.database.execute("INSERT INTO directus_collections (collection) VALUES ('empty_folder')")
    edited(snapshot_file, without_collections("vehicles"))
    names = named_by(deployed, snapshot_file)
    assert names.pop("empty_folder") == []
    expected = {"bookmark By make", "bookmark By model", "dashboard Makers", "flow Tell", "policy TRM marshal"}
    assert expected <= set(names.pop("vehicles"))
    assert not any(found for item, found in names.items() if item.startswith("vehicles."))
