"""A boot with nothing to do starts no Node, and is never wrong: whatever moved, the next deploy notices."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from directus_sync import attic
from directus_sync.catalog import upkeep
from directus_sync.commands import deploy, planning, pull
from directus_sync.commands.planning import Request
from directus_sync.directus.client import DirectusClient
from directus_sync.output import Progress
from directus_sync.postgres import database
from directus_sync.schema.snapshot import Snapshot
from directus_sync.state import fingerprint
from directus_sync.state.revisions import BRANCHES, Branch
from tests.chaos.servers import relay
from tests.checkout import Checkout
from tests.conftest import ROOT, SNAPSHOT, Cloning, Database, Finished, Tool, running_directus
from tests.processes import until

NOTHING = "Nothing to do: database and Directus equal the checkout"
RECORDED = "SELECT fingerprint FROM directus_sync.deploys ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True)
class Watched:
    """The tool with a `node` that only says that it was started."""

    tool: Tool
    folder: Path

    @classmethod
    def around(cls, tool: Tool, folder: Path) -> Watched:
        folder.mkdir()
        node = folder / "node"
        node.write_text(f'#!/bin/sh\n: > "{folder}/started"\nexit 1\n', encoding="utf-8")
        node.chmod(0o755)
        path = f"{folder}{os.pathsep}{tool.environ['PATH']}"
        return cls(tool.with_settings(PATH=path), folder)

    @property
    def node_was_started(self) -> bool:
        return (self.folder / "started").exists()


@pytest.fixture
def watched(deployed: Tool, tmp_path: Path) -> Watched:
    return Watched.around(deployed, tmp_path / "bin")


def test_a_boot_with_nothing_to_do_starts_no_node_and_writes_nothing(watched: Watched) -> None:
    before = watched.tool.database.contents()
    done = watched.tool("deploy")
    assert (done.code, done.out.startswith(NOTHING), done.err) == (0, True, ""), done.text
    assert not watched.node_was_started
    assert watched.tool.database.contents() == before
    told = watched.tool("deploy", "--json")
    assert (told.code, json.loads(told.out)["pushed"]["items"]) == (0, []), told.text
    assert not watched.node_was_started


DEVICE = "INSERT INTO devices (id, imei, model) VALUES (gen_random_uuid(), '350000000000001', 'FMB920')"


def test_a_boot_with_nothing_to_do_loads_little(watched: Watched) -> None:
    """SQLAlchemy alone takes longer than all of it may."""
    program = (
        "import os, sys\nsys.argv = ['directus-sync', 'deploy']\nos._exit = sys.exit\n"
        "from directus_sync.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(sorted({'alembic', 'click', 'httpx', 'sqlalchemy', 'yaml'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=watched.tool.environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(NOTHING)
    assert done.stderr == "[]\n"


def test_a_boot_with_nothing_to_do_asks_the_database_once(watched: Watched) -> None:
    with relay(int(watched.tool.environ["DB_PORT"])) as between:
        done = watched.tool.with_settings(DB_PORT=str(between.port), PGSSLMODE="disable")("deploy")
        until(lambda: between.sent.endswith(b"X\0\0\0\4"), 5)
        sent = bytes(between.sent)
    assert done.out.startswith(NOTHING), done.text
    # What opens a connection has no letter: the wish for TLS, then names and options.
    position, opened = 0, False
    letters = ""
    while position < len(sent):
        if opened:
            letters += chr(sent[position])
            position += 1
        (length,) = struct.unpack_from("!i", sent, position)
        opened = opened or length > LENGTH_OF_A_WISH
        position += length
    # Passwords, one query, the end.
    assert letters.strip("p") == "QX"


LENGTH_OF_A_WISH = 8
NO_MOVES = {
    "rows": DEVICE,
    "a new chunk": f"{DEVICE};"
    " INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,"
    " attributes) VALUES ('350000000000001', now(), 41.3, 19.8, 0, 0, 0, 9, 0, '8E', '{}')",
    "statistics": "ANALYZE",
    "a bookmark in the admin UI": "INSERT INTO directus_presets (bookmark, collection) VALUES ('mine', 'events')",
    "a setting of the project": "UPDATE directus_settings SET project_name = 'TRM'",
}


@pytest.mark.parametrize("case", NO_MOVES)
def test_what_is_no_schema_is_no_reason_to_look(watched: Watched, case: str) -> None:
    watched.tool.database.execute(NO_MOVES[case])
    assert watched.tool("deploy").out.startswith(NOTHING)
    assert not watched.node_was_started


MOVES = {
    "a field's note": "UPDATE directus_fields SET note = 'x' WHERE (collection, field) = ('vehicles', 'plate')",
    "a field's place": "UPDATE directus_fields SET sort = 9 WHERE (collection, field) = ('vehicles', 'plate')",
    "a collection's icon": "UPDATE directus_collections SET icon = 'pets' WHERE collection = 'vehicles'",
    "a relation's rule": "UPDATE directus_relations SET one_deselect_action = 'delete' WHERE id ="
    " (SELECT min(id) FROM directus_relations)",
    "a dropped constraint": "ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key",
    "a dropped index": "DROP INDEX positions_faulty_idx",
    "a new column": "ALTER TABLE events ADD COLUMN by_hand text",
    "a dropped column": "ALTER TABLE vehicles DROP COLUMN vin",
    "another type": "ALTER TABLE vehicles ALTER vin TYPE text",
    "an altered default": "ALTER TABLE entries ALTER status SET DEFAULT 'withdrawn'",
    "a default of our own": "ALTER TABLE positions ALTER faulty SET DEFAULT true",
    "a dropped NOT NULL": "ALTER TABLE events ALTER name DROP NOT NULL",
    "another ON DELETE": "ALTER TABLE entries DROP CONSTRAINT entries_event_id_foreign, ADD CONSTRAINT"
    " entries_event_id_foreign FOREIGN KEY (event_id) REFERENCES events ON DELETE CASCADE",
    "a constraint that is not validated": "ALTER TABLE events ADD CONSTRAINT later CHECK (name <> '') NOT VALID",
    "a new table": "CREATE TABLE by_hand (id integer)",
    "a new view": "CREATE VIEW by_hand AS SELECT id FROM events",
    "a new function": "CREATE FUNCTION by_hand() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "a new type": "CREATE TYPE by_hand AS ENUM ('a')",
    "a new sequence": "CREATE SEQUENCE by_hand",
    "a comment": "COMMENT ON COLUMN positions.faulty IS 'by hand'",
    "a trigger": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
    " CREATE TRIGGER by_hand BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION f()",
    "another width of chunks": "SELECT set_chunk_time_interval('positions', INTERVAL '7 days')",
    "an extension": "CREATE EXTENSION pg_trgm SCHEMA directus_sync",
    "a version of the schema that is older": "DELETE FROM directus_migrations WHERE version ="
    " (SELECT max(version) FROM directus_migrations)",
    "the record of another deploy": "INSERT INTO directus_sync.deploys (duration, host, pre_head, post_head, revisions,"
    " changes) VALUES ('1 s', 'box', 'pre_0005', 'post_0002', 0, 0)",
}


@pytest.mark.parametrize("case", MOVES)
def test_whatever_moved_is_looked_at(watched: Watched, case: str) -> None:
    watched.tool.database.execute(MOVES[case])
    done = watched.tool("deploy")
    assert watched.node_was_started, done.text
    assert done.code != 0


# What is there already, and what then changes of it.
PARTS = {
    "an option of a view": ("CREATE VIEW v AS SELECT id FROM events", "ALTER VIEW v SET (security_invoker = true)"),
    "who owns a sequence": ("CREATE SEQUENCE s", "ALTER SEQUENCE s OWNED BY events.name"),
    "a constraint of a domain": (
        "CREATE DOMAIN d AS int CONSTRAINT one CHECK (VALUE > 1)", "ALTER DOMAIN d RENAME CONSTRAINT one TO two",
    ),
    "the values of an enumeration": ("CREATE TYPE e AS ENUM ('a')", "ALTER TYPE e ADD VALUE 'b'"),
    "a disabled trigger": ("SELECT 1", "ALTER TABLE geofences DISABLE TRIGGER USER"),
    "foreign keys that are switched off": ("SELECT 1", "ALTER TABLE events DISABLE TRIGGER ALL"),
    "row security": ("SELECT 1", "ALTER TABLE events ENABLE ROW LEVEL SECURITY"),
    "a policy": ("CREATE POLICY p ON events USING (true)", "ALTER POLICY p ON events USING (false)"),
    "a rule": (
        "CREATE RULE r AS ON DELETE TO events DO INSTEAD NOTHING", "ALTER TABLE events DISABLE RULE r",
    ),
    "the query of a view": (
        "CREATE VIEW v AS SELECT id FROM events", "CREATE OR REPLACE VIEW v AS SELECT id FROM stages",
    ),
    "a table that a crash would empty": ("CREATE TABLE t (id int)", "ALTER TABLE t SET UNLOGGED"),
    "an option of a table": ("SELECT 1", "ALTER TABLE events SET (fillfactor = 50)"),
    "a table's parent": ("CREATE TABLE p (); CREATE TABLE c ()", "ALTER TABLE c INHERIT p"),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_a_part_of_an_object_is_in_the_fingerprint(deployed: Tool, case: str) -> None:
    found = []
    for sql in PARTS[case]:
        deployed.database.execute(sql)
        with database.connect(deployed.settings, "a test") as connection:
            found.append(fingerprint.read(connection))
    assert found[0] != found[1]


def test_a_deploy_that_only_ends_what_a_killed_one_left_is_remembered(deployed: Tool) -> None:
    with database.connect(deployed.settings, "a run that is killed") as connection:
        attic.keep(connection, (attic.Item("devices"),), run=uuid4(), command="push", sha256="", definitions={})
    assert deployed("deploy").code == 0
    with database.connect(deployed.settings, "a test") as connection:
        assert fingerprint.unmoved(connection, deployed.settings) is not None


EQUAL = {
    "diff": "Nothing differs",
    "check": "Nothing differs",
    "push": "Nothing to push",
    "push --mode dry-run": "Nothing differs",
    "deploy --mode dry-run": "Nothing differs",
}


@pytest.mark.parametrize("command", EQUAL)
def test_what_compares_starts_no_node_either(watched: Watched, command: str) -> None:
    before = watched.tool.database.contents()
    done = watched.tool(*command.split())
    assert (done.code, done.out.startswith(EQUAL[command]), done.err) == (0, True, ""), done.text
    assert not watched.node_was_started
    assert watched.tool.database.contents() == before


@pytest.mark.parametrize("command", EQUAL)
@pytest.mark.parametrize("case", ["a field's note", "a dropped column"])
def test_what_compares_looks_at_whatever_moved(watched: Watched, command: str, case: str) -> None:
    watched.tool.database.execute(MOVES[case])
    done = watched.tool(*command.split())
    assert watched.node_was_started, done.text
    assert done.code != 0


# Pull, which remembers what it found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the committed snapshot, with what is beside it."""
    shutil.copytree(SNAPSHOT.parent, tmp_path / "snapshots")
    return tmp_path / "snapshots" / SNAPSHOT.name


