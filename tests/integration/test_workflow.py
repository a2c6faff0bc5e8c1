"""What the CI steps lint, plan and verify report and refuse. test_ci.py runs all steps in order."""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import snapshots
from tests.checkout import git
from tests.commands import finished
from tests.conftest import ROOT, Finished, Tool


def other_databases(tool: Tool) -> list[tuple[str]]:
    return tool.database.rows("SELECT datname FROM pg_database WHERE datname LIKE %s", f"{tool.database.name}\\_plan%")


# Lint


def test_lint_runs_the_linters_for_image_scripts_and_workflow() -> None:
    shown = finished(["make", "--dry-run", "lint"])
    assert shown.code == 0, shown.text
    for linter in ("actionlint.sh", "zizmor", "hadolint", "shellcheck"):
        assert re.search(rf"/{re.escape(linter)}\s", shown.out), linter


def test_the_workflow_linter_fails_if_it_finds_no_file() -> None:
    """Without files the linter itself would report no fault."""
    (words,) = re.findall(r"@(\.ci/actionlint\.sh) '(.*)'", (ROOT / "Makefile").read_text(encoding="utf-8"))
    script, pattern = words
    assert [path.name for path in ROOT.glob(pattern)] == ["ci.yaml"]
    refused = finished([ROOT / script, pattern.replace("workflows", "nowhere")])
    assert (refused.code, refused.err) == (1, "no workflow is named .gitea/nowhere/*.yaml\n")


# The plan


# Stands in for the script that fills an environment, which takes a minute.
WITH_ANOTHER_PACKAGE = """#!/bin/sh
set -e
{python} -m venv --without-pip .venv
cd .venv/lib/python*/site-packages
echo {packages} > all.pth
touch another_package.py
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of this project's files, with one commit."""
    folder = tmp_path / "checkout"
    listed = finished(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    for name in filter(None, listed.out.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    commit(folder, "as it was")
    return folder


def commit(folder: Path, subject: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", subject)


def plan(checkout: Path, tool: Tool) -> tuple[Finished, str]:
    """Run the plan on the commits of a branch; return its outcome and the report."""
    summary = checkout.parent / "summary.md"
    environ = {**tool.environ, "BASE": "main", "GITHUB_STEP_SUMMARY": str(summary)}
    done = finished([sys.executable, ".ci/plan.py"], environ, checkout)
    assert len(git(checkout, "worktree", "list").splitlines()) == 1
    assert other_databases(tool) == []
    return done, summary.read_text() if summary.exists() else ""


@pytest.mark.slow
def test_plan_reports_the_changes_of_a_pull_request(checkout: Path, empty: Tool) -> None:
    git(checkout, "switch", "--quiet", "--create", "branch")
    path = checkout / "snapshots" / "schema.yaml"
    path.write_text(path.read_text().replace("GPS trackers.", "Trackers."))
    commit(checkout, "say it otherwise")
    done, report = plan(checkout, empty)
    assert done.code == 0, done.text
    assert report == done.out
    assert "Planned over `" in report
    assert " as it was`" in report
    assert "Plan: 0 to add, 1 to change, 0 to remove" in report
    assert "Then done:" in report
    assert "Deployed in" in report


@pytest.mark.slow
def test_plan_fails_for_a_pull_request_that_would_stop_the_boot(checkout: Path, empty: Tool) -> None:
    git(checkout, "switch", "--quiet", "--create", "branch")
    path = checkout / "snapshots" / "schema.yaml"
    document = snapshots.load(path.read_text())
    document["fields"] = [
        field for field in document["fields"] if (field["collection"], field["field"]) != ("geofences", "updated_at")
    ]
    path.write_text(snapshots.dump(document))
    commit(checkout, "drop it")
    done, report = plan(checkout, empty)
    assert done.code == 4, done.text
    assert "- geofences.updated_at" in report
    assert "Then **failed with exit code 4**" in report
    assert "error[unapproved-destruction]" in report


@pytest.mark.slow
def test_plan_gives_an_older_commit_the_packages_of_its_own_lock(checkout: Path, empty: Tool) -> None:
    """For a branch that needs fewer packages than the older commit."""
    lock, package = checkout / "requirements.lock", checkout / "directus_sync" / "__init__.py"
    now = lock.read_text(), package.read_text()
    script = checkout / "tools" / "devstack" / "venv.sh"
    script.write_text(WITH_ANOTHER_PACKAGE.format(python=sys.executable, packages=sysconfig.get_path("purelib")))
    lock.write_text(now[0] + "# and another\n")
    package.write_text("import another_package\n" + now[1])
    commit(checkout, "with another package")
    git(checkout, "switch", "--quiet", "--create", "branch")
    lock.write_text(now[0])
    package.write_text(now[1])
    commit(checkout, "without it")
    done, report = plan(checkout, empty)
    assert done.code == 0, done.text
    assert "with another package`" in report
    assert "Then done:" in report


@pytest.mark.slow
def test_a_failed_plan_leaves_nothing_behind(checkout: Path, empty: Tool) -> None:
    (checkout / "snapshots" / "schema.yaml").write_text("[]\n")
    done, report = plan(checkout, empty)
    assert done.code == 4, done.text
    assert "error[invalid-snapshot]" in done.err
    assert report == ""


# Verify


def verify(checkout: Path, tool: Tool) -> Finished:
    """Run `make verify` with this environment's programs, because the checkout has no environment."""
    programs = [f"SYNC={sys.executable} -m directus_sync", f"PYTHON={sys.executable}"]
    return finished(["make", "--assume-old=venv", "verify", *programs], tool.environ, checkout)


def test_verify_fails_if_snapshot_or_catalog_differ(checkout: Path, deployed: Tool) -> None:
    assert verify(checkout, deployed).code == 0
    path = checkout / "snapshots" / "schema.yaml"
    committed = path.read_text()
    path.write_text(f"{committed}\n")
    found = verify(checkout, deployed)
    assert found.code == 2, found.text
    assert "+++ " in found.out
    path.write_text(committed)
    deployed.database.execute("ALTER TABLE entries ADD CONSTRAINT by_hand CHECK (race_number > 0)")
    found = verify(checkout, deployed)
    assert found.code == 2, found.text
    assert "by_hand" in found.out
