"""Push and pull with a real Directus: files and exports are equal byte for byte, and nothing is lost."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from directus_sync.commands import push
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import ApplyFailed
from directus_sync.output import Progress
from directus_sync.steps.planning import Request
from tests import small, snapshots
from tests.conftest import RunningDirectus, Serving, Tool, running_directus
from tests.making import field
from tests.snapshots import Document, edited, set_property, with_firmware


@pytest.fixture
def server(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus with a small schema, a vehicle and a device."""
    with serve("bootstrapped", "", small.pushed) as running:
        yield running


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    return small.file(tmp_path)


def test_push_restores_a_dropped_index_of_directus_s_own(server: RunningDirectus, snapshot_file: Path) -> None:
    """Neither Directus's list of fields nor any snapshot shows this index while it is missing."""
    server.database.execute("DROP INDEX directus_activity_timestamp_index")
    done = server.tool("push", "--snapshot", snapshot_file)
    assert (done.code, done.out) == (0, "Pushed 1 change\n"), done.text
    assert server.database.value("SELECT to_regclass('directus_activity_timestamp_index') IS NOT NULL")


def test_push_keeps_a_new_index_on_a_directus_table_and_pull_captures_it(serve: Serving, snapshot_file: Path) -> None:
    note = "directus_users.title has an index that no file lists; it stays, and a pull captures it"
    with serve("bootstrapped", "", small.pushed) as running:
        running.database.execute("CREATE INDEX by_hand ON directus_users (title)")
        # `adopt` records the index in the base, while the file does not have it.
        for command in ("diff", "push", "adopt", "push"):
            done = running.tool(command, "--snapshot", snapshot_file)
            assert (done.code, note in done.err) == (0, True), done.text
        edited(snapshot_file, set_property("fields", "meta.note", "Registration", collection="vehicles", field="plate"))
        done = running.tool("push", "--snapshot", snapshot_file)
        assert (done.code, done.out) == (0, "Pushed 1 change\n"), done.text
        assert running.database.value("SELECT to_regclass('by_hand') IS NOT NULL")

        assert running.tool("pull", "--snapshot", snapshot_file, "--dry-run").code == 3
        pulled = running.tool.done("pull", "--snapshot", snapshot_file)
        assert snapshot_file.read_bytes() == running.export()
        assert "directus_users.title" in pulled.out
        assert running.tool("pull", "--snapshot", snapshot_file).out.startswith("Nothing to pull")
        assert note not in running.tool("diff", "--snapshot", snapshot_file).err

    with serve("bootstrapped", "", small.pushed) as other:
        assert other.tool("push", "--snapshot", snapshot_file).code == 0
        assert other.export() == snapshot_file.read_bytes()
        assert other.database.value("SELECT to_regclass('directus_users_title_index') IS NOT NULL")


