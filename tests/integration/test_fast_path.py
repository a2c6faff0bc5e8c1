"""A deploy with nothing to do starts no Node, but every change in database or files makes the next deploy compare."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from directus_sync.catalog import upkeep
from directus_sync.commands import deploy, pull
from directus_sync.directus import installation
from directus_sync.directus.client import DirectusClient
from directus_sync.output import Progress
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.revisions.branches import BRANCHES, Branch
from directus_sync.settings import Settings
from directus_sync.state import fingerprint
from directus_sync.steps import planning
from directus_sync.steps.planning import Request
from tests.chaos.servers import relay
from tests.checkout import Checkout
from tests.conftest import ROOT, SNAPSHOT, RunningDirectus, Serving, Tool
from tests.meanwhile import changed_at
from tests.processes import until

NOTHING = "Nothing to do: database and Directus equal the checkout"
RECORDED = "SELECT fingerprint FROM directus_sync.deploys ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True)
class Watched:
    """The tool with a `node` that only records that it was started."""

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
def watched(settled: Tool, tmp_path: Path) -> Watched:
    """The tool on the module's own database, which no test may change."""
    return Watched.around(settled, tmp_path / "bin")


# The fingerprint, in transactions that are rolled back


@dataclass(frozen=True)
class Transaction:
    """A transaction on a freshly deployed database; `execute` makes changes that count as made after the deploy."""

    connection: Connection
    settings: Settings

    def execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL search_path TO public; {sql}")

    @property
    def given(self) -> str:
        return fingerprint.with_version(fingerprint.inputs(self.settings), installation.version(self.settings))

    @property
    def has_moved(self) -> bool:
        return fingerprint.unmoved(self.connection, self.settings) is None

    def record(self) -> None:
        """Record the current fingerprint, as a deploy would at its end."""
        found = fingerprint.read(self.connection)
        assert found is not None
        self.execute(f"UPDATE directus_sync.deploys SET fingerprint = '{found.whole}'")


@pytest.fixture(scope="module")
def session(settled: Tool) -> Iterator[Connection]:
    with database.connect(settled.settings, "a test") as connection:
        connection.autocommit = False
        yield connection


@pytest.fixture
def transaction(settled: Tool, session: Connection) -> Iterator[Transaction]:
    yield Transaction(session, settled.settings)
    session.rollback()


DEVICE = "INSERT INTO devices (id, imei, model) VALUES (gen_random_uuid(), '350000000000001', 'FMB920')"
NO_MOVES = {
    "rows": DEVICE,
    "a new chunk": f"{DEVICE};"
    " INSERT INTO positions (device_id, ts, latitude, longitude, altitude, angle, speed, satellites, priority, codec,"
    " attributes) VALUES ('350000000000001', now(), 41.3, 19.8, 0, 0, 0, 9, 0, '8E', '{}')",
    "statistics": "ANALYZE",
    "a bookmark of a user": 'INSERT INTO directus_presets (bookmark, collection, "user")'
    " SELECT 'mine', 'events', id FROM directus_users LIMIT 1",
    "a setting of one environment": "UPDATE directus_settings SET project_color = '#FF0000'",
}


@pytest.mark.parametrize("case", NO_MOVES)
def test_changes_outside_the_schema_do_not_change_the_fingerprint(transaction: Transaction, case: str) -> None:
    transaction.execute(NO_MOVES[case])
    assert not transaction.has_moved


