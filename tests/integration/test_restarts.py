"""A container that restarts serves, also when somebody works in Directus; a new image over that work halts. Nobody can
lock it out."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.conftest import SNAPSHOT, Tool

NOTE = "UPDATE directus_fields SET note = 'As on the papers' WHERE (collection, field) = ('vehicles', 'plate')"
NAME = "UPDATE directus_settings SET project_name = 'As on the papers'"


def test_a_boot_serves_when_all_that_differs_is_work_in_directus(deployed: Tool) -> None:
    assert deployed("deploy").code == 0
    deployed.database.execute(f"{NOTE}; {NAME}")

    booted = deployed("deploy", "--", "sh", "-c", 'echo "serving with $DIRECTUS_SYNC_UNCAPTURED"')

    assert (booted.code, booted.out.splitlines()[-1]) == (0, "serving with 2"), booted.text
    uncaptured = "Directus has uncaptured changes: vehicles.plate, setting:project_name"
    assert uncaptured in booted.err
    assert f"note       {uncaptured}" in deployed("status").out
    assert deployed.database.value("SELECT note FROM directus_fields WHERE field = 'plate'") == "As on the papers"
    # A deploy by hand or in a pipeline refuses, and so does a boot that is told to.
    assert deployed("deploy").code == 4
    halted = deployed.with_settings(DIRECTUS_SYNC_ON_DRIFT="halt")("deploy", "--", "echo", "serving")
    assert (halted.code, "uncaptured-live-work" in halted.err) == (4, True), halted.text


def test_a_boot_that_brings_something_new_halts_over_work_in_directus(deployed: Tool, tmp_path: Path) -> None:
    assert deployed("deploy").code == 0
    deployed.database.execute(NOTE)
    folder = tmp_path / "snapshots"
    shutil.copytree(SNAPSHOT.parent, folder)
    with (folder / SNAPSHOT.name).open("ab") as file:
        file.write(b"# a newer image\n")

    booted = deployed("deploy", "--snapshot", folder / SNAPSHOT.name, "--", "echo", "serving")

    assert (booted.code, "uncaptured-live-work" in booted.err, "serving" in booted.out) == (4, True, False), booted.text


def test_an_administrator_who_was_locked_by_wrong_log_ins_locks_no_deploy(deployed: Tool) -> None:
    assert deployed("deploy").code == 0
    # What Directus makes of 25 wrong log-ins, and a second factor besides.
    deployed.database.execute("UPDATE directus_users SET status = 'suspended', tfa_secret = 'JBSWY3DPEHPK3PXP'")
    deployed.database.execute(NOTE)

    pushed = deployed("push", "--discard-live", "vehicles.plate")

    assert (pushed.code, deployed("check").code) == (0, 0), pushed.text