@pytest.fixture
def pulled(deployed: Tool, copy: Path, watched: Watched) -> Watched:
    """Return a deployed database from which somebody pulled, and found no difference."""
    done = deployed("pull", "--snapshot", copy)
    assert (done.code, done.out) == (0, f"Nothing to pull: {copy} equals Directus\n"), done.text
    assert done.err.count("Reading Directus's schema ...") == 1
    return watched


def test_a_pull_where_the_last_found_nothing_starts_no_node(pulled: Watched, copy: Path) -> None:
    before = pulled.tool.database.contents()
    done = pulled.tool("pull", "--snapshot", copy)
    assert (done.code, done.out, done.err) == (0, f"Nothing to pull: {copy} equals Directus\n", ""), done.text
    assert not pulled.node_was_started
    assert pulled.tool.database.contents() == before


def test_the_first_pull_after_a_deploy_looks(watched: Watched, copy: Path) -> None:
    assert watched.tool("pull", "--snapshot", copy).code != 0
    assert watched.node_was_started


MADE_ANEW = "UPDATE directus_fields SET id = id + 1000 WHERE (collection, field) = ('vehicles', 'plate')"


@pytest.mark.parametrize("case", ["a field's note", "a new column", "a new function", "the record of another deploy"])
def test_a_pull_looks_at_whatever_moved(pulled: Watched, copy: Path, case: str) -> None:
    pulled.tool.database.execute(MOVES[case])
    assert pulled.tool("pull", "--snapshot", copy).code != 0
    assert pulled.node_was_started


