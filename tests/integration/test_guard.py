"""What the guard allows and refuses, on real servers. Each test checks the command's outcome and the rows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import small, snapshots
from tests.conftest import SNAPSHOT, RunningDirectus, Serving
from tests.making import collection, field, key
from tests.snapshots import (
    Document,
    Edit,
    drop_property,
    edited,
    set_property,
    without_collections,
    without_field,
    without_relation,
)

NOTE = {"collection": "vehicles", "field": "plate"}
DEVICE = {"collection": "devices", "field": "model"}


@pytest.fixture
def server(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus with a small schema, a vehicle and a device, restored if the last test changed it."""
    with serve("bootstrapped", "", small.pushed) as running:
        yield running


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    return small.file(tmp_path)


def change_on_the_server(running: RunningDirectus, note: str) -> None:
    response = running.http.patch("/fields/vehicles/plate", json={"meta": {"note": note}})
    assert response.status_code == 200, response.text


def test_push_applies_a_change_from_git_and_names_approvals_that_match_nothing(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    snapshot_file.with_name("removals.yaml").write_text(
        "- item: vehicles.make\n  reason: still in the file\n", encoding="utf-8"
    )
    pushed = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.typo")
    assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
    assert "the approval of vehicles.typo matches no change" in pushed.err
    assert "approves removing vehicles.make, which the snapshot still has" in pushed.err
    assert server.http.get("/fields/vehicles/plate").json()["data"]["meta"]["note"] == "Registration"
    assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")


# The text about an item in the message, and the edit of the file that causes it.
DESTRUCTIONS: dict[str, Edit] = {
    "organization_vehicles (0 rows)": without_collections("organization_vehicles"),
    "vehicles.plate (field; 1 row)": without_field("vehicles", "plate"),
    "organization_devices.device_id (relation)": without_relation("organization_devices", "device_id"),
    "devices.model (field; ": lambda document: becomes_an_alias(document, **DEVICE),
}


def becomes_an_alias(document: Document, **keys: str) -> None:
    set_property("fields", "type", "alias", **keys)(document)
    set_property("fields", "meta.special", ["alias", "no-data"], **keys)(document)
    drop_property("fields", "schema", **keys)(document)


def test_push_refuses_unapproved_removals_and_prints_the_approvals(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    before = server.database.contents()
    refused = server.tool.refused(
        "unapproved-destruction", "push", "--snapshot", edited(snapshot_file, *DESTRUCTIONS.values())
    )
    for item in DESTRUCTIONS:
        assert item in refused.err
        assert f"- item: {item.partition(' ')[0]}" in refused.err
    assert server.database.contents() == before


INCOMPLETE = {
    "devices (meta.note)": drop_property("collections", "meta.note", collection="devices"),
    "vehicles (schema)": drop_property("collections", "schema", collection="vehicles"),
    "devices.model (field; schema.data_type": drop_property("fields", "schema.data_type", **DEVICE),
    "organizations.slug (field; schema": drop_property("fields", "schema", collection="organizations", field="slug"),
}


def test_push_refuses_incomplete_entries_despite_any_approval(server: RunningDirectus, snapshot_file: Path) -> None:
    """Directus issue 27877, and the same for fields: Directus would drop the table or column."""
    edited(snapshot_file, *INCOMPLETE.values())
    before = server.database.contents()
    names = "devices,vehicles,devices.model,organizations.slug"
    refused = server.tool.refused(
        "incomplete-entry", "push", "--snapshot", snapshot_file, "--allow-destroy", names, "--discard-live", names
    )
    assert "27877" in refused.err
    for item in INCOMPLETE:
        assert item in refused.err
    assert server.database.contents() == before


def test_push_does_not_overwrite_a_change_made_on_the_server(server: RunningDirectus, snapshot_file: Path) -> None:
    change_on_the_server(server, "As on the papers")
    before, committed = server.database.contents(), snapshot_file.read_bytes()
    for edit, error, item in (
        (set_property("fields", "meta.note", "Registration", **NOTE), "conflict", "vehicles.plate (field; meta.note)"),
        (None, "uncaptured-live-work", "vehicles.plate"),
    ):
        snapshot_file.write_bytes(committed)
        refused = server.tool("push", "--snapshot", edited(snapshot_file, edit) if edit else snapshot_file)
        assert refused.code == 4, refused.text
        assert f"error[{error}]" in refused.err
        assert item in refused.err
    assert server.database.contents() == before

    checked = server.tool("check", "--snapshot", snapshot_file)
    assert checked.code == 3
    assert "changed by the server" in checked.out
    assert "directus-sync pull captures" in checked.out

    server.tool.done("push", "--snapshot", snapshot_file, "--discard-live", "vehicles.plate")
    assert server.http.get("/fields/vehicles/plate").json()["data"]["meta"]["note"] == _note(SNAPSHOT)


def test_push_restores_and_names_a_field_deleted_by_hand(server: RunningDirectus, snapshot_file: Path) -> None:
    assert server.http.delete("/fields/vehicles/vin").status_code == 204
    pushed = server.tool.done("push", "--snapshot", snapshot_file)
    assert "+ vehicles.vin  field, string; was removed on the server, comes back" in pushed.err
    assert server.database.rows("SELECT make, vin FROM vehicles") == [("Toyota", None)]


def test_a_field_renamed_in_the_admin_ui_keeps_its_rows(server: RunningDirectus, snapshot_file: Path) -> None:
    """Directus has no rename: people create a new field, fill it, and delete the old one."""
    field(server, "vehicles", "licence_plate", "string")
    server.database.execute("UPDATE vehicles SET licence_plate = plate")
    assert server.http.delete("/fields/vehicles/plate").status_code == 204
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "1 field exists in Directus and in no snapshot" in refused.err
    assert "vehicles.licence_plate (field; 1 row)" in refused.err
    assert server.database.rows("SELECT licence_plate FROM vehicles") == [("AA 301 BB",)]


def test_two_developers_do_not_undo_each_other(server: RunningDirectus, tmp_path: Path) -> None:
    """Both start from one commit and add a collection. The second deploy without the other's commit is refused."""
    mine = small.file(tmp_path / "mine")
    collection(server, "fuel_stops", key())
    assert server.tool("pull", "--snapshot", mine).code == 0
    server.create("fuel_stops")
    theirs = tmp_path / "theirs" / "schema.yaml"
    theirs.parent.mkdir()
    theirs.write_text(mine.read_text().replace("fuel_stops", "wash_points"))

    def refused(branch: Path, other: str) -> None:
        before = server.export()
        done = server.tool.refused("unapproved-destruction", "push", "--snapshot", branch)
        assert f"{other} (1 row)" in done.err
        assert "git pull" in done.err
        assert server.export() == before
        assert server.database.value(f"SELECT count(*) FROM {other}") == 1

    refused(theirs, "fuel_stops")

    # The second developer merges the first one's file.
    merged = edited(Path(shutil.copy(mine, tmp_path)), _also(theirs))
    assert server.tool("push", "--snapshot", merged).code == 0
    server.create("wash_points")
    refused(mine, "wash_points")

    # A removal that was never pushed looks the same, so the first developer's pull is refused until he merges.
    server.tool.refused("unpushed-file-changes", "pull", "--snapshot", mine)
    assert server.tool("push", "--snapshot", merged).out.startswith("Nothing to push")
    assert server.database.value("SELECT (SELECT count(*) FROM fuel_stops) + (SELECT count(*) FROM wash_points)") == 2


def test_an_approved_removal_leaves_a_copy_in_the_attic(server: RunningDirectus, snapshot_file: Path) -> None:
    committed = snapshot_file.read_bytes()
    edited(snapshot_file, without_field("vehicles", "plate"))
    removals = snapshot_file.with_name("removals.yaml")
    removals.write_text("# reviewed\n- item: vehicles.plate\n  reason: nobody reads it\n", encoding="utf-8")
    # Rows added after the approval are kept too.
    server.create("vehicles", make="Honda", model="CRF 450", plate="AA 042 CC")

    shown = server.tool("diff", "--snapshot", snapshot_file)
    assert "approved: nobody reads it" in shown.out
    server.tool.done("push", "--snapshot", snapshot_file)

    copies = json.loads(server.tool("attic", "list", "--json").out)["copies"]
    assert [(copy["item"], copy["rows"]) for copy in copies] == [("vehicles.plate", 2)]

    # The next run does not mention the approval, because it is used up.
    assert server.tool("push", "--snapshot", snapshot_file).err == ""
    assert server.tool("prune", "--snapshot", snapshot_file).out == "Pruned vehicles.plate; commit it\n"
    assert removals.read_text(encoding="utf-8") == "# reviewed\n"

    # Undo the removal: the field comes from git, the values from the attic.
    snapshot_file.write_bytes(committed)
    assert server.tool("push", "--snapshot", snapshot_file).code == 0
    server.tool.done("attic", "restore", str(copies[0]["id"]))
    assert server.database.rows("SELECT make, plate FROM vehicles ORDER BY 1") == [
        ("Honda", "AA 042 CC"),
        ("Toyota", "AA 301 BB"),
    ]


def test_push_refuses_a_change_until_the_rows_fit(server: RunningDirectus, snapshot_file: Path) -> None:
    server.create("vehicles", make="KTM", model="450 EXC", plate="A1")
    server.create("vehicles", make="KTM", model="450 EXC", plate="A1")
    server.create("vehicles", make="KTM", model="450 EXC")
    before, committed = server.database.contents(), snapshot_file.read_bytes()
    approved = ["--allow-destroy", "vehicles.plate"]
    edits = {
        "max_length": (4, [], "1 row"),
        "is_nullable": (False, approved, "1 row"),
        "is_unique": (True, [], "2 rows"),
    }
    for name, (value, options, rows) in edits.items():
        snapshot_file.write_bytes(committed)
        edited(snapshot_file, set_property("fields", f"schema.{name}", value, **NOTE))
        refused = server.tool("push", "--snapshot", snapshot_file, *options)
        assert refused.code == 4, refused.text
        # An approval allows losing values. It does not help if rows violate the new column.
        assert ("error[rows-do-not-fit]" in refused.err) == (name != "max_length")
        keys = "" if name == "max_length" else "; id "
        assert f"vehicles.plate (field; schema.{name}; {rows}{keys}" in refused.err
        assert server.database.contents() == before

    server.database.execute("UPDATE vehicles SET plate = left(gen_random_uuid()::text, 4)")
    edited(snapshot_file, *(set_property("fields", f"schema.{name}", edit[0], **NOTE) for name, edit in edits.items()))
    server.tool.done("push", "--snapshot", snapshot_file)
    assert server.database.value("SELECT count(DISTINCT plate) FROM vehicles") == 4


@pytest.mark.slow
def test_push_transfers_a_key_inside_a_collection_s_translations(
    server: RunningDirectus, snapshot_file: Path, tmp_path: Path
) -> None:
    """Directus itself would answer 400 if the key is added, and drop the table if it is missing."""
    short = [{"language": "en-US", "translation": "Devices"}]
    paths = (snapshot_file, tmp_path / "next.yaml")
    for value, path in zip((short, [{**short[0], "singular": "Device"}]), paths, strict=True):
        answer = server.http.patch("/collections/devices", json={"meta": {"translations": value}})
        assert answer.status_code == 200, answer.text
        assert server.tool("pull", "--snapshot", path).code == 0
    # The server equals the second file.
    for path in paths:
        pushed = server.tool("push", "--snapshot", path)
        assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
        assert server.export() == path.read_bytes()
    assert server.database.value("SELECT count(*) FROM devices") == 1


def test_push_does_not_suggest_dropping_a_table_that_directus_excludes(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    blind = server.tool.with_settings(DIRECTUS_URL="", DB_EXCLUDE_TABLES="vehicles")
    refused = blind.refused("name-taken", "push", "--only", "schema", "--snapshot", snapshot_file)
    assert "make the table of vehicles visible to Directus: check DB_EXCLUDE_TABLES" in refused.err
    assert "drop" not in refused.err


def test_the_sql_in_the_message_restores_a_dropped_foreign_key(server: RunningDirectus, snapshot_file: Path) -> None:
    key = "organization_devices_device_id_foreign"
    there = "SELECT count(*) FROM pg_constraint WHERE conname = %s"
    server.database.execute(f"ALTER TABLE organization_devices DROP CONSTRAINT {key}")
    refused = server.tool.refused("incomplete-entry", "push", "--snapshot", snapshot_file)
    (step,) = re.findall(r"was dropped by SQL: (ALTER TABLE .*)", refused.err)
    server.database.execute(step)
    assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")
    assert server.database.value(there, key) == 1


def test_push_names_an_unlisted_constraint_on_a_removed_column_and_obeys_no_attic(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    server.database.execute("ALTER TABLE vehicles ADD CONSTRAINT by_hand UNIQUE (make, plate)")
    edited(snapshot_file, without_field("vehicles", "plate"))
    pushed = server.tool.done("push", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate", "--no-attic")
    assert "1 row at risk; takes along constraint vehicles.by_hand; named by " in pushed.err
    assert server.tool("attic", "list").out == "The attic is empty\n"


@pytest.mark.slow
def test_push_refuses_a_required_field_without_default_if_there_are_rows(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    field(server, "vehicles", "owner", "string", schema={"is_nullable": False, "default_value": "club"})
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    assert server.http.delete("/fields/vehicles/owner").status_code == 204
    owner = {"collection": "vehicles", "field": "owner"}
    content = snapshot_file.read_bytes()
    edited(snapshot_file, set_property("fields", "schema.default_value", None, **owner))
    refused = server.tool.refused("rows-do-not-fit", "push", "--snapshot", snapshot_file)
    assert "vehicles.owner (field; 1 row)" in refused.err
    snapshot_file.write_bytes(content)
    server.tool.done("push", "--snapshot", snapshot_file)
    assert server.database.rows("SELECT owner FROM vehicles") == [("club",)]


@pytest.mark.slow
def test_push_refuses_an_edit_that_would_make_directus_change_the_column_type(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    """An edit of a field with a default makes Directus alter the column to the type that it would have chosen."""
    server.database.execute("ALTER TABLE devices ADD reach double precision DEFAULT 0, ADD fits real DEFAULT 0")
    server.database.execute("UPDATE devices SET reach = 41.327546123456, fits = 41.5")
    server.forget()
    for name in ("reach", "fits"):
        assert server.http.patch(f"/fields/devices/{name}", json={"meta": {"note": "in km"}}).status_code == 200
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    notes = [
        set_property("fields", "meta.note", "in metres", collection="devices", field=field)
        for field in ("reach", "fits")
    ]
    edited(snapshot_file, *notes)
    # Rows that fit and approvals do not help: Directus could never equal the file.
    for kept, options in (("41.327546123456", ["--allow-destroy", "devices.reach"]), ("41", [])):
        server.database.execute(f"UPDATE devices SET reach = {kept}")
        refused = server.tool.refused("not-rebuildable", "push", "--snapshot", snapshot_file, *options)
        said = "double precision in the file, and real by Directus"
        assert f"devices.reach (field; meta.note; {said})" in refused.err
        assert "devices.fits" not in refused.err
        assert server.database.value("SELECT reach::text FROM devices") == kept

    # The workaround in docs/errors.md: without a default Directus does not alter the column.
    server.database.execute("ALTER TABLE devices ALTER reach DROP DEFAULT; UPDATE devices SET reach = 41.327546123456")
    assert server.tool("pull", "--snapshot", snapshot_file, "--overwrite").code == 0
    edited(snapshot_file, *notes)
    pushed = server.tool("push", "--snapshot", snapshot_file)
    assert (pushed.code, pushed.out) == (0, "Pushed 2 changes\n"), pushed.text
    assert server.database.rows("SELECT reach::text, fits::text FROM devices") == [("41.327546123456", "41.5")]


def test_adopt_records_the_base_of_a_database_without_one(server: RunningDirectus, snapshot_file: Path) -> None:
    server.database.execute("TRUNCATE directus_sync.snapshot_history")
    change_on_the_server(server, "As on the papers")
    collection(server, "sponsors", key())
    refused = server.tool.refused("uncaptured-live-work", "push", "--snapshot", snapshot_file)

    before = server.database.contents()
    refused = server.tool("adopt")
    assert (refused.code, "this was not confirmed" in refused.err) == (2, True), refused.text
    shown = server.tool("adopt", "--dry-run")
    assert shown.code == 3, shown.text
    assert "as the base; it changes no collection and no row" in shown.out
    assert server.database.contents() == before
    adopted = server.tool.done("adopt", "--yes")
    assert adopted.out.startswith(f"Adopted {len(small.COLLECTIONS) + 1} collections")
    assert "sponsors" in adopted.out
    assert server.tool("adopt", "--yes").out.startswith("Nothing to adopt")

    # Adopting later changes would make them look as if they came from git.
    collection(server, "helpers", key())
    again = server.tool.refused("already-adopted", "adopt", "--yes")
    assert "directus-sync pull" in again.err
    assert server.http.delete("/collections/helpers").status_code == 204

    # The base now has everything on the server, so what git lacks counts as a removal that needs an approval.
    again = server.tool.refused("unapproved-destruction", "push", "--snapshot", snapshot_file)
    server.tool.done("pull", "--snapshot", snapshot_file, "--overwrite")
    assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")


def test_pull_does_not_overwrite_changes_that_were_never_pushed(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    before = snapshot_file.read_bytes()
    refused = server.tool.refused("unpushed-file-changes", "pull", "--snapshot", snapshot_file)
    assert "vehicles.plate" in refused.err
    assert snapshot_file.read_bytes() == before

    # A change that only the server made is no reason to refuse.
    edited(snapshot_file, set_property("fields", "meta.note", _note(SNAPSHOT), **NOTE))
    change_on_the_server(server, "As on the papers")
    server.tool.done("pull", "--snapshot", snapshot_file)
    assert snapshot_file.read_bytes() == server.export()


def test_a_saved_plan_is_applied_exactly_or_not_at_all(
    server: RunningDirectus, snapshot_file: Path, tmp_path: Path
) -> None:
    edited(snapshot_file, without_field("vehicles", "plate"))
    plan = tmp_path / "plan.json"
    saved = server.tool("diff", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate", "--out", plan)
    assert saved.code == 3, saved.text

    # The server changed.
    field(server, "vehicles", "colour", "string")
    server.tool.refused("stale-plan", "push", "--snapshot", snapshot_file, "--plan", plan)
    assert server.http.delete("/fields/vehicles/colour").status_code == 204

    # The file changed.
    content = snapshot_file.read_bytes()
    edited(snapshot_file, set_property("collections", "meta.note", "x", collection="devices"))
    server.tool.refused("stale-plan", "push", "--snapshot", snapshot_file, "--plan", plan)
    snapshot_file.write_bytes(content)

    server.tool.done("push", "--snapshot", snapshot_file, "--plan", plan)
    assert "plate" not in {entry["field"] for entry in server.http.get("/fields/vehicles").json()["data"]}


def _also(branch: Path) -> Edit:
    """Add the collections and fields of another branch."""
    theirs = snapshots.load(branch.read_bytes())

    def edit(document: Document) -> None:
        for section in ("collections", "fields"):
            document[section] += [entry for entry in theirs[section] if entry not in document[section]]

    return edit


def _note(path: Path) -> object:
    fields = snapshots.load(path.read_bytes())["fields"]
    (note,) = (e["meta"]["note"] for e in fields if (e["collection"], e["field"]) == ("vehicles", "plate"))
    return note
