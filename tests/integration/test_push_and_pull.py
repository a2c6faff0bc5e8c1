"""Push and pull against a real Directus: bytes come back equal, and nothing is lost."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from directus_sync.commands import push
from directus_sync.commands.planning import Request
from directus_sync.directus.client import DirectusClient
from directus_sync.directus.server import LEAN
from directus_sync.errors import ApplyFailed
from directus_sync.output import Progress
from tests.conftest import SNAPSHOT, Cloning, RunningDirectus, Serving, Tool, running_directus
from tests.snapshots import (
    drop_property,
    edited,
    set_property,
    without_collections,
    without_field,
    without_relation,
)

MODEL = {"collection": "devices", "field": "model"}


@pytest.fixture
def server(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus with rows in it, on a database of its own."""
    with serve("deployed") as running:
        organization = running.create("organizations", name="Motorsport Club Albania", slug="msc-albania")
        device = running.create("devices", imei="350000000000001", model="FMB920")
        running.create("organization_devices", organization_id=organization["id"], device_id=device["id"])
        yield running


REFUSED = {
    "a collection that is in Directus only": (
        [without_collections("entry_devices")],
        "unapproved-destruction",
        "entry_devices (0 rows)",
    ),
    "a field that is in Directus only": (
        [without_field("devices", "model")],
        "unapproved-destruction",
        "devices.model (field; 1 row)",
    ),
    "a relation that is in Directus only": (
        [without_relation("organization_devices", "device_id")],
        "unapproved-destruction",
        "organization_devices.device_id (relation)",
    ),
    "a shorter column": (
        [set_property("fields", "schema.max_length", 4, **MODEL)],
        "unapproved-destruction",
        "devices.model (field; schema.max_length; 1 row)",
    ),
    "a column turned into an alias": (
        [
            set_property("fields", "type", "alias", **MODEL),
            set_property("fields", "meta.special", ["alias", "no-data"], **MODEL),
            drop_property("fields", "schema", **MODEL),
        ],
        "unapproved-destruction",
        "devices.model (field; ",
    ),
    "an alias that kept its column": (
        [set_property("fields", "type", "alias", **MODEL)],
        "invalid-snapshot",
        "devices.model is an alias, and has a column",
    ),
    "an entry of a collection that lacks a property": (
        [drop_property("collections", "meta.note", collection="devices")],
        "incomplete-entry",
        "devices (meta.note)",
    ),
    "an entry of a collection that lacks its schema": (
        [drop_property("collections", "schema", collection="devices")],
        "incomplete-entry",
        "devices (schema)",
    ),
    "an entry of a field that lacks a property of its column": (
        [drop_property("fields", "schema.data_type", **MODEL)],
        "incomplete-entry",
        "devices.model (field; schema.data_type",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_push_that_would_lose_something_sends_nothing(
    server: RunningDirectus, snapshot_file: Path, case: str
) -> None:
    edits, error, item = REFUSED[case]
    before = server.database.contents()

    refused = server.tool("push", "--snapshot", edited(snapshot_file, *edits))

    assert refused.code == 4, refused.text
    assert f"error[{error}]" in refused.err
    assert item in refused.err
    assert server.database.contents() == before


OF_PLATE = {"collection": "vehicles", "field": "plate"}
OF_STATUS = {"collection": "entries", "field": "status"}
OF_EVENT = {"collection": "entries", "field": "event_id"}
# Other values, of all kinds and sections.
OTHERS = [
    set_property("collections", "meta.icon", "box", collection="vehicles"),
    set_property("collections", "meta.sort", None, collection="vehicles"),
    set_property("fields", "meta.note", "Asset tag", **OF_PLATE),
    set_property("fields", "meta.options", None, **OF_PLATE),
    set_property("fields", "schema.max_length", 300, **OF_PLATE),
    set_property("fields", "schema.is_nullable", False, **OF_PLATE),
    set_property("relations", "schema.on_delete", "SET NULL", **OF_EVENT),
    set_property("relations", "meta.one_deselect_action", "delete", **OF_EVENT),
]


def test_an_index_of_directus_s_own_that_was_dropped_comes_back_when_it_is_asked_for(server: RunningDirectus) -> None:
    """No list that Directus gives of its fields has it then, nor has any snapshot."""
    index = "SELECT to_regclass('directus_activity_timestamp_index') IS NOT NULL"
    server.database.execute("DROP INDEX directus_activity_timestamp_index")
    refused = server.tool("push", "--snapshot", SNAPSHOT)
    assert (refused.code, "error[uncaptured-live-work]" in refused.err) == (4, True), refused.text
    assert server.database.rows(index) == [(False,)]
    done = server.tool("push", "--snapshot", SNAPSHOT, "--discard-live", "directus_activity.timestamp")
    assert done.code == 0, done.text
    assert server.database.rows(index) == [(True,)]


@pytest.mark.parametrize("field", ["reach", "nothing"])
def test_an_index_of_what_is_not_directus_s_own_is_never_asked_for(
    server: RunningDirectus, snapshot_file: Path, field: str
) -> None:
    """Directus would alter the column: to a real, where it is a double."""
    server.database.execute("ALTER TABLE directus_users ADD COLUMN reach double precision DEFAULT 0.1")
    before = server.database.contents()
    entry = {"collection": "directus_users", "field": field, "schema": {"is_indexed": True}}
    path = edited(snapshot_file, lambda document: document["systemFields"].append(entry))
    refused = server.tool("push", "--snapshot", path)
    assert (refused.code, f"directus_users.{field}, which is not a field of Directus's own" in refused.err) == (4, True)
    assert str(path) in refused.err
    assert server.database.contents() == before


def test_a_default_that_json_does_not_have_is_no_difference(server: RunningDirectus, snapshot_file: Path) -> None:
    server.database.execute("ALTER TABLE devices ADD COLUMN reach double precision DEFAULT 'Infinity'")
    assert server.http.patch("/fields/devices/reach", json={"meta": {"note": "in km"}}).is_success
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    assert "default_value: .inf\n" in snapshot_file.read_text()
    same = server.tool("diff", "--snapshot", snapshot_file)
    assert same.code == 0, same.text


def test_diff_shows_what_a_push_would_change_and_exits_3(server: RunningDirectus, snapshot_file: Path) -> None:
    note = set_property("fields", "meta.note", "Asset tag", collection="vehicles", field="plate")
    path = edited(snapshot_file, note)
    shown = server.tool("diff", "--snapshot", path)
    assert shown.code == 3, shown.text
    assert shown.out.startswith("Plan: 0 to add, 1 to change, 0 to remove\n  ~ vehicles.plate")
    listed = json.loads(server.tool("diff", "--json", "--snapshot", path).out)
    assert (listed["version"], listed["change"], listed["items"][0]["id"]) == (1, 1, "vehicles.plate")
    checked = server.tool("check", "--snapshot", path)
    assert (checked.code, "vehicles.plate" in checked.out) == (3, True)


def test_an_answer_that_directus_kept_is_not_taken_for_its_schema(
    clone: Cloning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LEAN, "CACHE_ENABLED", "true")  # as one at DIRECTUS_URL may have it
    with (
        running_directus(Tool(clone("deployed"))) as running,
        DirectusClient(running.tool.environ["DIRECTUS_URL"], running.tool.settings) as client,
    ):
        before, kept = client.schema(), running.http.get("/fields").json()
        running.database.execute("UPDATE directus_fields SET note = 'edited' WHERE field = 'model'")
        assert running.http.get("/fields").json() == kept
        assert client.schema() != before


def test_a_change_made_in_directus_is_captured_byte_for_byte(serve: Serving, tmp_path: Path) -> None:
    with serve("deployed") as running:
        path = tmp_path / "new" / "schema.yaml"
        field = {"field": "colour", "type": "string", "meta": {"note": "As painted"}, "schema": {}}
        assert running.http.post("/fields/vehicles", json=field).status_code == 200

        pulled = running.tool("pull", "--snapshot", path)

        assert pulled.code == 0, pulled.text
        assert path.read_bytes() == running.export()
        assert running.tool("pull", "--snapshot", path).out.startswith("Nothing to pull")
        assert running.tool("push", "--snapshot", path).out.startswith("Nothing to push")

    # And it goes to an older database, with its rows, as one new field.
    with serve("deployed") as older:
        older.create("vehicles", make="Toyota", model="Land Cruiser")
        pushed = older.tool("push", "--snapshot", path)
        assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
        assert older.export() == path.read_bytes()
        assert older.database.rows("SELECT make, colour FROM vehicles") == [("Toyota", None)]


def test_what_is_edited_between_comparison_and_reading_stays(
    server: RunningDirectus, snapshot_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Directus refuses the plan, which does not know of the edit."""
    notes = "SELECT collection, note FROM directus_fields WHERE (collection, field) IN (('devices', 'model'),"
    notes += " ('vehicles', 'plate')) ORDER BY 1"
    ((_, before), _) = server.database.rows(notes)
    read = DirectusClient.schema

    def edit_then_read(client: DirectusClient) -> object:
        patched = server.http.patch("/fields/vehicles/plate", json={"meta": {"note": "As on the papers"}})
        assert patched.status_code == 200
        return read(client)

    monkeypatch.setattr(DirectusClient, "schema", edit_then_read)
    choices = {"choices": [{"text": "Registered", "value": "registered"}]}
    shorter = set_property("fields", "meta.options", choices, **OF_STATUS)
    path = edited(snapshot_file, set_property("fields", "meta.note", "Asset tag", **MODEL), shorter)
    settings = dataclasses.replace(server.tool.settings, snapshot=path)
    with pytest.raises(ApplyFailed, match="hash does not match"):
        push.run(settings, Request(), Progress())
    assert server.database.rows(notes) == [("devices", before), ("vehicles", "As on the papers")]
    # And the next run knows of it.
    monkeypatch.undo()
    refused = server.tool("push", "--snapshot", path)
    assert (refused.code, "vehicles.plate (field; meta.note)" in refused.err) == (4, True), refused.text
    assert server.tool("push", "--discard-live", "vehicles.plate").code == 0


HISTORY = "SELECT source, sha256 FROM directus_sync.snapshot_history ORDER BY id"


def test_the_same_schema_in_other_bytes_is_recorded_once(server: RunningDirectus, snapshot_file: Path) -> None:
    before = server.database.rows(HISTORY)
    snapshot_file.write_text(yaml.safe_dump(yaml.safe_load(snapshot_file.read_bytes())), encoding="utf-8")
    recorded = [*before, ("push", hashlib.sha256(snapshot_file.read_bytes()).hexdigest())]
    for _ in range(2):
        assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")
        assert server.database.rows(HISTORY) == recorded


def test_without_a_base_a_file_that_says_what_directus_says_is_recorded(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    server.database.execute("TRUNCATE directus_sync.snapshot_history")
    with snapshot_file.open("ab") as file:
        file.write(b"# by hand\n")
    assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")
    assert server.database.rows(HISTORY) == [("push", hashlib.sha256(snapshot_file.read_bytes()).hexdigest())]


def test_pull_leaves_the_file_alone_when_it_fails(server: RunningDirectus, snapshot_file: Path) -> None:
    refused = server.tool.with_settings(DIRECTUS_TOKEN="not-the-admins-token")("pull", "--snapshot", snapshot_file)
    assert refused.code == 2, refused.text
    assert snapshot_file.read_bytes() == SNAPSHOT.read_bytes()
    assert [path.name for path in snapshot_file.parent.iterdir()] == ["schema.yaml"]


def test_log_in_works_by_e_mail_and_password(server: RunningDirectus) -> None:
    by_password = server.tool.with_settings(ADMIN_TOKEN="")
    before = server.database.rows("SELECT token FROM directus_sessions ORDER BY token")
    assert by_password("diff").code == 0
    # It logged out again.
    assert server.database.rows("SELECT token FROM directus_sessions ORDER BY token") == before
    # Directus takes the second for a bad request, and the first not.
    for setting in ({"ADMIN_PASSWORD": "not-the-password"}, {"ADMIN_EMAIL": "admin"}):
        wrong = by_password.with_settings(**setting)("diff")
        assert (wrong.code, "does not accept the e-mail and password" in wrong.err) == (2, True), wrong.text
        assert "check ADMIN_EMAIL and ADMIN_PASSWORD" in wrong.err
