"""What the guard lets pass and what it stops, against the real servers: outcome and rows are looked at after each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from directus_sync.schema.snapshot import Snapshot
from tests.conftest import SNAPSHOT, RunningDirectus, Serving, Tool, running_directus
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


@pytest.fixture
def server(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus of a deployed database with a vehicle and a device in it."""
    with serve("deployed") as running:
        running.create("vehicles", make="Toyota", model="Land Cruiser", plate="AA 301 BB")
        running.create("devices", imei="350000000000001", model="FMB920")
        yield running


def _file(folder: Path, name: str = "schema.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(SNAPSHOT, folder / name))


def _changed_on_the_server(running: RunningDirectus, note: str) -> None:
    response = running.http.patch("/fields/vehicles/plate", json={"meta": {"note": note}})
    assert response.status_code == 200, response.text


def test_a_change_made_in_git_is_applied(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    pushed = server.tool("push", "--snapshot", snapshot_file)
    assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
    assert server.http.get("/fields/vehicles/plate").json()["data"]["meta"]["note"] == "Registration"
    assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")


def test_a_change_made_on_the_server_is_not_overwritten(server: RunningDirectus) -> None:
    _changed_on_the_server(server, "As on the papers")
    refused = server.tool("push")
    assert refused.code == 4, refused.text
    assert "error[uncaptured-live-work]: 1 field was made or changed in Directus and never captured" in refused.err
    assert "vehicles.plate" in refused.err
    assert server.http.get("/fields/vehicles/plate").json()["data"]["meta"]["note"] == "As on the papers"

    checked = server.tool("check")
    assert checked.code == 3
    assert "changed by the server" in checked.out
    assert "directus-sync pull captures" in checked.out

    discarded = server.tool("push", "--discard-live", "vehicles.plate")
    assert discarded.code == 0, discarded.text
    assert server.http.get("/fields/vehicles/plate").json()["data"]["meta"]["note"] != "As on the papers"


def test_a_change_made_on_both_sides_is_a_conflict(server: RunningDirectus, snapshot_file: Path) -> None:
    _changed_on_the_server(server, "As on the papers")
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "error[conflict]" in refused.err
    assert "vehicles.plate (field; meta.note)" in refused.err
    assert server.http.get("/fields/vehicles/plate").json()["data"]["meta"]["note"] == "As on the papers"


def test_two_properties_of_one_field_are_judged_apart(server: RunningDirectus, snapshot_file: Path) -> None:
    _changed_on_the_server(server, "As on the papers")
    edited(snapshot_file, set_property("fields", "meta.width", "full", **NOTE))
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "error[uncaptured-live-work]" in refused.err
    assert "vehicles.plate (field; meta.note)" in refused.err


def test_what_was_deleted_by_hand_comes_back_and_is_named(server: RunningDirectus) -> None:
    assert server.http.delete("/fields/vehicles/vin").status_code == 204
    pushed = server.tool("push")
    assert pushed.code == 0, pushed.text
    assert "+ vehicles.vin  field, string; was removed on the server, comes back" in pushed.err
    assert server.database.rows("SELECT make, vin FROM vehicles") == [("Toyota", None)]


def test_a_field_renamed_in_the_admin_ui_keeps_its_rows(server: RunningDirectus) -> None:
    """There is no rename in Directus: a field is made anew, filled, and the old one deleted."""
    field = {"field": "licence_plate", "type": "string", "schema": {}, "meta": {}}
    assert server.http.post("/fields/vehicles", json=field).status_code == 200
    server.database.execute("UPDATE vehicles SET licence_plate = plate")
    assert server.http.delete("/fields/vehicles/plate").status_code == 204
    refused = server.tool("push")
    assert refused.code == 4, refused.text
    assert "1 field exists in Directus and in no snapshot" in refused.err
    assert "vehicles.licence_plate (field; 1 row)" in refused.err
    assert server.database.rows("SELECT licence_plate FROM vehicles") == [("AA 301 BB",)]


def test_two_developers_do_not_undo_each_other(server: RunningDirectus, tmp_path: Path) -> None:
    """Both start from one commit and add a collection; whoever deploys second, without the other's, is refused."""
    mine = _file(tmp_path / "mine")
    assert server.http.post("/collections", json=_collection("fuel_stops")).status_code == 200
    assert server.tool("pull", "--snapshot", mine).code == 0
    server.create("fuel_stops")
    theirs = tmp_path / "theirs" / "schema.yaml"
    theirs.parent.mkdir()
    theirs.write_text(mine.read_text().replace("fuel_stops", "wash_points"))

    def refused(branch: Path, other: str) -> None:
        before = server.export()
        done = server.tool("push", "--snapshot", branch)
        assert done.code == 4, done.text
        assert "error[unapproved-destruction]" in done.err
        assert f"{other} (1 row)" in done.err
        assert "git pull" in done.err
        assert server.export() == before
        assert server.database.value(f"SELECT count(*) FROM {other}") == 1

    refused(theirs, "fuel_stops")

    # They merged mine.
    merged = edited(Path(shutil.copy(mine, tmp_path)), _also(theirs))
    assert server.tool("push", "--snapshot", merged).code == 0
    server.create("wash_points")
    refused(mine, "wash_points")

    # A removal that was never pushed looks the same, so my pull asks; with git's merge we are of one mind.
    pulled = server.tool("pull", "--snapshot", mine)
    assert pulled.code == 4, pulled.text
    assert "error[unpushed-file-changes]" in pulled.err
    assert server.tool("push", "--snapshot", merged).out.startswith("Nothing to push")
    assert server.database.value("SELECT (SELECT count(*) FROM fuel_stops) + (SELECT count(*) FROM wash_points)") == 2


def test_an_unapproved_removal_is_refused_with_what_to_write(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, without_field("vehicles", "plate"))
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "error[unapproved-destruction]" in refused.err
    assert "vehicles.plate (field; 1 row)" in refused.err
    assert "- item: vehicles.plate" in refused.err
    assert server.database.rows("SELECT plate FROM vehicles") == [("AA 301 BB",)]


def test_an_approved_removal_goes_and_leaves_a_copy(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, without_field("vehicles", "plate"))
    removals = snapshot_file.with_name("removals.yaml")
    removals.write_text("# reviewed\n- item: vehicles.plate\n  reason: nobody reads it\n", encoding="utf-8")
    # Rows that came after the approval was written are kept like all others.
    server.create("vehicles", make="Honda", model="CRF 450", plate="AA 042 CC")

    shown = server.tool("diff", "--snapshot", snapshot_file)
    assert "approved: nobody reads it" in shown.out
    pushed = server.tool("push", "--snapshot", snapshot_file)
    assert pushed.code == 0, pushed.text

    copies = json.loads(server.tool("attic", "list", "--json").out)["copies"]
    assert [(copy["item"], copy["rows"]) for copy in copies] == [("vehicles.plate", 2)]

    # The plan of the next run does not mention it, and the approval is spent.
    assert server.tool("push", "--snapshot", snapshot_file).err == ""
    assert server.tool("prune", "--snapshot", snapshot_file).out == "Pruned vehicles.plate; commit it\n"
    assert removals.read_text(encoding="utf-8") == "# reviewed\n"

    # Taken back: the field from git, the values from the attic.
    assert server.tool("push").code == 0
    restored = server.tool("attic", "restore", str(copies[0]["id"]))
    assert restored.code == 0, restored.text
    assert server.database.rows("SELECT make, plate FROM vehicles ORDER BY 1") == [
        ("Honda", "AA 042 CC"),
        ("Toyota", "AA 301 BB"),
    ]


def test_a_collection_destroyed_with_approval_comes_back_byte_for_byte(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    before = server.database.rows("SELECT vehicles::text FROM vehicles ORDER BY id")
    edited(snapshot_file, without_collections("vehicles", "organization_vehicles"))
    edited(snapshot_file, without_field("entries", "vehicle_id"))
    names = "vehicles,organization_vehicles,entries.vehicle_id"
    destroyed = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", names)
    assert destroyed.code == 0, destroyed.text
    assert server.database.value("SELECT to_regclass('public.vehicles')") is None

    assert server.tool("push").code == 0
    assert server.database.value("SELECT count(*) FROM vehicles") == 0
    copies = json.loads(server.tool("attic", "list", "--json").out)["copies"]
    (copy,) = (copy["id"] for copy in copies if copy["item"] == "vehicles")
    restored = server.tool("attic", "restore", str(copy))
    assert restored.code == 0, restored.text
    assert server.database.rows("SELECT vehicles::text FROM vehicles ORDER BY id") == before


def test_no_copy_is_taken_when_told_so(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, without_field("vehicles", "plate"))
    pushed = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate", "--no-attic")
    assert pushed.code == 0, pushed.text
    assert server.tool("attic", "list").out == "The attic is empty\n"


def test_an_approval_that_matches_nothing_is_reported(server: RunningDirectus, snapshot_file: Path) -> None:
    snapshot_file.with_name("removals.yaml").write_text(
        "- item: vehicles.make\n  reason: still in the file\n", encoding="utf-8"
    )
    pushed = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.typo")
    assert pushed.code == 0, pushed.text
    assert "the approval of vehicles.typo matches nothing" in pushed.err
    assert "approves removing vehicles.make, which the snapshot still has" in pushed.err


@pytest.mark.parametrize(
    "text",
    [
        "vehicles.plate",
        "- vehicles.plate",
        "- item: vehicles.plate",
        "- item: a\n  reason: ''",
        "- {item: [a]",
        "\tx",
        "- {{item}}: b",
        "[" * 2000,
    ],
)
def test_a_file_of_approvals_that_is_none(server: RunningDirectus, snapshot_file: Path, text: str) -> None:
    snapshot_file.with_name("removals.yaml").write_text(text, encoding="utf-8")
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 2, refused.text
    assert "error[invalid-removals]" in refused.err
    assert str(snapshot_file.with_name("removals.yaml")) in refused.err


def test_a_shorter_column_over_longer_values_is_refused(server: RunningDirectus, snapshot_file: Path) -> None:
    server.create("vehicles", make="KTM", model="450 EXC", plate="A1")
    shorter = set_property("fields", "schema.max_length", 4, **NOTE)
    edited(snapshot_file, shorter)
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "vehicles.plate (field; schema.max_length; 1 row)" in refused.err
    assert server.database.rows("SELECT plate FROM vehicles ORDER BY 1") == [("A1",), ("AA 301 BB",)]

    # With the one value that is too long changed, nothing is at risk.
    server.database.execute("UPDATE vehicles SET plate = 'A2' WHERE plate = 'AA 301 BB'")
    pushed = server.tool("push", "--snapshot", snapshot_file)
    assert pushed.code == 0, pushed.text
    assert server.database.rows("SELECT plate FROM vehicles ORDER BY 1") == [("A1",), ("A2",)]


def test_a_required_field_over_nulls_is_refused(server: RunningDirectus, snapshot_file: Path) -> None:
    server.create("vehicles", make="KTM", model="450 EXC")
    edited(snapshot_file, set_property("fields", "schema.is_nullable", False, **NOTE))
    refused = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate")
    assert refused.code == 4, refused.text
    assert "error[rows-do-not-fit]" in refused.err
    assert "vehicles.plate (field; schema.is_nullable; 1 row)" in refused.err
    server.database.execute("UPDATE vehicles SET plate = 'none' WHERE plate IS NULL")
    assert server.tool("push", "--snapshot", snapshot_file).code == 0


def test_a_unique_field_over_duplicates_is_refused(server: RunningDirectus, snapshot_file: Path) -> None:
    server.create("vehicles", make="Toyota", model="Hilux", plate="AA 301 BB")
    edited(snapshot_file, set_property("fields", "schema.is_unique", True, **NOTE))
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "vehicles.plate (field; schema.is_unique; 2 rows)" in refused.err


@pytest.mark.parametrize(
    "edit",
    [
        drop_property("collections", "meta.note", collection="devices"),
        drop_property("collections", "schema", collection="devices"),
        drop_property("fields", "schema.data_type", collection="devices", field="model"),
        drop_property("fields", "schema", collection="devices", field="model"),
    ],
    ids=["collection meta", "collection schema", "column type", "column"],
)
def test_an_incomplete_entry_is_refused_always(server: RunningDirectus, snapshot_file: Path, edit: Edit) -> None:
    """The shape of directus issue 27877, and its cousins for fields: Directus would drop table or column."""
    edited(snapshot_file, edit)
    before = server.database.contents()
    every = ("--allow-destroy", "devices,devices.model", "--discard-live", "devices,devices.model")
    for options in ((), every):
        refused = server.tool("push", "--snapshot", snapshot_file, *options)
        assert refused.code == 4, refused.text
        assert "error[incomplete-entry]" in refused.err
        assert "27877" in refused.err
    assert server.database.contents() == before


@pytest.mark.parametrize("reverse", [False, True], ids=["a key more", "a key less"])
def test_a_key_inside_a_collection_s_translations_goes_to_the_next_environment(
    server: RunningDirectus, snapshot_file: Path, tmp_path: Path, reverse: bool
) -> None:
    """Directus itself would answer 400 to the one, and drop the table for the other."""
    short = [{"language": "en-US", "translation": "Devices"}]
    names = [short, [{**short[0], "singular": "Device"}]]
    for value, path in zip(reversed(names) if reverse else names, (snapshot_file, tmp_path / "next.yaml"), strict=True):
        answer = server.http.patch("/collections/devices", json={"meta": {"translations": value}})
        assert answer.status_code == 200, answer.text
        assert server.tool("pull", "--snapshot", path).code == 0
        path.with_name("catalog.yaml").unlink()
    # The server is as the next commit says; bring it back to the first one, and deploy the next.
    assert server.tool("push", "--snapshot", snapshot_file).code == 0
    pushed = server.tool("push", "--snapshot", tmp_path / "next.yaml")
    assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
    assert server.export() == (tmp_path / "next.yaml").read_bytes()
    assert server.database.value("SELECT count(*) FROM devices") == 1


def test_a_foreign_key_dropped_by_hand_comes_back_as_the_message_says(server: RunningDirectus) -> None:
    key = "organization_devices_device_id_foreign"
    there = "SELECT count(*) FROM pg_constraint WHERE conname = %s"
    server.database.execute(f"ALTER TABLE organization_devices DROP CONSTRAINT {key}")
    refused = server.tool("push")
    assert refused.code == 4, refused.text
    assert "error[incomplete-entry]" in refused.err
    assert "delete what is left of it in Directus (organization_devices.device_id)" in refused.err
    assert server.http.delete("/relations/organization_devices/device_id").status_code == 204
    assert server.tool("push").code == 0
    assert server.database.value(there, key) == 1


def test_a_column_of_a_composite_constraint_does_not_take_it_along_silently(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    catalog = snapshot_file.with_name("catalog.yaml")
    shutil.copy(SNAPSHOT.with_name("catalog.yaml"), catalog)
    edited(snapshot_file, without_field("entries", "race_number"))
    before = server.database.schema()
    approved = ("push", "--snapshot", snapshot_file, "--allow-destroy", "entries.race_number")
    shown = server.tool("diff", *approved[1:])
    assert (shown.code, "refused: catalog-expects-it" in shown.out) == (3, True), shown.text
    refused = server.tool(*approved)
    assert refused.code == 4, refused.text
    assert "error[catalog-expects-it]" in refused.err
    assert "constraint entries.entries_event_id_race_number_key" in refused.err
    assert server.database.schema() == before

    # A catalog that does not ask for it any more lets both go.
    lines = catalog.read_text(encoding="utf-8").splitlines(keepends=True)
    catalog.write_text("".join(line for line in lines if "race_number" not in line), encoding="utf-8")
    pushed = server.tool(*approved)
    assert pushed.code == 0, pushed.text
    columns = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'public'"
    assert ("race_number",) not in server.database.rows(columns)


def test_what_goes_along_with_a_column_and_nobody_listed_is_named(server: RunningDirectus, snapshot_file: Path) -> None:
    server.database.execute("ALTER TABLE vehicles ADD CONSTRAINT by_hand UNIQUE (make, plate)")
    edited(snapshot_file, without_field("vehicles", "plate"))
    pushed = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate")
    assert pushed.code == 0, pushed.text
    assert "1 row at risk; takes along constraint vehicles.by_hand; approved" in pushed.err


INDEXES = {
    "an index with an odd name": 'CREATE INDEX "Plates by hand" ON vehicles (upper(plate))',
    "an index with a condition": "CREATE INDEX made ON vehicles (make, model) WHERE plate IS NOT NULL",
    "a constraint that includes it": "ALTER TABLE vehicles ADD CONSTRAINT made UNIQUE (make, model) INCLUDE (plate)",
    "a check": "ALTER TABLE vehicles ADD CONSTRAINT made CHECK (plate <> make)",
}


@pytest.mark.parametrize("statement", INDEXES.values(), ids=INDEXES)
def test_what_has_anything_to_do_with_a_column_does_not_go_along_silently(
    server: RunningDirectus, snapshot_file: Path, statement: str
) -> None:
    server.database.execute(statement)
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    edited(snapshot_file, without_field("vehicles", "plate"))
    before = server.database.schema()
    refused = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate")
    assert refused.code == 4, refused.text
    assert "error[catalog-expects-it]" in refused.err
    assert server.database.schema() == before


def test_a_foreign_key_of_another_table_does_not_go_along_with_a_collection_silently(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    """PostgreSQL would not drop the table; but Directus drops first what refers to it."""
    assert server.http.post("/collections", json=_collection("depots")).status_code == 200
    server.database.execute("CREATE TABLE audit (id integer PRIMARY KEY, depot integer REFERENCES depots)")
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    edited(snapshot_file, without_collections("depots"))
    before = server.database.schema()
    approved = ("push", "--snapshot", snapshot_file, "--allow-destroy", "depots")
    refused = server.tool(*approved)
    assert refused.code == 4, refused.text
    assert "error[catalog-expects-it]" in refused.err
    assert "constraint audit.audit_depot_fkey" in refused.err
    assert server.database.schema() == before

    # Where no file lists it, it is named.
    snapshot_file.with_name("catalog.yaml").unlink()
    pushed = server.tool(*approved)
    assert pushed.code == 0, pushed.text
    assert "takes along constraint audit.audit_depot_fkey" in pushed.err


def test_a_column_of_a_composite_constraint_does_not_become_an_alias_silently(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    shutil.copy(SNAPSHOT.with_name("catalog.yaml"), snapshot_file.with_name("catalog.yaml"))
    number = {"collection": "entries", "field": "race_number"}
    edited(
        snapshot_file,
        set_property("fields", "type", "alias", **number),
        set_property("fields", "meta.special", ["alias", "no-data"], **number),
        drop_property("fields", "schema", **number),
    )
    before = server.database.schema()
    refused = server.tool("push", "--snapshot", snapshot_file, "--allow-destroy", "entries.race_number")
    assert refused.code == 4, refused.text
    assert "constraint entries.entries_event_id_race_number_key" in refused.err
    assert server.database.schema() == before


def test_a_new_required_field_over_rows_is_refused_until_it_has_a_default(
    server: RunningDirectus, snapshot_file: Path
) -> None:
    with running_directus(Tool(server.tool.database)) as other:
        field = {"field": "owner", "type": "string", "schema": {"is_nullable": False, "default_value": "club"}}
        assert other.http.post("/fields/vehicles", json={**field, "meta": {}}).status_code == 200
        assert server.tool("pull", "--snapshot", snapshot_file).code == 0
        assert other.http.delete("/fields/vehicles/owner").status_code == 204
    owner = {"collection": "vehicles", "field": "owner"}
    content = snapshot_file.read_bytes()
    edited(snapshot_file, set_property("fields", "schema.default_value", None, **owner))
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "error[rows-do-not-fit]" in refused.err
    assert "vehicles.owner (field; 1 row)" in refused.err
    snapshot_file.write_bytes(content)
    pushed = server.tool("push", "--snapshot", snapshot_file)
    assert pushed.code == 0, pushed.text
    assert server.database.rows("SELECT owner FROM vehicles") == [("club",)]


def test_a_column_without_a_limit_is_not_cut_silently(server: RunningDirectus, snapshot_file: Path) -> None:
    server.database.execute("ALTER TABLE devices ALTER model TYPE character varying")
    server.database.execute("UPDATE devices SET model = repeat('x', 900)")
    refused = server.tool("push", "--discard-live", "devices.imei")
    assert refused.code == 4, refused.text
    assert "devices.model (field; schema.max_length; 1 row)" in refused.err
    assert server.database.value("SELECT length(model) FROM devices") == 900


@pytest.mark.parametrize(
    ("column", "value", "made"),
    [("double precision DEFAULT 0", "41.327546123456", "real"), ("numeric DEFAULT 0", "41.3", "integer")],
    ids=["float", "integer"],
)
def test_a_note_does_not_change_a_column_that_directus_did_not_make(
    server: RunningDirectus, snapshot_file: Path, column: str, value: str, made: str
) -> None:
    """With such a default any edit has Directus alter the column, to the type that it would have given it."""
    where = {"collection": "devices", "field": "reach"}
    server.database.execute(f"ALTER TABLE devices ADD reach {column}")
    server.database.execute(f"UPDATE devices SET reach = {value}")
    assert server.http.post("/utils/cache/clear?system").status_code in {200, 204}
    assert server.http.patch("/fields/devices/reach", json={"meta": {"note": "in km"}}).status_code == 200
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    edited(snapshot_file, set_property("fields", "meta.note", "in metres", **where))
    # Not with rows that fit either, and no approval helps: Directus could never equal the file.
    for kept, options in ((value, ["--allow-destroy", "devices.reach"]), ("41", [])):
        server.database.execute(f"UPDATE devices SET reach = {kept}")
        refused = server.tool("push", "--snapshot", snapshot_file, *options)
        assert refused.code == 4, refused.text
        assert "error[type-would-change]" in refused.err
        rows = "1 row" if options else "0 rows"
        in_file = column.partition(" DEFAULT")[0]
        assert f"devices.reach (field; meta.note; {rows}; {in_file} in the file, and {made} by Directus)" in refused.err
        assert server.database.value("SELECT reach::text FROM devices") == kept

    # The way out that the manual names: without the default Directus leaves the column alone.
    server.database.execute("ALTER TABLE devices ALTER reach DROP DEFAULT")
    assert server.tool("pull", "--snapshot", snapshot_file, "--overwrite").code == 0
    edited(snapshot_file, set_property("fields", "meta.note", "in metres", **where))
    pushed = server.tool("push", "--snapshot", snapshot_file)
    assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text


@pytest.mark.parametrize("column", ["double precision", "real"])
def test_a_new_field_is_refused_if_directus_makes_no_such_column(
    server: RunningDirectus, snapshot_file: Path, column: str
) -> None:
    server.database.execute(f"ALTER TABLE devices ADD reach {column}")
    assert server.http.post("/utils/cache/clear?system").status_code in {200, 204}
    assert server.http.patch("/fields/devices/reach", json={"meta": {"note": "in km"}}).status_code == 200
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    assert server.http.delete("/fields/devices/reach").status_code == 204

    pushed = server.tool("push", "--snapshot", snapshot_file)
    made = server.database.rows("SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attname = 'reach'")
    if column == "real":
        assert (pushed.code, made) == (0, [("real",)]), pushed.text
        return
    assert (pushed.code, made) == (4, []), pushed.text
    assert "error[type-would-change]" in pushed.err
    assert "devices.reach (field; double precision in the file, and real by Directus)" in pushed.err


@pytest.mark.parametrize("column", ["double precision", "real DEFAULT 0"])
def test_a_note_passes_where_directus_leaves_the_column_alone(
    server: RunningDirectus, snapshot_file: Path, column: str
) -> None:
    server.database.execute(f"ALTER TABLE devices ADD reach {column}")
    server.database.execute("UPDATE devices SET reach = 41.327546123456")
    before = server.database.value("SELECT reach::text FROM devices")
    assert server.http.post("/utils/cache/clear?system").status_code in {200, 204}
    assert server.http.patch("/fields/devices/reach", json={"meta": {"note": "in km"}}).status_code == 200
    assert server.tool("pull", "--snapshot", snapshot_file).code == 0
    edited(snapshot_file, set_property("fields", "meta.note", "in m", collection="devices", field="reach"))
    pushed = server.tool("push", "--snapshot", snapshot_file)
    assert (pushed.code, pushed.out) == (0, "Pushed 1 change\n"), pushed.text
    assert server.database.value("SELECT reach::text FROM devices") == before


def test_pull_does_not_forget_what_was_lost(server: RunningDirectus, snapshot_file: Path) -> None:
    catalog = snapshot_file.with_name("catalog.yaml")
    shutil.copy(SNAPSHOT.with_name("catalog.yaml"), catalog)
    server.database.execute("ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key")
    _changed_on_the_server(server, "As on the papers")
    before = (snapshot_file.read_bytes(), catalog.read_bytes())
    refused = server.tool("pull", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "error[catalog-expects-it]" in refused.err
    assert (snapshot_file.read_bytes(), catalog.read_bytes()) == before

    pulled = server.tool("pull", "--snapshot", snapshot_file, "--overwrite")
    assert pulled.code == 0, pulled.text
    assert "events_organization_id_slug_key" not in catalog.read_text(encoding="utf-8")
    assert snapshot_file.read_bytes() == server.export()


def test_a_relation_removed_in_git_needs_approval(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, without_relation("organization_devices", "device_id"))
    refused = server.tool("push", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "organization_devices.device_id (relation)" in refused.err


def test_a_database_that_the_tool_never_touched_is_adopted(
    server: RunningDirectus, snapshot_file: Path, committed: Snapshot
) -> None:
    server.database.execute("TRUNCATE directus_sync.snapshot_history")
    _changed_on_the_server(server, "As on the papers")
    assert server.http.post("/collections", json=_collection("sponsors")).status_code == 200
    refused = server.tool("push")
    assert refused.code == 4, refused.text
    assert "error[uncaptured-live-work]" in refused.err

    adopted = server.tool("adopt")
    assert adopted.code == 0, adopted.text
    assert adopted.out.startswith(f"Adopted {len(committed.section('collections')) + 1} collections")
    assert "sponsors" in adopted.out
    assert server.tool("adopt").out.startswith("Nothing to adopt")

    # Adopting what was made since would make it look like git's.
    assert server.http.post("/collections", json=_collection("helpers")).status_code == 200
    again = server.tool("adopt")
    assert again.code == 4, again.text
    assert "error[already-adopted]" in again.err
    assert "directus-sync pull" in again.err
    assert server.http.delete("/collections/helpers").status_code == 204

    # What is there is now known; what git lacks of it is a removal that somebody has to approve.
    again = server.tool("push")
    assert again.code == 4
    assert "error[unapproved-destruction]" in again.err
    overwritten = server.tool("pull", "--snapshot", snapshot_file, "--overwrite")
    assert overwritten.code == 0, overwritten.text
    assert server.tool("push", "--snapshot", snapshot_file).out.startswith("Nothing to push")


def test_pull_does_not_overwrite_what_was_never_pushed(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    before = snapshot_file.read_bytes()
    refused = server.tool("pull", "--snapshot", snapshot_file)
    assert refused.code == 4, refused.text
    assert "error[unpushed-file-changes]" in refused.err
    assert "vehicles.plate" in refused.err
    assert snapshot_file.read_bytes() == before

    # What only the server changed is no reason to refuse.
    edited(snapshot_file, set_property("fields", "meta.note", _note(SNAPSHOT), **NOTE))
    _changed_on_the_server(server, "As on the papers")
    pulled = server.tool("pull", "--snapshot", snapshot_file)
    assert pulled.code == 0, pulled.text
    assert snapshot_file.read_bytes() == server.export()


def test_a_saved_plan_is_applied_exactly_or_not_at_all(
    server: RunningDirectus, snapshot_file: Path, tmp_path: Path
) -> None:
    edited(snapshot_file, without_field("vehicles", "plate"))
    plan = tmp_path / "plan.json"
    saved = server.tool("diff", "--snapshot", snapshot_file, "--allow-destroy", "vehicles.plate", "--out", plan)
    assert saved.code == 3, saved.text

    # The server moved on.
    field = {"field": "colour", "type": "string", "schema": {}, "meta": {}}
    assert server.http.post("/fields/vehicles", json=field).status_code == 200
    stale = server.tool("push", "--snapshot", snapshot_file, "--plan", plan)
    assert stale.code == 4, stale.text
    assert "error[stale-plan]" in stale.err
    assert server.http.delete("/fields/vehicles/colour").status_code == 204

    # The file moved on.
    content = snapshot_file.read_bytes()
    edited(snapshot_file, set_property("collections", "meta.note", "x", collection="devices"))
    stale = server.tool("push", "--snapshot", snapshot_file, "--plan", plan)
    assert (stale.code, "error[stale-plan]" in stale.err) == (4, True), stale.text
    snapshot_file.write_bytes(content)

    pushed = server.tool("push", "--snapshot", snapshot_file, "--plan", plan)
    assert pushed.code == 0, pushed.text
    assert "plate" not in {entry["field"] for entry in server.http.get("/fields/vehicles").json()["data"]}


def test_mode_dry_run_changes_nothing(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    dry = server.tool.with_settings(DIRECTUS_SCHEMA_APPLY_MODE="dry-run")
    before = server.database.contents()
    for command in ("push", "deploy"):
        shown = dry(command, "--snapshot", snapshot_file)
        assert shown.code == 3, shown.text
        assert "~ vehicles.plate" in shown.out
    assert server.database.contents() == before
    assert dry("deploy").code == 0


def test_mode_skip_leaves_the_schema_alone_and_says_so(server: RunningDirectus, snapshot_file: Path) -> None:
    edited(snapshot_file, set_property("fields", "meta.note", "Registration", **NOTE))
    assert server.tool.alembic("downgrade", "post_0001").code == 0
    skipped = server.tool("deploy", "--mode", "skip", "--snapshot", snapshot_file)
    assert skipped.code == 0, skipped.text
    assert "Directus's schema was left alone" in skipped.err
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


def _collection(name: str) -> dict[str, object]:
    key = {"field": "id", "type": "integer", "meta": {}, "schema": {"is_primary_key": True, "has_auto_increment": True}}
    return {"collection": name, "schema": {}, "meta": {}, "fields": [key]}


def _also(branch: Path) -> Edit:
    """Merge what another branch added."""
    theirs = yaml.safe_load(branch.read_bytes())

    def edit(document: Document) -> None:
        for section in ("collections", "fields"):
            document[section] += [entry for entry in theirs[section] if entry not in document[section]]

    return edit


def _note(path: Path) -> object:
    fields = yaml.safe_load(path.read_bytes())["fields"]
    (note,) = (e["meta"]["note"] for e in fields if (e["collection"], e["field"]) == ("vehicles", "plate"))
    return note
