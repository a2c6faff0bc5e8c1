"""docs/json.md lists exactly the keys of each JSON document and their values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from directus_sync import attic
from directus_sync.catalog import Difference, Drift, Kind, Object
from directus_sync.catalog.restore import Repair
from directus_sync.catalog.upkeep import Verified
from directus_sync.directus.extensions import Inactive, State
from directus_sync.report import copies, plans, resources, results, seeds
from directus_sync.report.outcome import Adopted, Captured, Checked, Deployed, Seeded, Status
from directus_sync.resources.access_kinds import POLICIES
from directus_sync.resources.items import Resource
from directus_sync.resources.plan import Judged as ResourceJudged
from directus_sync.resources.plan import ResourceChange, ResourcePlan
from directus_sync.schema import saved_plan
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.plan import Approvals, Mover, Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.seed import Action as RowAction
from directus_sync.seed.planning import FieldEdit, PlannedRow
from directus_sync.seed.rows import rows as seed_rows
from tests import pages
from tests.pages import section, table
from tests.seeds import KNOWN, a_file
from tests.versions import revision

Planned = Callable[..., Plan]

PAGE = pages.read("docs/json.md")
# The keys inside these are documented elsewhere or chosen by users.
OPAQUE = {
    "pending", "schema", "pushed", "access", "resources", "families", "allow_destroy", "diff", "before", "after",
    "heads", "deploy", "copy", "plan",
}  # fmt: skip


def keys(document: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Return the paths of all keys, such as `items[].id`."""
    found = set()
    for key, value in document.items():
        path = f"{prefix}{key}{'[]' if isinstance(value, list) else ''}"
        parts = value if isinstance(value, list) else [value]
        inside = (keys(part, f"{path}.") for part in parts if isinstance(part, dict) and key not in OPAQUE)
        found |= {path}.union(*inside)
    return found


def documented(heading: str, info: str) -> set[str]:
    """Return the keys in a section's table, after checking that its example has the same."""
    (example,) = pages.blocks(section(PAGE, heading), f"json {info}")
    listed = set(table(section(PAGE, heading)))
    assert keys(json.loads(example)) == listed
    return listed


def test_a_plan_is_as_documented(planned: Planned, captured_answers: Mapping[str, Any]) -> None:
    real: set[str] = set()
    for edit in captured_answers:
        real |= keys(plans.plan_document(planned(edit, rows=1)))
    assert documented("A plan", "plan") == real | {"version"}


@pytest.mark.parametrize(
    ("heading", "key", "values"),
    [
        ("A plan", "items[].action", [action.value for action in Action]),
        ("A plan", "items[].kind", [kind.noun for kind in ItemKind]),
        ("A plan", "items[].moved_by", [mover.value for mover in Mover]),
        ("A seed", "rows[].action", [action.value for action in RowAction if action is not RowAction.NONE]),
        ("A check", "catalog[].drift", [drift.value for drift in Drift]),
        ("A check", "extensions[].state", [state.value for state in State]),
    ],
)
def test_the_values_of_a_key_are_documented(heading: str, key: str, values: list[str]) -> None:
    (about,) = table(section(PAGE, heading))[key]
    assert pages.spans(about) == values


def test_a_plan_of_resources_is_as_documented() -> None:
    policy = Resource("policy", "press", ({"id": "1", "name": "Press"},))
    change = ResourceChange(Action.ADD, POLICIES, "press", (), policy.rows)
    judged = ResourcePlan("access", (ResourceJudged(change, Mover.GIT, None),), {"policy:a": policy}, ("role:b",))
    assert documented("A plan of resources", "access") == keys(resources.document(judged))


def test_a_check_is_as_documented(planned: Planned) -> None:
    lost = Difference(Drift.MISSING, Object(Kind.EXTENSION, "timescaledb"), "", None)
    off = Inactive("trm-tenant-guard", State.OFF)
    plan = planned("note_changed")
    found = Checked({"pre": (), "post": ()}, bootstrap=False, plan=plan, drift=(Repair(lost),), inactive=(off,))
    assert documented("A check", "check") == keys(results.checked_document(found)) | {"version"}


def test_a_deploy_is_as_documented(planned: Planned) -> None:
    done = Deployed((revision("pre_0001_create"),), True, planned("note_changed"), (), Verified(), seconds=1.0)
    assert documented("A deploy", "deploy") == keys(results.deployed_document(done)) | {"version"}


def test_a_seed_is_as_documented() -> None:
    (row,) = seed_rows([a_file("clubs:\n- slug: a")], KNOWN)
    done = Seeded(
        (("a.yaml", PlannedRow(row, RowAction.LEAVE, edits=(FieldEdit("name", "a", "b"),))),), False, seconds=0.1
    )
    assert documented("A seed", "seed") == keys(seeds.seeded_document(done)) | {"version"}


def test_a_saved_plan_is_as_documented(planned: Planned, live: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    saved_plan.write(path, planned("note_changed"), live.sha256, Approvals(), {"access": []})
    assert documented("A saved plan", "saved") == keys(json.loads(path.read_text(encoding="utf-8")))
    assert saved_plan.FORMAT in PAGE


def test_a_status_is_as_documented() -> None:
    found = Status("h:5432/d", {}, lock_holder=None, deploy=None, snapshot_sha256="", recorded_sha256=None)
    assert documented("A status", "status") == keys(results.status_document(found)) | {"version"}


def test_a_pull_is_as_documented() -> None:
    added = Change(Action.ADD, ItemKind.FIELD, "devices", "firmware")
    drift = Difference(Drift.UNEXPECTED, Object(Kind.EXTENSION, "timescaledb"), None, "")
    done = Captured((Path("a"),), (added,), (drift,), ("devices.yaml",))
    assert documented("A pull", "pull") == keys(results.captured_document(done)) | {"version"}
    assert results.captured(done) == ["  + devices.firmware  field", "  + extension timescaledb", "  ~ devices.yaml"]


def test_an_adoption_is_as_documented(planned: Planned, live: Snapshot) -> None:
    done = Adopted(live, recorded=True, plan=planned("note_changed"))
    assert documented("An adoption", "adoption") == keys(results.adopted_document(done)) | {"version"}


@pytest.fixture
def copy() -> attic.Copy:
    item = attic.AtticItem("vehicles", "plate")
    return attic.Copy(7, item, 2, datetime(2026, 5, 2, tzinfo=UTC), UUID(int=1), "deploy", "web-1", "f" * 64, None)


def test_the_list_of_copies_is_as_documented(copy: attic.Copy) -> None:
    listed = {"copies": [copies.copy_document(copy)]}
    assert documented("The attic's copies", "copies") == keys(listed) | {"version"}


def test_a_restore_is_as_documented(copy: attic.Copy) -> None:
    done = attic.Restored(copy, 1, 0, (attic.Rejected("42", "the row is gone"),), ())
    # Through JSON, which turns tuples into lists.
    document = json.loads(json.dumps(copies.restored_document(done), default=str))
    assert documented("A restore", "restore") == keys(document) | {"version"}
