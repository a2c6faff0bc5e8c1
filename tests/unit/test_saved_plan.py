"""A saved plan is valid only for the file and the Directus schema that it was made from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from directus_sync.errors import StalePlan, WrongSettings
from directus_sync.schema import saved_plan
from directus_sync.schema.diff import SchemaDiff
from directus_sync.schema.plan import Approvals, Plan
from directus_sync.schema.saved_plan import SavedPlan
from directus_sync.schema.snapshot import Snapshot

APPROVALS = Approvals({"station.elev": "moved"}, frozenset({"country", "station.notes"}))
SAVE_AGAIN = "save it again: directus-sync diff --out PATH"


@pytest.fixture
def plan(captured: Callable[[str], SchemaDiff]) -> Plan:
    return Plan(captured("field_removed"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


@pytest.fixture
def saved(path: Path, plan: Plan, live: Snapshot) -> SavedPlan:
    saved_plan.write(path, plan, live.sha256, APPROVALS, {"access": []})
    return saved_plan.read(path)


def test_a_plan_reads_back_as_it_was_written(saved: SavedPlan, path: Path, plan: Plan, live: Snapshot) -> None:
    assert saved == SavedPlan(
        path, live.sha256, plan.difference.digest, dict(plan.difference.raw), APPROVALS, {"access": []}
    )


def test_the_file_has_its_format_fixed_content_and_is_private(saved: SavedPlan, path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["format"] == "directus-sync plan 1"
    assert document["allow_destroy"] == {"station.elev": "moved"}
    assert document["discard_live"] == ["country", "station.notes"]
    assert document == {
        **document,
        "snapshot_sha256": saved.sha256,
        "server_hash": saved.digest,
        "diff": saved.raw,
    }
    assert path.read_text(encoding="utf-8") == json.dumps(document, indent=2) + "\n"
    # Other users must not see the schema.
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_plan_for_the_same_file_and_schema_is_accepted(saved: SavedPlan, plan: Plan, live: Snapshot) -> None:
    saved_plan.require_current(saved, plan, live)


@pytest.mark.parametrize(
    ("other", "moved"),
    [
        ({"sha256": "0" * 64}, "schema.yaml was changed"),
        ({"digest": "0" * 40}, "the schema of the server was changed"),
        # Directus's hash does not cover the diff.
        ({"raw": {"collections": []}}, "the schema of the server was changed"),
    ],
)
def test_a_plan_is_stale_if_the_file_the_schema_or_the_diff_differs(
    saved: SavedPlan, plan: Plan, live: Snapshot, other: dict[str, Any], moved: str
) -> None:
    with pytest.raises(StalePlan) as caught:
        saved_plan.require_current(dataclasses.replace(saved, **other), plan, live)
    assert caught.value.what == f"the plan is out of date: {moved} since it was saved; nothing was sent"
    assert caught.value.where == str(saved.path)
    assert caught.value.next == "look at the changes and save the plan again: directus-sync diff --out PATH"


def bad(**change: Any) -> str:
    plan = {"format": "directus-sync plan 1", "snapshot_sha256": "a", "server_hash": "b", "diff": {}}
    document = {**plan, "allow_destroy": {}, "discard_live": [], **change}
    return json.dumps({key: value for key, value in document.items() if value != "missing"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[]", "list indices"),
        ("[" * 100_000, "recursion"),
        (bad(format="directus-sync plan 2"), "its format is 'directus-sync plan 2'"),
        *((bad(**{key: "missing"}), key) for key in json.loads(bad())),
        (bad(diff=1), "int"),
        (bad(allow_destroy=1), "int"),
        (bad(discard_live=1), "int"),
    ],
)
def test_a_file_that_is_not_a_plan_is_named(path: Path, text: str, why: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WrongSettings, match="the plan cannot be read: ") as caught:
        saved_plan.read(path)
    assert why in caught.value.what
    assert (caught.value.where, caught.value.next) == (str(path), SAVE_AGAIN)


def test_a_missing_plan_is_named(path: Path) -> None:
    with pytest.raises(WrongSettings, match="No such file") as caught:
        saved_plan.read(path)
    assert caught.value.where == str(path)


def test_numbers_of_a_plan_are_read_as_text(path: Path) -> None:
    path.write_text(bad(snapshot_sha256=1, server_hash=2), encoding="utf-8")
    saved = saved_plan.read(path)
    assert (saved.sha256, saved.digest) == ("1", "2")
