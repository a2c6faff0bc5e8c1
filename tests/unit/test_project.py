"""Rules for the files in snapshots/, and that every module has a layer."""

from __future__ import annotations

import csv
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

import pytest

from directus_sync.yaml_files import plain_yaml
from tests import snapshots
from tests.conftest import ROOT

SNAPSHOTS = ROOT / "snapshots"


def loaded(name: str) -> dict[str, Any]:
    document: dict[str, Any] = plain_yaml.load_file((SNAPSHOTS / name).read_bytes())
    return document


SCHEMA, CATALOG = loaded("schema.yaml"), loaded("catalog.yaml")
COURSE = loaded("seeds/rally_albania_2026_example_course.yaml")
# Choices of a field that also allows other values, such as `devices.model`, are only suggestions.
ENUMS = {
    f"{entry['collection']}.{entry['field']}": entry["meta"]
    for entry in SCHEMA["fields"]
    if (entry["meta"]["options"] or {}).get("choices") and not entry["meta"]["options"].get("allowOther")
}
# These references become null when the row that they refer to is deleted.
# The audit trail keeps who recorded, issued or published, so that users can be deleted.
LET_GO = {
    "entry_devices.assigned_user_id",
    "entry_crossings.device_id",
    "entry_crossings.recorded_by",
    "entry_penalties.issued_by",
    "position_flags.user_created",
    # Commands to a device stay when its entry is deleted.
    "device_commands.entry_id",
    "device_commands.requested_by",
    "stage_results.published_by",
}


def choices(entry: list[dict[str, Any]]) -> list[str]:
    return [choice["value"] for choice in entry]


def test_a_referenced_row_cannot_be_deleted_except_for_listed_references() -> None:
    rules = {
        f"{entry['collection']}.{entry['field']}": entry["schema"]["on_delete"]
        for entry in SCHEMA["relations"]
        if entry["schema"]
    }
    assert {name for name, rule in rules.items() if rule == "SET NULL"} == LET_GO
    assert {rule for name, rule in rules.items() if name not in LET_GO} == {"RESTRICT"}


@pytest.mark.parametrize("name", ENUMS)
def test_dropdown_list_validation_and_check_have_the_same_values_in_the_same_order(name: str) -> None:
    collection, _, field = name.partition(".")
    wanted = choices(ENUMS[name]["options"]["choices"])
    assert choices(ENUMS[name]["display_options"]["choices"]) == wanted
    (validated,) = re.findall(r"'_in': (\[[^]]*\])", str(ENUMS[name]["validation"]))
    assert snapshots.load(validated) == wanted
    definition = CATALOG["constraints"][f"{collection}.{collection}_{field}_check"]
    assert re.findall(r"\('([^']+)'::character varying\)", definition) == wanted


def test_the_number_of_enumerations_and_the_states_of_an_entry_are_as_designed() -> None:
    assert len(ENUMS) == 26
    assert choices(ENUMS["entries.status"]["options"]["choices"]) == [
        "registered", "confirmed", "started", "finished", "dnf", "dns", "dq", "withdrawn",
    ]  # fmt: skip


def test_the_example_course_has_stages_segments_zones_and_results() -> None:
    assert [stage["role"] for stage in COURSE["stages"]] == ["prologue", "regular", "regular"]
    kinds = Counter(segment["type"] for segment in COURSE["segments"])
    assert kinds["special-stage"] == 3
    assert kinds["liaison"] >= 2
    assert len({waypoint["type"] for waypoint in COURSE["waypoints"]}) >= 6
    assert len(COURSE["speed_limit_zones"]) == 2
    assert {"start", "finish", "speed_limit_zone"} <= {geofence["kind"] for geofence in COURSE["geofences"]}
    for collection in ("entry_segment_starts", "entry_crossings", "entry_penalties", "stage_results"):
        assert {row["entry_id"]["race_number"] for row in COURSE[collection]} == {302}


def test_all_names_in_the_example_course_begin_with_example() -> None:
    named = [row["name"] for name in ("stages", "geofences", "speed_limit_zones") for row in COURSE[name]]
    with (ROOT / "snapshots" / "seeds" / COURSE["penalty_formulas"]["$rows"]).open(encoding="utf-8") as rules:
        sources = [row["regulation_ref"] for row in csv.DictReader(rules)]
    assert [text for text in [*named, *sources] if not text.startswith("Example: ")] == []


def test_the_example_course_lies_in_albania() -> None:
    for row in COURSE["geofences"]:
        for longitude, latitude in row["geometry"]["coordinates"][0]:
            assert 19.4 < longitude < 20.0
            assert 41.2 < latitude < 42.4


# Layers


def test_every_module_is_in_a_layer() -> None:
    """A package with layers must list each part, such as `directus_sync.cli`; others only the package itself."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    named = {
        f"{prefix}{name.strip()}"
        for contract in tool["importlinter"]["contracts"]
        for prefix in [f"{container}." for container in contract.get("containers", [])] or [""]
        for layer in contract.get("layers", [])
        for name in re.split("[|:]", layer)
    }
    divided = {name.partition(".")[0] for name in named if "." in name}
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in listed.splitlines():
        package, *inner = PurePosixPath(path).with_suffix("").parts
        # CI's script does not belong to a package.
        if package != ".ci" and inner != ["__init__"]:
            assert (f"{package}.{inner[0]}" if package in divided and inner else package) in named, path