def test_a_pull_writes_another_order_of_the_fields(pulled: Watched, deployed: Tool, copy: Path) -> None:
    """Directus writes them in the order in which they were made."""
    pulled.tool.database.execute(MADE_ANEW)
    before = copy.read_bytes()
    done = deployed("pull", "--snapshot", copy)
    assert (done.code, done.out.startswith("Pulled ")) == (0, True), done.text
    assert sorted(copy.read_bytes().splitlines()) == sorted(before.splitlines())
    assert copy.read_bytes() != before


@pytest.mark.parametrize("name", ["schema.yaml", "catalog.yaml"])
def test_a_pull_looks_at_a_changed_file(pulled: Watched, copy: Path, name: str) -> None:
    with copy.with_name(name).open("ab") as file:
        file.write(b"# a comment\n")
    assert pulled.tool("pull", "--snapshot", copy).code != 0
    assert pulled.node_was_started


def test_a_pull_asks_another_version_of_directus(pulled: Watched, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "cli.js").write_bytes(b"")
    (tmp_path / "package.json").write_text('{"version": "11.99.0"}', encoding="utf-8")
    assert pulled.tool.with_settings(DIRECTUS_HOME=str(tmp_path))("pull", "--snapshot", copy).code != 0
    assert pulled.node_was_started


