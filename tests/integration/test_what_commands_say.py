"""What commands print about their work before, during and after it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

from tests.attics import RUN, open_attic
from tests.conftest import PROGRAMS, ROOT, Tool
from tests.snapshots import edited, set_property, with_firmware


def test_check_compares_the_catalog_while_a_push_is_pending(deployed: Tool, snapshot_file: Path) -> None:
    snapshot_file.with_name("catalog.yaml").write_bytes(Path("snapshots/catalog.yaml").read_bytes())
    edited(snapshot_file, with_firmware)
    deployed.database.execute("DROP INDEX positions_faulty_idx")
    found = json.loads(deployed("check", "--json", "--snapshot", snapshot_file).out)
    assert [item["id"] for item in found["schema"]["items"]] == ["devices.firmware"]
    assert [item["object"] for item in found["catalog"]] == ["index positions.positions_faulty_idx"]


def completed(tool: Tool, *words: str) -> list[str]:
    """Return bash's completions of the last word."""
    script = tool("completion", "bash").out
    typed = f"COMP_WORDS=(directus-sync {shlex.join(words)}); COMP_CWORD={len(words)}\n"
    asked = f'{script}{typed}_directus_sync_completion directus-sync; echo "${{COMPREPLY[@]}}"'
    environ = {**tool.environ, "PATH": f"{PROGRAMS}{os.pathsep}{tool.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", asked], env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_attic_copies_by_number_run_and_item(deployed: Tool) -> None:
    assert completed(deployed, "attic", "restore", "") == []
    with open_attic(deployed) as kept:
        copies = [str(kept.taken("vehicles").id), str(kept.taken("devices").id)]
    assert sorted(completed(deployed, "attic", "restore", "")) == copies
    assert sorted(completed(deployed, "attic", "purge", "")) == copies
    assert completed(deployed, "attic", "restore", "--run", str(RUN)[:4]) == [str(RUN)]
    assert completed(deployed, "attic", "purge", "--item", "veh") == ["vehicles"]
    # Without a database there are no completions and no message.
    assert completed(deployed.with_settings(DB_PORT="1"), "attic", "restore", "") == []


def test_diff_names_unused_approvals_and_refused_fields_of_new_collections(
    bootstrapped: Tool, snapshot_file: Path
) -> None:
    default = set_property("fields", "schema.default_value", "a::b", collection="vehicles", field="plate")
    edited(snapshot_file, default)
    shown = bootstrapped("diff", "--only", "schema", "--allow-destroy", "vehicles.colour", "--snapshot", snapshot_file)
    assert shown.code == 3, shown.text
    assert "note: the approval of vehicles.colour matches no change" in shown.err
    assert "+ vehicles.plate" in shown.out
    assert "refused: not-rebuildable" in shown.out


def test_attic_restore_orders_the_copies_of_a_run_by_foreign_key(bootstrapped: Tool) -> None:
    bootstrapped.database.execute(
        "CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (id int PRIMARY KEY, parent int NOT NULL"
        " REFERENCES parents); INSERT INTO parents VALUES (1), (2); INSERT INTO children VALUES (1, 1), (2, 2)"
    )
    with open_attic(bootstrapped) as kept:
        for name in ("children", "parents"):
            kept.finish(kept.keep_one(name))
    bootstrapped.database.execute("DELETE FROM children; DELETE FROM parents")
    run = str(RUN)[:8]
    assert f"run {run}" in bootstrapped("attic", "list").out
    shown = bootstrapped("attic", "restore", "--dry-run", "1")
    assert (shown.code, "0 did not fit" in shown.out) == (1, False), shown.text
    assert bootstrapped.database.value("SELECT count(*) FROM parents") == 0
    done = bootstrapped.done("attic", "restore", "--run", run)
    assert [line.split(";")[0] for line in done.out.splitlines()] == [
        "Restored 2 rows of parents",
        "Restored 2 rows of children",
    ]
    assert bootstrapped("attic", "restore", "--run", "ffffffff").code == 2
    assert bootstrapped("attic", "restore").code == 2