def test_push_refuses_an_index_on_a_column_that_is_not_directus_s_own(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    """Directus would alter the column from double precision to real."""
    server.database.execute("ALTER TABLE directus_users ADD COLUMN reach double precision DEFAULT 0.1")
    before = server.database.contents()
    entry = {"collection": "directus_users", "field": "reach", "schema": {"is_indexed": True}}
    path = edited(snapshot_file, lambda document: document["systemFields"].append(entry))
    refused = server.tool("push", "--snapshot", path)
    assert (refused.code, "directus_users.reach, which is not a field of Directus's own" in refused.err) == (4, True)
    assert str(path) in refused.err
    assert server.database.contents() == before


def test_an_infinite_default_is_no_difference(server: RunningDirectus, snapshot_file: Path) -> None:
    server.database.execute("ALTER TABLE devices ADD COLUMN reach double precision DEFAULT 'Infinity'")
    assert server.http.patch("/fields/devices/reach", json={"meta": {"note": "in km"}}).is_success
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    assert "default_value: .inf\n" in snapshot_file.read_text()
    server.tool.done("diff", "--snapshot", snapshot_file)


def test_the_schema_is_read_past_directus_s_cache(deployed: Tool) -> None:
    with (
        running_directus(deployed, CACHE_ENABLED="true") as running,  # possible for a Directus at DIRECTUS_URL
        DirectusClient(running.tool.environ["DIRECTUS_URL"], running.tool.settings) as client,
    ):
        before, kept = client.schema(), running.http.get("/fields").json()
        running.database.execute("UPDATE directus_fields SET note = 'edited' WHERE field = 'model'")
        assert running.http.get("/fields").json() == kept
        assert client.schema() != before


def test_pull_captures_a_change_byte_for_byte_and_push_applies_it_elsewhere(serve: Serving, tmp_path: Path) -> None:
    path = tmp_path / "new" / "schema.yaml"
    with serve("bootstrapped", "", small.pushed) as running:
        missing = running.tool("pull", "--dry-run", "--snapshot", path)
        assert (missing.code, f"  ~ {path}" in missing.out, path.exists()) == (3, True, False), missing.text
        assert running.tool("pull", "--snapshot", path).code == 0
        before = path.read_bytes()
        field(running, "vehicles", "colour", "string", meta={"note": "As painted"})
        shown = running.tool("pull", "--dry-run", "--snapshot", path)
        assert (shown.code, path.read_bytes()) == (3, before), shown.text
        assert shown.out.splitlines() == ["A pull would change:", "  + vehicles.colour  field, string"]
        pulled = running.tool.done("pull", "--snapshot", path)
        first, last = pulled.out.splitlines()
        assert (first, last.startswith("Pulled ")) == ("  + vehicles.colour  field, string", True)
        assert last.endswith(f"commit {path}")
        assert path.read_bytes() == running.export()
        assert running.tool("pull", "--snapshot", path).out.startswith("Nothing to pull")
        assert running.tool("push", "--snapshot", path).out.startswith("Nothing to push")
        captured = path.read_bytes()
        # Only git has this change, and a pull would lose it.
        edited(path, set_property("fields", "meta.note", "Registration", collection="vehicles", field="plate"))
        for options in (["--dry-run"], []):
            running.tool.refused("unpushed-file-changes", "pull", *options, "--snapshot", path)
        path.write_bytes(captured)

    # A push to an older database adds exactly this field, and keeps the rows.
    with serve("bootstrapped", "", small.pushed) as older:
        pushed = older.tool("push", "--snapshot", path)
        assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
        assert older.export() == path.read_bytes()
        assert older.database.rows("SELECT make, colour FROM vehicles") == [("Toyota", None)]


def test_an_edit_between_comparison_and_apply_is_not_overwritten(
    server: RunningDirectus, snapshot_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directus refuses the diff, because its hash does not include the edit."""
    notes = "SELECT collection, note FROM directus_fields WHERE (collection, field) IN (('devices', 'model'),"
    notes += " ('vehicles', 'plate')) ORDER BY 1"
    ((_, before), _) = server.database.rows(notes)
    apply = DirectusClient.apply

    def edit_then_apply(client: DirectusClient, *plan: Any) -> None:
        patched = server.http.patch("/fields/vehicles/plate", json={"meta": {"note": "As on the papers"}})
        assert patched.status_code == 200
        apply(client, *plan)

    monkeypatch.setattr(DirectusClient, "apply", edit_then_apply)
    path = edited(snapshot_file, set_property("fields", "meta.note", "Asset tag", collection="devices", field="model"))
    settings = dataclasses.replace(server.tool.settings, snapshot=path)
    with pytest.raises(ApplyFailed, match="hash does not match"):
        push.run(settings, Request(), Progress())
    assert server.database.rows(notes) == [("devices", before), ("vehicles", "As on the papers")]
    # The next run notices the edit.
    monkeypatch.undo()
    refused = server.tool("push", "--snapshot", path)
    assert (refused.code, "vehicles.plate (field; meta.note)" in refused.err) == (4, True), refused.text


HISTORY = "SELECT source, sha256 FROM directus_sync.snapshot_history ORDER BY id"


def test_an_equal_schema_in_another_format_is_recorded_once(server: RunningDirectus, snapshot_file: Path) -> None:
    before = server.database.rows(HISTORY)
    snapshot_file.write_text(yaml.safe_dump(snapshots.load(snapshot_file.read_bytes())), encoding="utf-8")
    recorded = [*before, ("push", hashlib.sha256(snapshot_file.read_bytes()).hexdigest())]
    for _ in range(2):
        assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")
        assert server.database.rows(HISTORY) == recorded
    server.database.execute("TRUNCATE directus_sync.snapshot_history")
    assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")
    assert server.database.rows(HISTORY) == recorded[-1:]


def with_json_without_special(document: Document) -> None:
    """Add a JSON field without `special`; Directus adds cast-json when it creates the column."""
    with_firmware(document)
    extra = document["fields"][-1]
    extra["type"] = extra["schema"]["data_type"] = "json"
    extra["schema"]["max_length"] = extra["meta"]["special"] = None


def test_push_corrects_a_special_that_directus_adds_to_a_new_field(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    worker = server.tool.with_settings(DIRECTUS_URL="")
    pushed = worker("push", "--snapshot", edited(snapshot_file, with_json_without_special))
    assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
    assert worker("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")


def test_the_tool_logs_in_with_email_and_password_and_out_again(server: RunningDirectus, snapshot_file: Path) -> None:
    by_password = server.tool.with_settings(ADMIN_TOKEN="")
    before = server.database.rows("SELECT token FROM directus_sessions ORDER BY token")
    assert by_password("diff", "--snapshot", snapshot_file).code == 0
    # The tool logged out again.
    assert server.database.rows("SELECT token FROM directus_sessions ORDER BY token") == before
    # Directus answers the two with different status codes.
    for setting in ({"ADMIN_PASSWORD": "not-the-password"}, {"ADMIN_EMAIL": "admin"}):
        wrong = by_password.with_settings(**setting)("diff", "--snapshot", snapshot_file)
        assert (wrong.code, "does not accept the e-mail and password" in wrong.err) == (2, True), wrong.text
        assert "check ADMIN_EMAIL and ADMIN_PASSWORD" in wrong.err
