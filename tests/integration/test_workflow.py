"""The workflow of CI: its steps run here in their order, and what they report and refuse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, Finished, Serving, Tool

WORKFLOW = yaml.safe_load((ROOT / ".gitea" / "workflows" / "ci.yaml").read_text(encoding="utf-8"))
(JOB,) = WORKFLOW["jobs"].values()
STEPS: list[dict[str, Any]] = [step for step in JOB["steps"] if "run" in step]
DOCKER = ["make image", "make image-push"]
# What Gitea puts in the place of its expressions.
OF_GITEA = {
    "BASE": {"origin/${{ github.base_ref }}": "HEAD"},
    "REGISTRY": {"${{ vars.REGISTRY }}": "registry.example.com"},
    "REGISTRY_USER": {"${{ secrets.REGISTRY_USER }}": "robot"},
    "REGISTRY_PASSWORD": {"${{ secrets.REGISTRY_PASSWORD }}": "a-password"},
}


def run(command: list[str | Path], folder: Path, environ: Mapping[str, str]) -> Finished:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def server(tool: Tool) -> dict[str, str]:
    """Return what leads to the tool's database, and no more: Directus is make's to find."""
    found = {
        name: value
        for name, value in tool.environ.items()
        if name.startswith("DB_") and name not in {"DB_CLIENT", "DB_EXCLUDE_TABLES"}
    }
    return {**os.environ, **found}


def other_databases(tool: Tool) -> list[tuple[str]]:
    return tool.database.rows("SELECT datname FROM pg_database WHERE datname LIKE %s", f"{tool.database.name}\\_plan%")


# What it is


def test_every_step_is_a_make_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for step in STEPS:
        assert step["run"].removeprefix("make ") in targets
    (checkout,) = [step for step in JOB["steps"] if "run" not in step]
    assert re.fullmatch(r"actions/checkout@[0-9a-f]{40}", checkout["uses"])


def test_an_image_is_built_of_what_passed_and_pushed_last_from_main_alone() -> None:
    tried = ["make lint", "make plan", "make migrate", "make migrate", "make check", "make verify"]
    assert [step["run"] for step in STEPS] == [*tried, *DOCKER]
    assert {step["run"]: step["if"] for step in STEPS[:-1] if "if" in step} == {
        "make plan": "github.event_name == 'pull_request'"
    }
    assert STEPS[-1]["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert STEPS[-1]["env"]["REGISTRY"] == "${{ vars.REGISTRY }}"
    # A step runs only while all before it passed.
    assert not any("always()" in step.get("if", "") or "continue-on-error" in step for step in STEPS)
    assert "secrets." not in str(STEPS[:-1])


def test_the_steps_have_the_database_of_the_service() -> None:
    ((name, service),) = JOB["services"].items()
    given = JOB["env"]
    assert (given["DB_HOST"], given["DB_PORT"]) == (name, "5432")
    assert service["env"] == {
        "POSTGRES_DB": given["DB_DATABASE"],
        "POSTGRES_USER": given["DB_USER"],
        "POSTGRES_PASSWORD": given["DB_PASSWORD"],
    }
    assert "pg_isready" in service["options"]


def test_lint_has_the_linters_of_image_scripts_and_workflow() -> None:
    shown = run(["make", "--dry-run", "lint"], ROOT, os.environ)
    assert shown.code == 0, shown.text
    for linter in ("actionlint.sh", "zizmor", "hadolint", "shellcheck"):
        assert re.search(rf"/{re.escape(linter)}\s", shown.out), linter


def test_the_linter_has_a_workflow_to_read() -> None:
    """By itself it finds nothing wrong with no files."""
    (words,) = re.findall(r"@(\.ci/actionlint\.sh) '(.*)'", (ROOT / "Makefile").read_text(encoding="utf-8"))
    script, pattern = words
    assert [path.name for path in ROOT.glob(pattern)] == ["ci.yaml"]
    refused = run([ROOT / script, pattern.replace("workflows", "nowhere")], ROOT, os.environ)
    assert (refused.code, refused.err) == (1, "no workflow is named .gitea/nowhere/*.yaml\n")


# What it does


def test_the_steps_pass_in_their_order(empty: Tool, tmp_path: Path) -> None:
    """With a stand-in for Docker's engine, which is not everywhere that tests run."""
    summary, calls = tmp_path / "summary.md", tmp_path / "calls"
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n[ "$1" != login ] || cat >> {calls}\n')
    docker.chmod(0o755)
    job = {**os.environ, **JOB["env"], **server(empty), "GITHUB_STEP_SUMMARY": str(summary)}
    job["PATH"] = f"{docker.parent}{os.pathsep}{job['PATH']}"
    done = {}
    for step in STEPS:
        given = {**step.get("env", {})}
        assert set(given) <= set(OF_GITEA)
        environ = {**job, **{name: OF_GITEA[name][given[name]] for name in given}}
        done[step["name"]] = run(["bash", "-e", "-c", step["run"]], ROOT, environ)
        assert done[step["name"]].code == 0, f"{step['name']}: {done[step['name']].text}"
    assert "Deployed in" in done["Deploy to an empty database"].out
    assert done["Deploy again"].out.startswith("Nothing to do")
    assert "### What this does to a database" in summary.read_text()
    assert other_databases(empty) == []
    commit = git(ROOT, "rev-parse", "HEAD").strip()
    build, *pushed = calls.read_text().splitlines()
    assert build.startswith("build --pull --file docker/Dockerfile --tag trm/directus --build-arg ")
    assert re.search(rf"REVISION={commit} --build-arg CREATED=20\d\d-\d\d-\d\dT[\d:]{{8}}Z \.$", build)
    assert pushed == [
        "login --username robot --password-stdin registry.example.com",
        "a-password",
        "tag trm/directus registry.example.com/trm/directus:main",
        "push registry.example.com/trm/directus:main",
        f"tag trm/directus registry.example.com/trm/directus:{commit}",
        f"push registry.example.com/trm/directus:{commit}",
    ]


