"""Push and pull against a real Directus: bytes come back equal, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SNAPSHOT, RunningDirectus, Serving
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


def test_pull_leaves_the_file_alone_when_it_fails(server: RunningDirectus, snapshot_file: Path) -> None:
    refused = server.tool.with_settings(DIRECTUS_TOKEN="not-the-admins-token")("pull", "--snapshot", snapshot_file)
    assert refused.code == 2, refused.text
    assert snapshot_file.read_bytes() == SNAPSHOT.read_bytes()
    assert [path.name for path in snapshot_file.parent.iterdir()] == ["schema.yaml"]


def test_log_in_works_by_e_mail_and_password(server: RunningDirectus) -> None:
    by_password = server.tool.with_settings(ADMIN_TOKEN="")
    assert by_password("diff").code == 0
    wrong = by_password.with_settings(ADMIN_PASSWORD="not-the-password")("diff")
    assert (wrong.code, "does not accept the e-mail and password" in wrong.err) == (2, True), wrong.text