MOVES = {
    "a global bookmark": "INSERT INTO directus_presets (bookmark, collection) VALUES ('ours', 'events')",
    "a setting of all environments": "UPDATE directus_settings SET project_name = 'Ours'",
    "a permission": "UPDATE directus_permissions SET fields = 'id' WHERE id ="
    " (SELECT min(id) FROM directus_permissions)",
    "the attachment of a policy": "UPDATE directus_access SET sort = 9",
    "a panel": "UPDATE directus_panels SET width = width + 1",
    "a flow": "INSERT INTO directus_flows (id, name) VALUES (gen_random_uuid(), 'f')",
    "a translation": "INSERT INTO directus_translations (id, language, key, value)"
    " VALUES (gen_random_uuid(), 'en-US', 'a', 'b')",
    "a field's note": "UPDATE directus_fields SET note = 'x' WHERE (collection, field) = ('vehicles', 'plate')",
    "a field's order": "UPDATE directus_fields SET sort = 9 WHERE (collection, field) = ('vehicles', 'plate')",
    "a collection's icon": "UPDATE directus_collections SET icon = 'pets' WHERE collection = 'vehicles'",
    "a relation's rule": "UPDATE directus_relations SET one_deselect_action = 'delete' WHERE id ="
    " (SELECT min(id) FROM directus_relations)",
    "a dropped constraint": "ALTER TABLE events DROP CONSTRAINT events_organization_id_slug_key",
    "a dropped index": "DROP INDEX positions_faulty_idx",
    "a new column": "ALTER TABLE events ADD COLUMN by_hand text",
    "a dropped column": "ALTER TABLE vehicles DROP COLUMN vin",
    "another type": "ALTER TABLE vehicles ALTER vin TYPE text",
    "an altered default": "ALTER TABLE entries ALTER status SET DEFAULT 'withdrawn'",
    "a default of a revision": "ALTER TABLE positions ALTER faulty SET DEFAULT true",
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
    "another chunk interval": "SELECT set_chunk_time_interval('positions', INTERVAL '7 days')",
    "an extension": "CREATE EXTENSION pg_trgm SCHEMA directus_sync",
    "a missing migration of Directus": "DELETE FROM directus_migrations WHERE version ="
    " (SELECT max(version) FROM directus_migrations)",
    "a record of another deploy": "INSERT INTO directus_sync.deploys (duration, host, pre_head, post_head, revisions,"
    " changes) VALUES ('1 s', 'box', 'pre_0005', 'post_0002', 0, 0)",
    "another order of the fields": "UPDATE directus_fields SET id = id + 1000"
    " WHERE (collection, field) = ('vehicles', 'plate')",
    "a base of another checkout": "INSERT INTO directus_sync.snapshot_history (source, directus_version, sha256,"
    " snapshot) SELECT 'pull', directus_version, repeat('0', 64), snapshot FROM directus_sync.snapshot_history",
    "a mirror of a killed push": "CREATE FUNCTION attic.mirror_1() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN RETURN NULL; END'; CREATE TRIGGER mirror_1 AFTER INSERT ON devices FOR EACH ROW"
    " EXECUTE FUNCTION attic.mirror_1()",
    "a downgraded revision": "DELETE FROM directus_sync.alembic_version WHERE version_num LIKE 'post%'",
    "a missing table of the tool": "DROP TABLE directus_sync.snapshot_history",
}


@pytest.mark.parametrize("case", MOVES)
def test_any_change_of_schema_rights_or_records_changes_the_fingerprint(transaction: Transaction, case: str) -> None:
    transaction.execute(MOVES[case])
    assert transaction.has_moved