@pytest.mark.parametrize("name", ["schema.yaml", "catalog.yaml"])
def test_a_pull_with_other_files_than_the_deploy_is_not_remembered(deployed: Tool, copy: Path, name: str) -> None:
    changed = copy.with_name(name)
    committed = changed.read_bytes()
    changed.write_bytes(committed + b"# a comment\n")
    assert deployed("deploy", "--snapshot", copy).code == 0
    for out in "Pulled ", "Nothing to pull":
        assert deployed("pull", "--snapshot", copy).out.startswith(out)
    changed.write_bytes(committed + b"# a comment\n")
    assert deployed("pull", "--snapshot", copy).out.startswith("Pulled ")
    assert changed.read_bytes() == committed


def test_a_pull_of_another_schema_than_the_deploys_is_not_remembered(deployed: Tool, copy: Path) -> None:
    deployed.database.execute(MADE_ANEW)
    assert deployed("deploy", "--snapshot", copy).code == 0
    deployed.database.execute(MADE_ANEW.replace("+", "-"))
    assert deployed("pull", "--snapshot", copy).out.startswith("Nothing to pull")
    deployed.database.execute(MADE_ANEW)
    assert deployed("pull", "--snapshot", copy).out.startswith("Pulled ")


def test_a_pull_may_come_before_the_deploy_that_lets_it_be_remembered(deployed: Tool, copy: Path) -> None:
    assert deployed.alembic("downgrade", "pre_0006").code == 0
    for _ in range(2):
        done = deployed("pull", "--snapshot", copy)
        assert (done.code, done.out) == (0, f"Nothing to pull: {copy} equals Directus\n"), done.text


