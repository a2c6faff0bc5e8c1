"""What commands say of their work before, while and after they do it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

from tests import small
from tests.attics import RUN, open_attic
from tests.conftest import PROGRAMS, ROOT, Serving, Tool
from tests.making import field
from tests.snapshots import edited, set_property, with_firmware


def test_a_pull_says_what_changed_and_a_dry_run_what_would(serve: Serving, tmp_path: Path) -> None:
    snapshot_file = small.file(tmp_path)
    with serve("bootstrapped", "", small.pushed) as running:
        assert running.tool("pull", "--snapshot", snapshot_file).code == 0
        before = snapshot_file.read_bytes()
        field(running, "devices", "firmware", "string", meta={"note": "of the maker"})
        shown = running.tool("pull", "--dry-run", "--snapshot", snapshot_file)
        assert (shown.code, snapshot_file.read_bytes()) == (3, before), shown.text
        assert shown.out.splitlines() == ["A pull would change:", "  + devices.firmware  field, string"]
        pulled = running.tool("pull", "--snapshot", snapshot_file)
        assert pulled.code == 0, pulled.text
        first, last = pulled.out.splitlines()
        assert first == "  + devices.firmware  field, string"
        assert last.startswith("Pulled ")
        assert last.endswith(f"commit {snapshot_file}")
        assert running.tool("pull", "--dry-run", "--snapshot", snapshot_file).code == 0

        # Only git has this: a pull would lose it.
        edited(snapshot_file, set_property("fields", "meta.note", "Registration", collection="vehicles", field="plate"))
        for options in (["--dry-run"], []):
            refused = running.tool("pull", *options, "--snapshot", snapshot_file)
            assert (refused.code, "error[unpushed-file-changes]" in refused.err) == (4, True), refused.text


def test_a_check_compares_the_catalog_while_a_push_is_pending(deployed: Tool, snapshot_file: Path) -> None:
    snapshot_file.with_name("catalog.yaml").write_bytes(Path("snapshots/catalog.yaml").read_bytes())
    edited(snapshot_file, with_firmware)
    deployed.database.execute("DROP INDEX positions_faulty_idx")
    found = json.loads(deployed("check", "--json", "--snapshot", snapshot_file).out)
    assert [item["id"] for item in found["schema"]["items"]] == ["devices.firmware"]
    assert [item["object"] for item in found["catalog"]] == ["index positions.positions_faulty_idx"]


def completed(tool: Tool, *words: str) -> list[str]:
    """Return what bash completes the last word to."""
    script = tool("completion", "bash").out
    typed = f"COMP_WORDS=(directus-sync {shlex.join(words)}); COMP_CWORD={len(words)}\n"
    asked = f'{script}{typed}_directus_sync_completion directus-sync; echo "${{COMPREPLY[@]}}"'
    environ = {**tool.environ, "PATH": f"{PROGRAMS}{os.pathsep}{tool.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", asked], env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_copies_in_the_attic_are_completed_by_number_run_and_item(deployed: Tool) -> None:
    assert completed(deployed, "attic", "restore", "") == []
    with open_attic(deployed) as kept:
        copies = [str(kept.taken("vehicles").id), str(kept.taken("devices").id)]
    assert sorted(completed(deployed, "attic", "restore", "")) == copies
    assert sorted(completed(deployed, "attic", "purge", "")) == copies
    assert completed(deployed, "attic", "restore", "--run", str(RUN)[:4]) == [str(RUN)]
    assert completed(deployed, "attic", "purge", "--item", "veh") == ["vehicles"]
    # Without a database nothing is completed, and nothing said.
    assert completed(deployed.with_settings(DB_PORT="1"), "attic", "restore", "") == []


def test_a_diff_names_approvals_that_match_nothing_and_refusals_inside_new_collections(
    bootstrapped: Tool, snapshot_file: Path
) -> None:
    default = set_property("fields", "schema.default_value", "a::b", collection="vehicles", field="plate")
    edited(snapshot_file, default)
    shown = bootstrapped("diff", "--only", "schema", "--allow-destroy", "vehicles.colour", "--snapshot", snapshot_file)
    assert shown.code == 3, shown.text
    assert "note: the approval of vehicles.colour matches nothing that would be changed" in shown.err
    assert "+ vehicles.plate" in shown.out
    assert "refused: not-rebuildable" in shown.out


def test_adopt_says_what_it_makes_and_makes_nothing_without_a_yes(bootstrapped: Tool) -> None:
    before = bootstrapped.database.contents()
    refused = bootstrapped("adopt")
    assert (refused.code, "and nobody agreed to it" in refused.err) == (2, True), refused.text
    shown = bootstrapped("adopt", "--dry-run")
    assert shown.code == 3, shown.text
    assert "as the base; it changes no collection and no row" in shown.out
    assert bootstrapped.database.contents() == before
    assert bootstrapped("adopt", "--yes").code == 0


def test_all_copies_of_a_run_come_back_in_the_order_of_their_foreign_keys(bootstrapped: Tool) -> None:
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
    done = bootstrapped("attic", "restore", "--run", run)
    assert done.code == 0, done.text
    assert [line.split(";")[0] for line in done.out.splitlines()] == [
        "Restored 2 rows of parents",
        "Restored 2 rows of children",
    ]
    assert bootstrapped("attic", "restore", "--run", "ffffffff").code == 2
    assert bootstrapped("attic", "restore").code == 2
