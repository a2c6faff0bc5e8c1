"""An empty database becomes the business plane in one command, and a second command proves it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from directus_sync.catalog import Kind
from directus_sync.catalog import file as catalog_file
from directus_sync.commands import deploy, sessions
from directus_sync.commands.planning import Request
from directus_sync.directus import server
from directus_sync.errors import PrivateServerFailed
from directus_sync.output import Progress
from directus_sync.postgres import database
from directus_sync.schema.snapshot import Snapshot
from directus_sync.state.revisions import BRANCHES, checkout_head
from tests import homes
from tests.catalogs import CATALOG, read
from tests.checkout import Checkout
from tests.conftest import PROGRAMS, SNAPSHOT, Cloning, Finished, RunningDirectus, Tool, running_directus
from tests.course import ROWS, insert
from tests.snapshots import edited, set_property, without_collections, without_relation

# By name, as the catalog lists them.
CONSTRAINTS = {
    item.name.partition(".")[2]: definition
    for item, definition in catalog_file.load(CATALOG).definitions.items()
    if item.kind is Kind.CONSTRAINT
}


@pytest.fixture(scope="module")
def first(clone: Cloning) -> tuple[Tool, Finished]:
    """A first deploy on an empty database."""
    tool = Tool(clone("empty"))
    return tool, tool("deploy")


@pytest.fixture(scope="module")
def served(first: tuple[Tool, Finished]) -> Iterator[RunningDirectus]:
    """A Directus on what the first deploy made."""
    with running_directus(first[0]) as running:
        yield running


def test_the_first_deploy_says_what_it_did(first: tuple[Tool, Finished]) -> None:
    _, done = first
    assert done.code == 0, done.text
    assert "Applied:  pre_0003_create_positions_hypertable in " in done.err
    assert "Bootstrapped Directus 11.17.4 in " in done.err
    assert "+ events" in done.err
    assert "Applied:  post_0002_add_participation_uniques in " in done.err
    assert done.out.splitlines()[-1].startswith("Deployed in ")


def test_the_second_deploy_finds_nothing_to_do(first: tuple[Tool, Finished]) -> None:
    tool, _ = first
    again = tool("deploy")
    assert (again.code, again.out[:13]) == (0, "Nothing to do")


def test_a_deploy_is_recorded(first: tuple[Tool, Finished], committed: Snapshot) -> None:
    tool, _ = first
    status = json.loads(tool("status", "--json").out)
    assert status["heads"] == {branch: [checkout_head(branch)] * 2 for branch in BRANCHES}
    assert status["recorded_sha256"] == status["deploy"]["sha256"] == committed.sha256
    assert tool.database.value("SELECT snapshot FROM directus_sync.snapshot_history ORDER BY id LIMIT 1") == (
        committed.content
    )


def test_positions_is_a_hypertable_of_one_day_chunks(first: tuple[Tool, Finished]) -> None:
    database = first[0].database
    assert database.value("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
    assert database.rows(
        "SELECT column_name::text, extract(epoch FROM time_interval)::int FROM timescaledb_information.dimensions"
        " WHERE hypertable_schema = 'public' AND hypertable_name = 'positions'"
    ) == [("ts", 86400)]


def test_faulty_is_not_null_and_defaults_to_false(first: tuple[Tool, Finished]) -> None:
    assert first[0].database.rows(
        "SELECT data_type::text, is_nullable::text, column_default::text FROM information_schema.columns"
        " WHERE table_name = 'positions' AND column_name = 'faulty'"
    ) == [("boolean", "NO", "false")]


def test_directus_serves_every_collection_and_the_extra_user_fields(
    served: RunningDirectus, committed: Snapshot
) -> None:
    declared = {
        name
        for (name,), entry in committed.section("collections").items()
        if entry.get("schema") and not name.startswith("directus_")
    }
    listed = {entry["collection"] for entry in served.http.get("/collections").json()["data"] if entry["schema"]}
    assert {name for name in listed if not name.startswith("directus_")} == declared
    fields = {entry["field"] for entry in served.http.get("/fields/directus_users").json()["data"]}
    assert {"phone", "birth_date", "nationality", "organization_users"} <= fields
    assert "organization_id" not in fields


def test_every_constraint_of_the_catalog_is_there_by_name(first: tuple[Tool, Finished]) -> None:
    found = first[0].database.rows(
        "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE (contype = 'c' OR contype = 'u' AND cardinality(conkey) > 1)"
        " AND connamespace = 'public'::regnamespace"
        " AND conrelid::regclass::text !~ '^(directus_|spatial_ref_sys)'"
    )
    assert {name for name, _ in found} == set(CONSTRAINTS)
    assert dict(found)["events_organization_id_slug_key"] == "UNIQUE (organization_id, slug)"


def test_the_export_equals_the_committed_file_in_bytes(served: RunningDirectus) -> None:
    assert served.export() == SNAPSHOT.read_bytes()


def test_diff_and_check_find_nothing(served: RunningDirectus) -> None:
    assert served.tool("diff").code == 0
    checked = served.tool("check", "--json")
    assert checked.code == 0, checked.text
    assert json.loads(checked.out)["pending"] == {"pre": [], "post": []}


@pytest.mark.parametrize("revision", ["pre_0001", "pre_0002", "pre_0003", "pre@head"])
def test_deploy_goes_on_from_where_alembic_stopped(empty: Tool, revision: str) -> None:
    assert empty.alembic("upgrade", revision).code == 0
    _assert_ends_like_any_other(empty)


# A revision that is applied somewhere stays as it was.
@pytest.mark.filterwarnings("ignore:The Column.copy")
@pytest.mark.parametrize("room", [True, False], ids=["room for two", "little memory"])
def test_a_first_deploy_starts_node_twice(
    empty: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, room: bool
) -> None:
    """To bootstrap, and to serve; the second loads beside the first where the machine has room for both."""
    node = shutil.which("node", path=empty.environ["PATH"])
    wrapper, starts = tmp_path / "node", tmp_path / "starts"
    wrapper.write_text(f'#!/bin/sh\necho "$2" >> "{starts}"\nexec "{node}" "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(server, "has_room_for_two", lambda: room)
    watched = empty.with_settings(PATH=f"{tmp_path}{os.pathsep}{empty.environ['PATH']}")
    done = deploy.run(watched.settings, Request(), Progress())
    assert done.bootstrapped
    assert starts.read_text().split() == (["start", "bootstrap"] if room else ["bootstrap", "start"])
    assert empty("check").code == 0


def test_deploy_goes_on_after_a_bootstrap(bootstrapped: Tool) -> None:
    _assert_ends_like_any_other(bootstrapped)


@pytest.mark.parametrize("revision", ["post@base", "post_0002", "post_0006"])
def test_deploy_goes_on_from_an_earlier_post_revision(deployed: Tool, revision: str) -> None:
    assert deployed.alembic("downgrade", revision).code == 0
    _assert_ends_like_any_other(deployed)


def test_a_database_of_the_first_phase_ends_like_any_other(empty: Tool, tmp_path: Path, committed: Snapshot) -> None:
    """Organisations and events, before there were a course and timing."""
    older = Checkout.copied(tmp_path)
    later = [
        name
        for (name,), entry in committed.section("collections").items()
        if (entry["meta"] or {}).get("group") in {"course", "timing"} or name in {"course", "timing"}
    ]
    edited(older.folder / "snapshots" / "schema.yaml", without_collections(*later))
    (older.folder / "snapshots" / "catalog.yaml").unlink()
    for branch, head in {"pre": "pre_0005", "post": "post_0002"}.items():
        versions = older.folder / "migrations" / "versions"
        (versions / f"{branch.upper()}_HEAD").write_text(f"{head}\n")
        for path in (versions / branch).glob("*.py"):
            if path.stem[: len(head)] > head:
                path.unlink()
    first = older.sync(empty, "deploy")
    assert first.code == 0, first.text
    assert empty.database.value("SELECT to_regclass('public.stages') IS NULL")
    rows = {table: row for table, row in ROWS.items() if table.startswith("directus_") or table not in later}
    with empty.database.connect() as connection:
        for table, row in rows.items():
            insert(connection, table, row)

    _assert_ends_like_any_other(empty)
    for table in rows:
        ours = "WHERE status = 'draft'" if table == "directus_users" else ""
        assert empty.database.value(f"SELECT count(*) FROM {table} {ours}") == 1
    with running_directus(empty) as running:
        assert running.export() == SNAPSHOT.read_bytes()


def test_a_directus_of_another_database_is_refused(empty: Tool, directus: RunningDirectus) -> None:
    before, nothing = directus.database.contents(), empty.database.contents()
    refused = empty.with_settings(DIRECTUS_URL=str(directus.http.base_url))("deploy")
    assert refused.code == 2, refused.text
    assert "do not belong together" in refused.err
    assert directus.database.contents() == before
    assert empty.database.contents() == nothing


def test_another_directus_on_the_port_of_the_private_one_is_not_taken_for_it(
    deployed: Tool, directus: RunningDirectus, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The databases of the tests are copies of one, and have its id.
    deployed.database.execute("UPDATE directus_settings SET project_id = gen_random_uuid()")
    monkeypatch.setattr(server, "_free_port", lambda: directus.http.base_url.port)
    settings = deployed.settings
    with (
        database.connect(settings, "a test") as connection,
        pytest.raises(PrivateServerFailed, match="another Directus answers"),
        sessions.directus(settings, connection, Progress()),
    ):
        pytest.fail("it works on another database")


@pytest.mark.parametrize("writable", [True, False], ids=["can be written", "can't be written"])
def test_compiled_code_is_kept_in_directus_s_folder_where_that(writable: bool, deployed: Tool, tmp_path: Path) -> None:
    home = homes.link(tmp_path / "directus", Path(deployed.environ["DIRECTUS_HOME"]))
    if not writable:
        # Root may write anywhere, but not make a folder of a file.
        (home / ".cache").touch()
    deployed.database.execute("TRUNCATE directus_sync.deploys")
    done = deployed.with_settings(DIRECTUS_HOME=str(home))("diff")
    assert (done.code, done.out) == (0, "Nothing differs: Directus equals the snapshot\n"), done.text
    assert "Started a private Directus" in done.err
    kept = sum(1 for path in (home / ".cache").rglob("*") if path.is_file())
    # Directus loads some four thousand modules.
    assert kept > 1000 if writable else kept == 0


def test_the_private_directus_listens_where_it_is_asked_whatever_is_set_for_another(
    deployed: Tool, tmp_path: Path
) -> None:
    deployed.database.execute("TRUNCATE directus_sync.deploys")
    socket = tmp_path / "socket"
    done = deployed.with_settings(UNIX_SOCKET_PATH=str(socket), HOST="203.0.113.1", PORT="1")("diff")
    assert done.code == 0, done.text
    assert not socket.exists()


def _assert_ends_like_any_other(tool: Tool) -> None:
    done = tool("deploy")
    assert done.code == 0, done.text
    assert tool("deploy").out.startswith("Nothing to do")
    assert catalog_file.dump(read(tool)) == CATALOG.read_bytes()
    assert tool.database.rows("SELECT version_num FROM directus_sync.alembic_version ORDER BY 1") == [
        (checkout_head("post"),),
        (checkout_head("pre"),),
    ]


def test_a_blank_env_file_does_not_reach_directus(deployed: Tool, tmp_path: Path) -> None:
    """Directus reads the .env of its folder, and prefers even its blank lines to its environment."""
    (tmp_path / ".env").write_text("DB_HOST=\nDB_EXCLUDE_TABLES=\n", encoding="utf-8")
    done = subprocess.run(
        [PROGRAMS / "directus-sync", "deploy"],
        cwd=tmp_path,
        env=deployed.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Nothing to do"), done.stderr


def test_status_needs_no_snapshot_that_can_be_read(deployed: Tool, tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_bytes(b"<<<<<<< HEAD\n")
    done = deployed("status", "--snapshot", tmp_path / "schema.yaml", "--json")
    assert done.code == 0, done.text
    assert json.loads(done.out)["database"] == deployed.settings.database.label


def test_what_directus_forgets_of_a_foreign_key_is_put_back(deployed: Tool, tmp_path: Path) -> None:
    """It drops the key and makes it anew for any change of the relation, and knows nothing of DEFERRABLE."""
    path = tmp_path / "schema.yaml"
    deployed.database.execute("ALTER TABLE entries ALTER CONSTRAINT entries_vehicle_id_foreign DEFERRABLE")
    pulled = deployed("pull", "--snapshot", path)
    assert pulled.code == 0, pulled.text
    relation = {"collection": "entries", "field": "vehicle_id"}
    edited(path, set_property("relations", "meta.one_deselect_action", "delete", **relation))
    done = deployed("deploy", "--snapshot", path)
    assert done.code == 0, done.text
    assert "Put back: deferrable entries.entries_vehicle_id_foreign" in done.err
    deferrable = "SELECT condeferrable FROM pg_constraint WHERE conname = 'entries_vehicle_id_foreign'"
    assert deployed.database.value(deferrable) is True


def test_what_goes_with_its_foreign_key_is_not_put_back(deployed: Tool, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    deployed.database.execute("ALTER TABLE entries ALTER CONSTRAINT entries_vehicle_id_foreign DEFERRABLE")
    assert deployed("pull", "--snapshot", path).code == 0
    without_key = [
        set_property("fields", f"schema.foreign_key_{part}", None, collection="entries", field="vehicle_id")
        for part in ("table", "column")
    ]
    edited(path, without_relation("entries", "vehicle_id"), *without_key)
    done = deployed("deploy", "--snapshot", path, "--allow-destroy", "entries.vehicle_id")
    assert done.code == 0, done.text
    assert "catalog.yaml lists deferrable entries.entries_vehicle_id_foreign, which was removed on purpose" in done.err