def test_without_a_registry_nothing_is_pushed() -> None:
    refused = run(["make", "image-push"], ROOT, {"PATH": os.environ["PATH"]})
    assert refused.code == 2
    assert "REGISTRY: set it to the registry" in refused.err


# The plan


# Stands for the script that fills an environment, which takes a minute.
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
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "as it was")
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def commit(folder: Path, subject: str) -> None:
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", subject)


def plan(checkout: Path, tool: Tool) -> tuple[Finished, str]:
    """Run the plan of what was committed on a branch, and return the report."""
    summary = checkout.parent / "summary.md"
    environ = {**tool.environ, "BASE": "main", "GITHUB_STEP_SUMMARY": str(summary)}
    done = run([sys.executable, ".ci/plan.py"], checkout, environ)
    assert len(git(checkout, "worktree", "list").splitlines()) == 1
    assert other_databases(tool) == []
    return done, summary.read_text() if summary.exists() else ""


@pytest.mark.slow
def test_a_pull_request_is_told_what_it_does(checkout: Path, empty: Tool) -> None:
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


def test_a_pull_request_that_would_halt_the_boot_fails(checkout: Path, empty: Tool) -> None:
    git(checkout, "switch", "--quiet", "--create", "branch")
    path = checkout / "snapshots" / "schema.yaml"
    document = yaml.safe_load(path.read_text())
    document["fields"] = [
        field for field in document["fields"] if (field["collection"], field["field"]) != ("events", "notes")
    ]
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    commit(checkout, "drop it")
    done, report = plan(checkout, empty)
    assert done.code == 4, done.text
    assert "- events.notes" in report
    assert "Then **failed with exit code 4**" in report
    assert "error[unapproved-destruction]" in report


@pytest.mark.slow
def test_an_older_commit_has_the_packages_of_its_own_lock(checkout: Path, empty: Tool) -> None:
    """As where this one needs fewer."""
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


def test_a_plan_that_can_t_be_made_leaves_nothing_behind(checkout: Path, empty: Tool) -> None:
    (checkout / "snapshots" / "schema.yaml").write_text("[]\n")
    done, report = plan(checkout, empty)
    assert done.code == 4, done.text
    assert "error[invalid-snapshot]" in done.err
    assert report == ""


# Verify


def verify(checkout: Path, tool: Tool) -> Finished:
    """Run the target with this environment's programs; the checkout has none of its own."""
    return run(
        ["make", "--assume-old=venv", "verify", f"SYNC={sys.executable} -m directus_sync"], checkout, tool.environ
    )


def test_a_snapshot_or_catalog_that_differs_is_found(checkout: Path, serve: Serving) -> None:
    with serve("deployed") as running:
        assert verify(checkout, running.tool).code == 0
        path = checkout / "snapshots" / "schema.yaml"
        committed = path.read_text()
        path.write_text(f"{committed}\n")
        found = verify(checkout, running.tool)
        assert found.code == 2, found.text
        assert "+++ " in found.out
        path.write_text(committed)
        running.database.execute("ALTER TABLE entries ADD CONSTRAINT by_hand CHECK (race_number > 0)")
        found = verify(checkout, running.tool)
        assert found.code == 2, found.text
        assert "by_hand" in found.out
