"""Two git branches that both add a revision: the merge, its conflict, `make renumber`, and a deploy of both."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import REVISION, Checkout, git
from tests.conftest import ROOT, Tool

VERSIONS = Path("migrations", "versions")
NAMES = ("post_0021_x", "post_0021_y")
TEST = 'def test_it() -> None:\n    assert "{id}" != "{parent}"\n'


def _adding(folder: Path, name: str, at: int) -> None:
    """Commit a revision and its test on a new branch."""
    git(folder, "switch", "--quiet", "--create", name, "main")
    text = REVISION.format(
        revision="post_0021", down_revision="post_0020", upgrade=f"execute(\"SELECT '{name}'\")", downgrade="get_bind()"
    )
    (folder / VERSIONS / "post" / f"{name}.py").write_text(text)
    (folder / VERSIONS / "POST_HEAD").write_text(f"{name}\n")
    tests = folder / "tests" / "migrations"
    tests.mkdir(parents=True, exist_ok=True)
    (tests / f"test_{name}.py").write_text(TEST.format(id="post_0021", parent="post_0020"))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", name, at=at)


@pytest.fixture
def merged(tmp_path: Path) -> Checkout:
    """A checkout with a merge conflict: main has post_0021_x, and post_0021_y is merged into it."""
    checkout = Checkout.copied(tmp_path)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "tools" / "revisions", tmp_path / "tools" / "revisions")
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "all of it")
    _adding(tmp_path, NAMES[0], at=20)
    _adding(tmp_path, NAMES[1], at=10)
    git(tmp_path, "switch", "--quiet", "main")
    git(tmp_path, "merge", "--quiet", "--ff-only", NAMES[0])
    said = git(tmp_path, "merge", "--no-edit", NAMES[1], may_fail=True)
    assert "CONFLICT (content): Merge conflict in migrations/versions/POST_HEAD" in said
    return checkout


def test_a_merge_conflict_is_renumbered_and_deployed(deployed: Tool, merged: Checkout) -> None:
    refused = merged.sync(deployed, "deploy")
    assert refused.code == 4, refused.text
    assert "error[invalid-revisions]: POST_HEAD names no post revision: it says '<<<<<<< HEAD'" in refused.err

    # Skips the target `venv`, which would install everything again in this copy.
    renumber = ["make", "--assume-old=venv", f"PYTHON={sys.executable}", "renumber"]
    done = subprocess.run(renumber, cwd=merged.folder, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("post_0021_y is now post_0022_y, after post_0021\n")
    git(merged.folder, "add", "migrations", "tests")
    git(merged.folder, "commit", "--quiet", "--no-edit")
    assert git(merged.folder, "status", "--porcelain") == ""
    test = merged.folder / "tests" / "migrations" / "test_post_0022_y.py"
    assert test.read_text() == TEST.format(id="post_0022", parent="post_0021")

    line = merged.sync(deployed, "deploy")
    assert line.code == 0, line.text
    applied = [text for text in line.err.splitlines() if text.startswith("Applied:")]
    assert [text.split()[1] for text in applied] == ["post_0021_x", "post_0022_y"]
    assert merged.sync(deployed, "deploy").out.startswith("Nothing to do")


@pytest.mark.slow
def test_a_wrongly_resolved_conflict_is_refused_with_both_files(deployed: Tool, merged: Checkout) -> None:
    (merged.folder / VERSIONS / "POST_HEAD").write_text("post_0021_y\n")
    before = deployed.database.contents()
    for code, refused in (
        (255, merged.alembic(deployed, "upgrade", "post@head")),
        (4, merged.sync(deployed, "deploy")),
    ):
        assert refused.code == code, refused.text
        assert "two files are revision post_0021: post_0021_x and post_0021_y" in refused.err
        assert "make renumber" in refused.err
        assert "Traceback" not in refused.err
    assert deployed.database.contents() == before