# SQL that creates something, and SQL that then changes a part of it.
PARTS = {
    "an option of a view": ("CREATE VIEW v AS SELECT id FROM events", "ALTER VIEW v SET (security_invoker = true)"),
    "the owner of a sequence": ("CREATE SEQUENCE s", "ALTER SEQUENCE s OWNED BY events.name"),
    "a constraint of a domain": (
        "CREATE DOMAIN d AS int CONSTRAINT one CHECK (VALUE > 1)", "ALTER DOMAIN d RENAME CONSTRAINT one TO two",
    ),
    "the values of an enumeration": ("CREATE TYPE e AS ENUM ('a')", "ALTER TYPE e ADD VALUE 'b'"),
    "a disabled trigger": ("SELECT 1", "ALTER TABLE geofences DISABLE TRIGGER USER"),
    "disabled foreign keys": ("SELECT 1", "ALTER TABLE events DISABLE TRIGGER ALL"),
    "row security": ("SELECT 1", "ALTER TABLE events ENABLE ROW LEVEL SECURITY"),
    "a policy": ("CREATE POLICY p ON events USING (true)", "ALTER POLICY p ON events USING (false)"),
    "a rule": (
        "CREATE RULE r AS ON DELETE TO events DO INSTEAD NOTHING", "ALTER TABLE events DISABLE RULE r",
    ),
    "the query of a view": (
        "CREATE VIEW v AS SELECT id FROM events", "CREATE OR REPLACE VIEW v AS SELECT id FROM stages",
    ),
    "an unlogged table": ("CREATE TABLE t (id int)", "ALTER TABLE t SET UNLOGGED"),
    "an option of a table": ("SELECT 1", "ALTER TABLE events SET (fillfactor = 50)"),
    "a table's parent": ("CREATE TABLE p (); CREATE TABLE c ()", "ALTER TABLE c INHERIT p"),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_a_change_in_a_part_of_an_object_changes_the_fingerprint(transaction: Transaction, case: str) -> None:
    found = []
    for sql in PARTS[case]:
        transaction.execute(sql)
        found.append(fingerprint.read(transaction.connection))
    assert found[0] != found[1]


MISSING = {
    "a table": "DROP TABLE directus_permissions",
    "a newer table": "DROP TABLE directus_policies CASCADE",
    "a newer column": "ALTER TABLE directus_extensions DROP COLUMN folder",
    "a table of the tool": "DROP TABLE directus_sync.resource_history",
    "an extension": "DROP EXTENSION timescaledb CASCADE",
}


@pytest.mark.parametrize("case", MISSING)
def test_a_database_with_missing_tables_has_no_fingerprint(transaction: Transaction, case: str) -> None:
    transaction.execute(MISSING[case])
    assert fingerprint.read(transaction.connection) is None


def test_a_leftover_temporary_index_forces_a_comparison_until_it_is_gone(transaction: Transaction) -> None:
    transaction.execute("CREATE INDEX directus_sync_new_1 ON vehicles (plate)")
    transaction.record()
    assert transaction.has_moved
    transaction.execute("ALTER INDEX directus_sync_new_1 RENAME TO vehicles_plate_idx")
    transaction.record()
    assert not transaction.has_moved


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the committed snapshot and of the files beside it."""
    shutil.copytree(SNAPSHOT.parent, tmp_path / "snapshots")
    return tmp_path / "snapshots" / SNAPSHOT.name


@pytest.mark.parametrize(
    "name",
    ["schema.yaml", "catalog.yaml", "removals.yaml", "roles.yaml", "access/access.yaml", "resources/settings.yaml"],
)
def test_a_changed_byte_in_a_file_forces_a_comparison(transaction: Transaction, copy: Path, name: str) -> None:
    copied = dataclasses.replace(transaction, settings=dataclasses.replace(transaction.settings, snapshot=copy))
    fingerprint.record_pull(transaction.connection, transaction.given)
    assert not copied.has_moved
    with (copy.parent / name).open("ab") as file:
        file.write(b"# a comment\n")
    assert copied.has_moved
    assert not fingerprint.is_pulled(transaction.connection, copied.given)


def test_another_version_of_directus_forces_a_comparison(transaction: Transaction, tmp_path: Path) -> None:
    (tmp_path / "cli.js").write_bytes(b"")
    (tmp_path / "package.json").write_text('{"version": "11.99.0"}', encoding="utf-8")
    assert dataclasses.replace(
        transaction, settings=dataclasses.replace(transaction.settings, directus_home=tmp_path)
    ).has_moved


def test_a_deploy_record_copied_from_another_database_is_ignored(settled: Tool, bootstrapped: Tool) -> None:
    columns = "duration, host, pre_head, post_head, revisions, changes, inputs, fingerprint"
    with bootstrapped.database.connect() as connection:
        connection.execute(
            f"INSERT INTO directus_sync.deploys ({columns}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            settled.database.rows(f"SELECT {columns} FROM directus_sync.deploys")[-1],
        )
    with database.connect(bootstrapped.settings, "a test") as connection:
        assert fingerprint.unmoved(connection, bootstrapped.settings) is None


@pytest.mark.parametrize("case", ["nothing", "a field's note", "a new function", "a record of another deploy"])
def test_a_pull_is_remembered_until_something_changes(transaction: Transaction, case: str) -> None:
    assert not fingerprint.is_pulled(transaction.connection, transaction.given)
    fingerprint.record_pull(transaction.connection, transaction.given)
    if case != "nothing":
        transaction.execute(MOVES[case])
    assert fingerprint.is_pulled(transaction.connection, transaction.given) == (case == "nothing")


def test_a_pull_is_remembered_only_if_it_matches_the_last_deploy(transaction: Transaction) -> None:
    fingerprint.record_pull(transaction.connection, "other files")
    transaction.execute(MOVES["a field's note"])
    fingerprint.record_pull(transaction.connection, transaction.given)
    assert pulled_deploys(transaction) == [(None,)]


def pulled_deploys(transaction: Transaction) -> list[tuple[Any, ...]]:
    return database.query(transaction.connection, "SELECT DISTINCT pulled FROM directus_sync.deploys")


# The commands


def test_a_boot_with_nothing_to_do_imports_no_large_package(watched: Watched) -> None:
    """Loading SQLAlchemy alone takes longer than a whole boot may take."""
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


def test_a_boot_with_nothing_to_do_sends_one_query(watched: Watched) -> None:
    with relay(int(watched.tool.environ["DB_PORT"])) as between:
        done = watched.tool.with_settings(DB_PORT=str(between.port), PGSSLMODE="disable")("deploy")
        until(lambda: between.sent.endswith(b"X\0\0\0\4"), 5)
        sent = bytes(between.sent)
    assert done.out.startswith(NOTHING), done.text
    # The first messages of a connection have no type byte: the TLS request, then the names and options.
    position, opened = 0, False
    letters = ""
    while position < len(sent):
        if opened:
            letters += chr(sent[position])
            position += 1
        (length,) = struct.unpack_from("!i", sent, position)
        opened = opened or length > LENGTH_OF_A_WISH
        position += length
    # Password messages, one query, the terminate message.
    assert letters.strip("p") == "QX"


LENGTH_OF_A_WISH = 8
EQUAL = {
    "deploy": NOTHING,
    "diff": "Nothing differs",
    "check": "Nothing differs",
    "push": "Nothing to push",
    "push --mode dry-run": "Nothing differs",
    "deploy --mode dry-run": "Nothing differs",
}


@pytest.mark.parametrize("command", EQUAL)
def test_a_command_with_nothing_to_do_starts_no_node_and_writes_nothing(watched: Watched, command: str) -> None:
    before = watched.tool.database.contents()
    done = watched.tool(*command.split())
    assert (done.code, done.out.startswith(EQUAL[command]), done.err) == (0, True, ""), done.text
    assert not watched.node_was_started
    assert watched.tool.database.contents() == before


@pytest.mark.parametrize("command", ["push", "diff"])
def test_only_access_is_reported_even_if_nothing_changed(watched: Watched, command: str) -> None:
    done = watched.tool(command, "--only", "access", "--allow-destroy", "events", "--json")
    assert (done.code, done.err) == (0, ""), done.text
    assert list(json.loads(done.out)) == ["version", "access"]


def test_every_command_starts_node_after_a_change(deployed: Tool, tmp_path: Path) -> None:
    deployed.database.execute(MOVES["a field's note"])
    for command in ("pull", *EQUAL):
        watched = Watched.around(deployed, tmp_path / command)
        done = watched.tool(*command.split(), "--snapshot", SNAPSHOT)
        assert watched.node_was_started, done.text
        assert done.code != 0


def test_a_permission_changed_by_hand_stops_a_deploy_before_directus_starts(deployed: Tool) -> None:
    deployed.database.execute(MOVES["a permission"])
    assert "Start" not in deployed.refused("uncaptured-live-work", "deploy").err


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_new_revision_forces_a_comparison(watched: Watched, tmp_path: Path, branch: Branch) -> None:
    newer = Checkout.with_revision(tmp_path / "newer", "get_bind()", "get_bind()", branch)
    assert newer.sync(watched.tool, "diff").code != 0
    assert watched.node_was_started


def test_push_always_compares_a_saved_plan_with_the_server(watched: Watched, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert watched.tool("diff", "--out", plan).code == 0
    assert not watched.node_was_started
    assert watched.tool("push", "--plan", plan).code != 0
    assert watched.node_was_started


def test_a_deploy_that_skipped_the_schema_records_no_fingerprint(deployed: Tool, tmp_path: Path) -> None:
    watched = Watched.around(deployed, tmp_path / "bin")
    skipped = watched.tool.with_settings(DIRECTUS_SCHEMA_APPLY_MODE="skip").done("deploy")
    assert "Nothing was pushed: the mode is skip" in skipped.err
    assert watched.tool.database.value(RECORDED) is None
    assert watched.tool("deploy").code != 0
    assert watched.node_was_started


def test_each_deploy_repeats_the_notes_about_differences(deployed: Tool) -> None:
    deployed.database.execute("CREATE INDEX events_by_hand_idx ON events (lower(name))")
    first, again = deployed("deploy"), deployed("deploy")
    assert ("Started a" in first.err, "Started a" in again.err) == (True, False), first.text
    for done in (first, again):
        assert (done.code, "catalog.yaml does not list index events.events_by_hand_idx" in done.err) == (0, True)
        assert done.out.startswith("Nothing to do apart from the notes")


def test_a_pull_after_a_pull_without_changes_starts_no_node(deployed: Tool, copy: Path, tmp_path: Path) -> None:
    watched = Watched.around(deployed, tmp_path / "bin")
    assert watched.tool("pull", "--snapshot", copy).code != 0
    assert watched.node_was_started
    (watched.folder / "started").unlink()
    first = deployed("pull", "--snapshot", copy)
    assert (first.code, first.out) == (0, f"Nothing to pull: {copy} equals Directus\n"), first.text
    before = deployed.database.contents()
    again = watched.tool("pull", "--snapshot", copy)
    assert (again.code, again.out, again.err) == (0, first.out, ""), again.text
    assert not watched.node_was_started
    assert deployed.database.contents() == before


def test_a_pull_works_without_the_column_that_remembers_it(deployed: Tool) -> None:
    deployed.database.execute("ALTER TABLE directus_sync.deploys DROP COLUMN pulled")
    with database.connect(deployed.settings, "a test") as connection:
        given = fingerprint.inputs(deployed.settings)
        fingerprint.record_pull(connection, given)
        assert not fingerprint.is_pulled(connection, given)


# Changes that somebody makes while a deploy runs


@pytest.fixture
def outdated(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus on a database without the last revisions."""
    with serve("deployed", "", without_the_last_revisions) as running:
        yield running


def without_the_last_revisions(running: RunningDirectus) -> None:
    assert running.tool.alembic("downgrade", "post_0001").code == 0


def test_a_file_replaced_during_a_deploy_is_compared_by_the_next_one(outdated: RunningDirectus, copy: Path) -> None:
    """`git pull` may do this. The deploy applies and records the content that it read before."""
    settings = dataclasses.replace(outdated.tool.settings, snapshot=copy)

    def replace(_: object) -> None:
        copy.write_bytes(copy.read_bytes() + b"# a comment\n")

    with changed_at(planning, "preflight", replace):
        deploy.run(settings, Request(), Progress())
    with database.connect(settings, "a test") as connection:
        alone = dataclasses.replace(settings, directus_url=None)
        assert fingerprint.unmoved(connection, alone) is None
        shutil.copy(SNAPSHOT, copy)
        assert fingerprint.unmoved(connection, alone) is not None


def test_a_change_after_the_last_comparison_prevents_a_fingerprint(outdated: RunningDirectus) -> None:
    """Somebody saves a field in the admin UI just before a deploy ends."""
    with changed_at(planning, "require_equal", lambda _: outdated.database.execute(MOVES["a field's note"])):
        deploy.run(outdated.tool.settings, Request(), Progress())
    assert outdated.database.value(RECORDED) is None


def test_a_constraint_lost_after_the_catalog_check_prevents_a_fingerprint(outdated: RunningDirectus) -> None:
    """Directus's comparison cannot notice the loss of this constraint, because Directus does not know it."""
    outdated.database.execute("DROP INDEX positions_faulty_idx")

    def lose(found: upkeep.Verified) -> None:
        if not found.restored:
            outdated.database.execute(MOVES["a dropped constraint"])

    with changed_at(upkeep, "put_back", lose):
        done = deploy.run(outdated.tool.settings, Request(), Progress())
    assert done.verified.restored == ("index positions.positions_faulty_idx",)
    assert outdated.database.value(RECORDED) is None


def test_a_repeated_pull_asks_directus_for_its_version_but_not_its_schema(
    serve: Serving, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    export, version = DirectusClient.snapshot, DirectusClient.version

    def noted(client: DirectusClient) -> bytes:
        asked.append("schema")
        return export(client)

    monkeypatch.setattr(DirectusClient, "snapshot", noted)
    with serve("deployed") as running:
        settings = dataclasses.replace(running.tool.settings, snapshot=copy)
        for _ in range(2):
            assert not pull.run(settings, Progress(), overwrite=False).anything
        assert asked == ["schema"]
        monkeypatch.setattr(DirectusClient, "version", lambda client: f"{version(client)}-another")
        pull.run(settings, Progress(), overwrite=False)
        assert asked == ["schema", "schema"]