def test_a_running_directus_is_asked_for_its_version_and_not_for_its_schema(
    deployed: Tool, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    export, version = DirectusClient.snapshot, DirectusClient.version

    def noted(client: DirectusClient) -> bytes:
        asked.append("schema")
        return export(client)

    monkeypatch.setattr(DirectusClient, "snapshot", noted)
    with running_directus(deployed) as running:
        settings = dataclasses.replace(running.tool.settings, snapshot=copy)
        for _ in range(2):
            assert pull.run(settings, Progress(), overwrite=False) is None
        assert asked == ["schema"]
        monkeypatch.setattr(DirectusClient, "version", lambda client: f"{version(client)}-another")
        pull.run(settings, Progress(), overwrite=False)
        assert asked == ["schema", "schema"]


def test_a_saved_plan_is_compared_with_the_server(watched: Watched, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert watched.tool("diff", "--out", plan).code == 0
    assert not watched.node_was_started
    assert watched.tool("push", "--plan", plan).code != 0
    assert watched.node_was_started


def test_what_was_changed_in_the_admin_ui_is_looked_at(deployed: Tool, watched: Watched) -> None:
    with running_directus(deployed) as running:
        response = running.http.patch("/fields/vehicles/plate", json={"meta": {"note": "As on the papers"}})
        assert response.status_code == 200
    assert watched.tool("deploy").code != 0
    assert watched.node_was_started


def test_a_revision_that_was_undone_is_applied_again(deployed: Tool) -> None:
    assert deployed.alembic("downgrade", "post_0001").code == 0
    done = deployed("deploy")
    assert "Applied:  post_0002" in done.err, done.text
    assert deployed("deploy").out.startswith(NOTHING)


def _copy(tool: Tool, folder: Path) -> Checkout:
    """Return a checkout with nothing new in it, and see that it has nothing to do."""
    checkout = Checkout.copied(folder)
    assert checkout.sync(tool, "deploy").out.startswith(NOTHING)
    return checkout


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_new_revision_is_applied(deployed: Tool, tmp_path: Path, branch: Branch) -> None:
    _copy(deployed, tmp_path / "same")
    drop, restore = 'drop_index("positions_faulty_idx", "positions")', "get_bind()"
    newer = Checkout.with_revision(tmp_path / "newer", drop, restore, branch)
    done = newer.sync(deployed, "deploy")
    assert f"Applied:  {newer.head}_change_it" in done.err, done.text


@pytest.mark.parametrize("name", ["schema.yaml", "catalog.yaml", "removals.yaml"])
def test_a_changed_byte_in_a_file_is_looked_at(watched: Watched, tmp_path: Path, name: str) -> None:
    checkout = _copy(watched.tool, tmp_path / "same")
    with (checkout.folder / "snapshots" / name).open("ab") as file:
        file.write(b"# a comment\n")
    assert checkout.sync(watched.tool, "deploy").code != 0
    assert watched.node_was_started


def test_a_snapshot_that_can_t_be_read_is_named(deployed: Tool, tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").mkdir()
    refused = deployed("deploy", "--snapshot", tmp_path / "schema.yaml")
    assert refused.code == 2, refused.text
    assert "the snapshot can't be read" in refused.err


@pytest.mark.parametrize("name", ["schema.yaml", "catalog.yaml", "removals.yaml"])
def test_a_file_that_is_replaced_while_a_deploy_runs_is_looked_at(
    deployed: Tool, watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As `git pull` does it; what was read before is what arrives."""
    assert deployed.alembic("downgrade", "post_0001").code == 0
    folder = tmp_path / "snapshots"
    shutil.copytree(SNAPSHOT.parent, folder)
    begin = planning.preflight

    def begin_then_replace(*arguments: Any) -> Snapshot:
        wanted = begin(*arguments)
        with (folder / name).open("ab") as file:
            file.write(b"# a comment\n")
        return wanted

    monkeypatch.setattr(planning, "preflight", begin_then_replace)
    settings = dataclasses.replace(deployed.settings, snapshot=folder / SNAPSHOT.name)
    deploy.run(settings, Request(), Progress())
    assert watched.tool("deploy", "--snapshot", settings.snapshot).code != 0
    assert watched.node_was_started


def test_another_version_of_directus_is_looked_at(deployed: Tool, tmp_path: Path) -> None:
    (tmp_path / "cli.js").write_bytes(b"")
    (tmp_path / "package.json").write_text('{"version": "11.99.0"}', encoding="utf-8")
    refused = deployed.with_settings(DIRECTUS_HOME=str(tmp_path))("deploy")
    assert refused.code == 4, refused.text
    assert "this Directus is 11.99.0" in refused.err


def test_an_older_database_that_was_restored_is_looked_at(watched: Watched, clone: Cloning, tmp_path: Path) -> None:
    """The checkout has moved on since, and so had the database that was lost."""
    newer = tmp_path / "snapshots"
    shutil.copytree(SNAPSHOT.parent, newer)
    content = (newer / "schema.yaml").read_text(encoding="utf-8")
    (newer / "schema.yaml").write_text(content.replace("sort: 1\n", "sort: 7\n", 1), encoding="utf-8")
    lost = Tool(clone("deployed"))
    assert lost("deploy", "--snapshot", newer / "schema.yaml").code == 0
    settled = Watched.around(lost, tmp_path / "settled")
    assert settled.tool("deploy", "--snapshot", newer / "schema.yaml").out.startswith(NOTHING)

    assert watched.tool("deploy", "--snapshot", newer / "schema.yaml").code != 0
    assert watched.node_was_started


def test_a_base_that_another_checkout_left_is_looked_at(deployed: Tool, watched: Watched, tmp_path: Path) -> None:
    """Else what somebody does again, after it was undone, would count as captured."""
    note = MOVES["a field's note"]
    plate = "FROM directus_fields WHERE (collection, field) = ('vehicles', 'plate')"
    before = deployed.database.value(f"SELECT quote_nullable(note) {plate}")
    undo = note.replace("'x'", before)
    deployed.database.execute(note)
    assert deployed("pull", "--snapshot", tmp_path / "schema.yaml").code == 0
    deployed.database.execute(undo)
    assert watched.tool("deploy").code != 0
    assert watched.node_was_started
    assert deployed("deploy").code == 0
    deployed.database.execute(note)
    refused = deployed("deploy")
    assert refused.code == 4, refused.text
    assert "error[uncaptured-live-work]" in refused.err


def test_a_mirror_that_a_killed_push_left_is_looked_at(watched: Watched) -> None:
    watched.tool.database.execute(
        "CREATE FUNCTION attic.mirror_1() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        " CREATE TRIGGER mirror_1 AFTER INSERT ON devices FOR EACH ROW EXECUTE FUNCTION attic.mirror_1()"
    )
    assert watched.tool("deploy").code != 0
    assert watched.node_was_started


def test_notes_about_differences_are_repeated(deployed: Tool) -> None:
    deployed.database.execute("CREATE INDEX events_by_hand_idx ON events (lower(name))")
    first = deployed("deploy")
    again = deployed("deploy")
    for done in (first, again):
        assert (done.code, "catalog.yaml does not list index events.events_by_hand_idx" in done.err) == (0, True)
        assert done.out.startswith("Nothing to do but what the notes say")


@pytest.mark.parametrize("by", ["option", "setting"])
def test_a_deploy_that_skipped_the_schema_is_no_proof_of_it(watched: Watched, by: str) -> None:
    option = by == "option"
    tool = watched.tool if option else watched.tool.with_settings(DIRECTUS_SCHEMA_APPLY_MODE="skip")
    skipped = tool("deploy", *(["--mode", "skip"] if option else []))
    assert skipped.code == 0, skipped.text
    assert "Directus's schema was left alone" in skipped.err
    assert watched.tool.database.value(RECORDED) is None
    assert watched.tool("deploy").code != 0
    assert watched.node_was_started


def test_what_changes_after_the_last_look_is_not_taken_for_looked_at(
    deployed: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody saves a field in the admin UI while a deploy is about to end."""
    assert deployed.alembic("downgrade", "post_0001").code == 0
    look = planning.require_equal

    def look_then_change(client: DirectusClient, wanted: Snapshot) -> None:
        look(client, wanted)
        deployed.database.execute(MOVES["a field's note"])

    monkeypatch.setattr(planning, "require_equal", look_then_change)
    deploy.run(deployed.settings, Request(), Progress())
    assert deployed.database.value(RECORDED) is None


@pytest.mark.parametrize("lost", [None, "positions_faulty_idx"], ids=["nothing lost", "something lost before"])
def test_what_is_lost_after_the_look_at_the_catalog_is_not_taken_for_looked_at(
    deployed: Tool, monkeypatch: pytest.MonkeyPatch, lost: str | None
) -> None:
    """Directus does not see this constraint, so that its comparison finds nothing."""
    assert deployed.alembic("downgrade", "post_0001").code == 0
    if lost is not None:
        deployed.database.execute(f"DROP INDEX {lost}")
    look = upkeep.put_back

    def look_then_lose(*arguments: Any) -> upkeep.Verified:
        found = look(*arguments)
        if not found.restored:
            deployed.database.execute(MOVES["a dropped constraint"])
        return found

    monkeypatch.setattr(upkeep, "put_back", look_then_lose)
    done = deploy.run(deployed.settings, Request(), Progress())
    assert done.verified.restored == (() if lost is None else (f"index positions.{lost}",))
    assert deployed.database.value(RECORDED) is None


def test_replicas_of_a_current_database_do_not_wait_for_each_other(watched: Watched) -> None:
    processes = [watched.tool.start("deploy") for _ in range(8)]
    finished: list[Finished] = [watched.tool.wait_for(process) for process in processes]
    assert {(done.code, done.err) for done in finished} == {(0, "")}
    assert not watched.node_was_started


def test_a_database_of_another_deploy_is_no_proof(watched: Watched, bootstrapped: Tool) -> None:
    """The record of a deploy that was carried to another database does not fit that one."""
    _carry_record(watched.tool.database, bootstrapped.database)
    elsewhere = Watched(bootstrapped.with_settings(PATH=watched.tool.environ["PATH"]), watched.folder)
    assert elsewhere.tool("deploy").code != 0
    assert elsewhere.node_was_started


def _carry_record(source: Database, target: Database) -> None:
    columns = "duration, host, pre_head, post_head, revisions, changes, inputs, fingerprint"
    ((duration, *values),) = source.rows(f"SELECT {columns} FROM directus_sync.deploys ORDER BY id DESC LIMIT 1")
    with target.connect() as connection:
        marks = ", ".join(["%s"] * (len(values) + 1))
        connection.execute(f"INSERT INTO directus_sync.deploys ({columns}) VALUES ({marks})", (duration, *values))
