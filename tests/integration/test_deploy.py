"""One command deploys everything to an empty database, and a second one finds nothing to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from directus_sync.catalog import file as catalog_file
from directus_sync.commands import deploy
from directus_sync.directus import bootstrap
from directus_sync.output import Progress
from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import BRANCHES, checkout_head
from directus_sync.schema.snapshot import Snapshot
from directus_sync.steps.planning import Request
from tests import homes
from tests.catalogs import CATALOG, read
from tests.checkout import Checkout
from tests.conftest import (
    PROGRAMS,
    SNAPSHOT,
    Serving,
    Tool,
    running_directus,
)
from tests.course import ROWS, insert
from tests.snapshots import edited, set_property, without_collections, without_relation


def recording_node_starts(tool: Tool, folder: Path) -> tuple[Tool, Path]:
    """Return the tool with a `node` that records each start, and the file of these records."""
    node = shutil.which("node", path=tool.environ["PATH"])
    wrapper, starts = folder / "node", folder / "starts"
    wrapper.write_text(f'#!/bin/sh\necho "$2" >> "{starts}"\nexec "{node}" "$@"\n')
    wrapper.chmod(0o755)
    return tool.with_settings(PATH=f"{folder}{os.pathsep}{tool.environ['PATH']}"), starts


def test_the_first_deploy_reports_each_step_and_starts_only_the_worker(
    empty: Tool, committed: Snapshot, tmp_path: Path
) -> None:
    watched, starts = recording_node_starts(empty, tmp_path)
    done = watched("deploy")
    assert done.code == 0, done.text
    assert "Applied:  pre_0003_create_positions_hypertable in " in done.err
    assert "Bootstrapped Directus 11.17.4 from its prepared tables in " in done.err
    assert "+ events" in done.err
    assert "Applied:  post_0002_add_participation_uniques in " in done.err
    assert done.out.splitlines()[-1].startswith("Deployed in ")
    # On a machine's first run node also builds the worker, which is an .mjs file.
    assert [start for start in starts.read_text().split() if not start.endswith(".mjs")] == ["work"]

    status = json.loads(empty("status", "--json").out)
    assert status["heads"] == {branch: [checkout_head(branch)] * 2 for branch in BRANCHES}
    assert status["recorded_sha256"] == status["deploy"]["sha256"] == committed.sha256
    assert empty.database.value("SELECT snapshot FROM directus_sync.snapshot_history ORDER BY id LIMIT 1") == (
        committed.content
    )
    assert json.loads(empty("check", "--json").out)["pending"] == {"pre": [], "post": []}
    _assert_deploy_completes(empty)


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["pre_0001", "pre_0003", "pre@head"])
def test_deploy_continues_where_alembic_stopped(empty: Tool, revision: str) -> None:
    assert empty.alembic("upgrade", revision).code == 0
    _assert_deploy_completes(empty)


# A revision must not change once it is applied somewhere, so its deprecation warning stays.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The Column.copy")
def test_a_first_deploy_with_little_memory_starts_one_node_at_a_time(
    empty: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "has_room_for_two", lambda: False)
    watched, starts = recording_node_starts(empty.with_settings(DIRECTUS_SYNC_WORKER="off"), tmp_path)
    done = deploy.run(watched.settings, Request(), Progress())
    assert done.bootstrapped
    assert starts.read_text().split() == ["bootstrap", "start"]
    assert empty("check").code == 0


@pytest.mark.slow
def test_a_database_of_the_first_phase_is_brought_up_to_date(empty: Tool, tmp_path: Path, committed: Snapshot) -> None:
    """The first phase had organisations and events, but no course and no timing."""
    older = Checkout.copied(tmp_path)
    later = [
        name
        for (name,), entry in committed.section("collections").items()
        if (entry["meta"] or {}).get("group") in {"course", "timing"} or name in {"course", "timing"}
    ]
    edited(older.folder / "snapshots" / "schema.yaml", without_collections(*later))
    (older.folder / "snapshots" / "catalog.yaml").unlink()
    for family in ("access", "resources"):
        shutil.rmtree(older.folder / "snapshots" / family)
    versions = older.folder / "migrations" / "versions"
    for path in (versions / "post").glob("*.py"):
        # Keep the pre branch: it creates the tables that this version of the tool needs.
        if path.stem[:9] > "post_0002":
            path.unlink()
    revision_files.write_head(versions, "post", revision_files.read(versions, "post")[-1].name)
    first = older.sync(empty, "deploy")
    assert first.code == 0, first.text
    assert empty.database.value("SELECT to_regclass('public.stages') IS NULL")
    rows = {table: row for table, row in ROWS.items() if table.startswith("directus_") or table not in later}
    with empty.database.connect() as connection:
        for table, row in rows.items():
            insert(connection, table, row)

    _assert_deploy_completes(empty)
    for table in rows:
        ours = "WHERE status = 'draft'" if table == "directus_users" else ""
        assert empty.database.value(f"SELECT count(*) FROM {table} {ours}") == 1
    with running_directus(empty) as running:
        assert running.export() == SNAPSHOT.read_bytes()


def test_deploy_refuses_a_directus_that_serves_another_database(empty: Tool, serve: Serving) -> None:
    with serve("deployed") as another:
        before, nothing = another.database.contents(), empty.database.contents()
        refused = empty.with_settings(DIRECTUS_URL=str(another.http.base_url))("deploy")
        assert refused.code == 2, refused.text
        assert "do not belong together" in refused.err
        assert another.database.contents() == before
        assert empty.database.contents() == nothing


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["can be written", "can't be written", "is open to others"])
def test_compiled_code_is_cached_only_in_a_private_writable_folder(folder: str, deployed: Tool, tmp_path: Path) -> None:
    home = homes.link(tmp_path / "directus", Path(deployed.environ["DIRECTUS_HOME"]))
    if folder == "can't be written":
        # Root can write anywhere, but cannot create a folder where a file is.
        (home / ".cache").touch()
    elif folder == "is open to others":
        (home / ".cache" / "directus-sync").mkdir(parents=True)
        (home / ".cache" / "directus-sync").chmod(0o777)
    deployed.database.execute("TRUNCATE directus_sync.deploys")
    done = deployed.with_settings(DIRECTUS_HOME=str(home), DIRECTUS_SYNC_WORKER="off")("diff")
    assert (done.code, done.out) == (0, "Nothing differs: Directus equals the snapshot\n"), done.text
    assert "Started a private Directus" in done.err
    kept = sum(1 for path in (home / ".cache").rglob("*") if path.is_file())
    # Directus loads about four thousand modules.
    assert kept > 1000 if folder == "can be written" else kept == 0


def test_a_private_directus_ignores_env_files_and_settings_of_other_servers(deployed: Tool, tmp_path: Path) -> None:
    """Directus reads .env in its folder, and prefers even blank values there to its environment."""
    (tmp_path / ".env").write_text("DB_HOST=\nDB_EXCLUDE_TABLES=\n", encoding="utf-8")
    deployed.database.execute("TRUNCATE directus_sync.deploys")
    socket = tmp_path / "socket"
    done = subprocess.run(
        [PROGRAMS / "directus-sync", "diff"],
        cwd=tmp_path,
        env={**deployed.environ, "UNIX_SOCKET_PATH": str(socket), "HOST": "203.0.113.1", "PORT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Started a schema worker" in done.stderr
    assert not socket.exists()


def test_status_works_with_a_broken_snapshot(settled: Tool, tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_bytes(b"<<<<<<< HEAD\n")
    done = settled.done("status", "--snapshot", tmp_path / "schema.yaml", "--json")
    assert json.loads(done.out)["database"] == settled.settings.database.label


def test_deploy_restores_deferrable_until_the_foreign_key_is_removed(serve: Serving, tmp_path: Path) -> None:
    """At any change of a relation Directus drops its foreign key and recreates it without DEFERRABLE."""
    relation = {"collection": "entries", "field": "vehicle_id"}
    with serve("deployed") as running:
        path = tmp_path / "schema.yaml"
        running.database.execute("ALTER TABLE entries ALTER CONSTRAINT entries_vehicle_id_foreign DEFERRABLE")
        running.tool.done("pull", "--snapshot", path)
        edited(path, set_property("relations", "meta.one_deselect_action", "delete", **relation))
        done = running.tool.done("deploy", "--snapshot", path)
        assert "Put back: deferrable entries.entries_vehicle_id_foreign" in done.err
        deferrable = "SELECT condeferrable FROM pg_constraint WHERE conname = 'entries_vehicle_id_foreign'"
        assert running.database.value(deferrable) is True

        without_key = [
            set_property("fields", f"schema.foreign_key_{part}", None, **relation) for part in ("table", "column")
        ]
        edited(path, without_relation("entries", "vehicle_id"), *without_key)
        done = running.tool.done("deploy", "--snapshot", path, "--allow-destroy", "entries.vehicle_id")
        assert (
            "catalog.yaml lists deferrable entries.entries_vehicle_id_foreign, which was removed on purpose" in done.err
        )


def _assert_deploy_completes(tool: Tool) -> None:
    tool.done("deploy")
    assert tool("deploy").out.startswith("Nothing to do")
    assert catalog_file.dump(read(tool)) == CATALOG.read_bytes()
    assert tool.database.rows("SELECT version_num FROM directus_sync.alembic_version ORDER BY 1") == [
        (checkout_head("post"),),
        (checkout_head("pre"),),
    ]
