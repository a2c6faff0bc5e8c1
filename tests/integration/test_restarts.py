"""A restarted container serves even if somebody changed something in Directus; a new image is refused over such work.
A locked administrator does not block a deploy."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.conftest import SNAPSHOT, Tool

NOTE = "UPDATE directus_fields SET note = 'As on the papers' WHERE (collection, field) = ('vehicles', 'plate')"
NAME = "UPDATE directus_settings SET project_name = 'As on the papers'"


def test_a_boot_serves_if_only_directus_has_changes(deployed: Tool) -> None:
    assert deployed("deploy").code == 0
    deployed.database.execute(f"{NOTE}; {NAME}")

    booted = deployed("deploy", "--", "sh", "-c", 'echo "serving with $DIRECTUS_SYNC_UNCAPTURED"')

    assert (booted.code, booted.out.splitlines()[-1]) == (0, "serving with 2"), booted.text
    uncaptured = "Directus has uncaptured changes: vehicles.plate, setting:project_name"
    assert uncaptured in booted.err
    assert f"note       {uncaptured}" in deployed("status").out
    assert deployed.database.value("SELECT note FROM directus_fields WHERE field = 'plate'") == "As on the papers"
    # A deploy by hand or in a pipeline refuses, and so does a boot with DIRECTUS_SYNC_ON_DRIFT=halt.
    assert deployed("deploy").code == 4
    halted = deployed.with_settings(DIRECTUS_SYNC_ON_DRIFT="halt")("deploy", "--", "echo", "serving")
    assert (halted.code, "uncaptured-live-work" in halted.err) == (4, True), halted.text


def test_a_boot_with_new_files_stops_if_directus_has_changes(deployed: Tool, tmp_path: Path) -> None:
    assert deployed("deploy").code == 0
    deployed.database.execute(NOTE)
    folder = tmp_path / "snapshots"
    shutil.copytree(SNAPSHOT.parent, folder)
    with (folder / SNAPSHOT.name).open("ab") as file:
        file.write(b"# a newer image\n")

    booted = deployed("deploy", "--snapshot", folder / SNAPSHOT.name, "--", "echo", "serving")

    assert (booted.code, "uncaptured-live-work" in booted.err, "serving" in booted.out) == (4, True, False), booted.text


def test_a_deploy_works_with_a_suspended_administrator(deployed: Tool) -> None:
    assert deployed("deploy").code == 0
    # The effect of 25 wrong log-ins, and a second factor.
    deployed.database.execute("UPDATE directus_users SET status = 'suspended', tfa_secret = 'JBSWY3DPEHPK3PXP'")
    deployed.database.execute(NOTE)

    pushed = deployed("push", "--discard-live", "vehicles.plate")

    assert (pushed.code, deployed("check").code) == (0, 0), pushed.text
