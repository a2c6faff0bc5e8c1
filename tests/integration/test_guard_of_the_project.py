"""Refusals of the guard that depend on the project's catalog and revisions, on real servers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SNAPSHOT, RunningDirectus, Serving, Tool
from tests.integration.test_guard import NOTE, change_on_the_server
from tests.making import collection, key
from tests.small import ROWS
from tests.snapshots import edited, set_property, without_collections, without_field


@pytest.fixture
def server(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus on a deployed database with a vehicle and a device, restored if the last test changed it."""
    with serve("deployed", ROWS) as running:
        yield running


def test_push_refuses_to_drop_listed_objects_along_with_a_column(server: RunningDirectus, snapshot_file: Path) -> None:
    server.database.execute(
        'CREATE INDEX "Plates by hand" ON vehicles (upper(plate));'
        "CREATE INDEX with_a_condition ON vehicles (make, model) WHERE plate IS NOT NULL;"
        "ALTER TABLE vehicles ADD CONSTRAINT including UNIQUE (make, model) INCLUDE (plate);"
        "ALTER TABLE vehicles ADD CONSTRAINT checked CHECK (plate <> make)"
    )
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    edited(snapshot_file, without_field("vehicles", "plate"))
    before = server.database.contents()
    approved = ("--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate")
    refused = server.tool.refused("catalog-expects-it", "push", *approved)
    for name in ('"Plates by hand"', "with_a_condition", "including", "checked"):
        assert name in refused.err
    assert server.database.contents() == before
    shown = server.tool("diff", *approved)
    assert (shown.code, "refused: catalog-expects-it" in shown.out) == (3, True), shown.text


def test_push_refuses_to_drop_a_listed_foreign_key_along_with_a_collection(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    """PostgreSQL would not drop the table, but Directus first drops the foreign keys that refer to it."""
    collection(server, "depots", key())
    server.database.execute("CREATE TABLE audit (id integer PRIMARY KEY, depot integer REFERENCES depots)")
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    edited(snapshot_file, without_collections("depots"))
    before = server.database.contents()
    approved = ("push", "--snapshot", snapshot_file, "--allow-destroy", "depots")
    refused = server.tool.refused("catalog-expects-it", *approved)
    assert "constraint audit.audit_depot_fkey" in refused.err
    assert server.database.contents() == before

    # A constraint that no file lists is only named.
    snapshot_file.with_name("catalog.yaml").unlink()
    pushed = server.tool.done(*approved)
    assert "takes along constraint audit.audit_depot_fkey" in pushed.err


def test_pull_refuses_to_forget_a_lost_constraint(server: RunningDirectus, snapshot_file: Path) -> None:
    catalog = snapshot_file.with_name("catalog.yaml")
    shutil.copy(SNAPSHOT.with_name("catalog.yaml"), catalog)
    server.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    change_on_the_server(server, "As on the papers")
    before = (snapshot_file.read_bytes(), catalog.read_bytes())
    server.tool.refused("catalog-expects-it", "pull", "--snapshot", snapshot_file)
    assert (snapshot_file.read_bytes(), catalog.read_bytes()) == before

    server.tool.done("pull", "--snapshot", snapshot_file, "--overwrite")
    assert "events_organization_id_slug_key" not in catalog.read_text(encoding="utf-8")
    assert snapshot_file.read_bytes() == server.export()


def test_comparing_commands_exit_3_and_change_nothing(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    dry = server.tool.with_settings(DIRECTUS_SCHEMA_APPLY_MODE="dry-run")
    before = server.database.contents()
    plain = [(server.tool, words) for words in (["diff"], ["check"], ["push", "--dry-run"], ["deploy", "--dry-run"])]
    for tool, words in (*plain, (dry, ["push"]), (dry, ["deploy"])):
        shown = tool(*words, "--snapshot", snapshot_file)
        assert shown.code == 3, shown.text
        assert "Plan: 0 to add, 1 to change, 0 to remove\n  ~ vehicles.plate" in shown.out
    listed = json.loads(server.tool("diff", "--json", "--snapshot", snapshot_file).out)
    assert (listed["version"], listed["change"], listed["items"][0]["id"]) == (1, 1, "vehicles.plate")
    assert server.database.contents() == before
    assert dry.with_settings(DIRECTUS_URL="")("deploy").code == 0


def test_mode_skip_leaves_the_schema_alone_and_reports_it(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    assert server.tool.alembic("downgrade", "post_0001").code == 0
    skipped = server.tool.done("deploy", "--mode", "skip", "--snapshot", snapshot_file)
    assert "Nothing was pushed: the mode is skip" in skipped.err
    assert "Applied:  post_0002" in skipped.err
    assert server.http.get("/fields/vehicles/plate").json()["data"]["meta"]["note"] != "Registration"


def test_dry_run_on_an_empty_database_changes_nothing(empty: Tool) -> None:
    before = empty.database.contents()
    shown = empty("deploy", "--mode", "dry-run")
    assert shown.code == 3, shown.text
    assert "pre: " in shown.out
    assert "+ events" in shown.out
    assert empty.database.contents() == before
    listed = json.loads(empty("deploy", "--mode", "dry-run", "--json").out)
    assert (listed["equal"], listed["bootstrap"]) == (False, True)
