"""Directus's own tables are upgraded to another minor or major version only if that version is named."""

from __future__ import annotations

import json
import subprocess

import pytest

from directus_sync.directus import installation, program
from tests.conftest import Tool

VERSION = "11.17.4"
RECORDED = "UPDATE directus_sync.snapshot_history SET directus_version = '{}'"


@pytest.fixture
def older(deployed: Tool) -> Tool:
    """The tool on a database without the last migration of Directus, which Directus itself undid."""
    home = installation.home(deployed.settings)
    down = [program.node(deployed.settings), str(home / "cli.js"), "database", "migrate:down"]
    environ = {**program.environment(deployed.settings), "NODE_COMPILE_CACHE": str(home / ".cache" / "directus-sync")}
    subprocess.run(down, cwd=home, env=environ, check=True, capture_output=True)
    return deployed


def test_deploy_refuses_another_minor_version_until_it_is_named(older: Tool) -> None:
    older.database.execute(RECORDED.format("11.13.4"))
    before = older.database.contents()
    for given in ((), ("--upgrade-directus", "12.4.1")):
        refused = older("deploy", *given)
        assert refused.code == 4, refused.text
        assert "error[directus-upgrade]: Directus 11.17.4 would run 1 migration on a database of Directus 11.13.4" in (
            refused.err
        )
        assert f"directus-sync deploy --upgrade-directus {VERSION}" in refused.err
        assert older.database.contents() == before

    shown = older("deploy", "--mode", "dry-run", "--json")
    assert shown.code == 3, shown.text
    (migration,) = json.loads(shown.out)["directus_migrations"]
    assert migration in refused.err
    assert f"  {migration}\n" in older("check").out

    # A patch of the same minor version does not have to be named.
    older.database.execute(RECORDED.format("11.17.3"))
    assert older("deploy", "--mode", "dry-run").code == 3
    older.database.execute(RECORDED.format("11.13.4"))
    done = older.with_settings(DIRECTUS_SYNC_UPGRADE_DIRECTUS=VERSION)("deploy")
    assert done.code == 0, done.text
    assert f"Bootstrapped Directus {VERSION}" in done.err
    assert older("deploy").out.startswith("Nothing to do")


def test_deploy_refuses_a_database_of_a_newer_directus_and_names_the_downgrade(deployed: Tool) -> None:
    deployed.database.execute(RECORDED.format("12.4.1"))
    deployed.database.execute(
        "INSERT INTO directus_migrations (version, name) VALUES ('29990101A', 'From the future');"
        "UPDATE directus_sync.deploys SET inputs = NULL"
    )
    before = deployed.database.contents()
    refused = deployed("deploy")
    assert refused.code == 4, refused.text
    assert "error[directus-too-old]: this database was upgraded to Directus 12.4.1" in refused.err
    assert "29990101A" in refused.err
    assert "directus database migrate:down, 1 times" in refused.err
    assert deployed.database.contents() == before
