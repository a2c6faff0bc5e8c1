"""The CI workflow: its triggers and its steps. The steps run here in order, with a stand-in for Docker."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import finished
from tests.conftest import ROOT, Finished, Tool
from tests.container.docker import DIGEST, Docker

WORKFLOW = yaml.safe_load((ROOT / ".gitea" / "workflows" / "ci.yaml").read_text(encoding="utf-8"))
# YAML reads a bare `on` as true.
TRIGGERS = WORKFLOW[True]
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
SHIP = JOBS["ship"]
STEPS = {name: [step for step in job["steps"] if "run" in step] for name, job in JOBS.items()}
# Values for Gitea's expressions.
OF_GITEA = {
    "BASE": {"origin/${{ github.base_ref }}": "HEAD"},
    "REGISTRY": {"${{ vars.REGISTRY }}": "registry.example.com"},
    "REGISTRY_USER": {"${{ secrets.REGISTRY_USER }}": "robot"},
    "REGISTRY_PASSWORD": {"${{ secrets.REGISTRY_PASSWORD }}": "a-password"},
    "COSIGN_PRIVATE_KEY": {"${{ secrets.COSIGN_PRIVATE_KEY }}": "a-key"},
    "COSIGN_PASSWORD": {"${{ secrets.COSIGN_PASSWORD }}": "its-password"},
}
# Files that no step reads, only git.
NOT_READ = {".gitignore"}


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    return Docker.install(tmp_path / "docker")


def run(command: str, environ: Mapping[str, str]) -> Finished:
    # A step may start its own pytest, which must not take itself for a worker of this one.
    alone = {name: value for name, value in environ.items() if not name.startswith("PYTEST_XDIST")}
    return finished(["bash", "-e", "-c", command], alone, timeout=600)


def job_environ(tool: Tool, docker: Docker) -> dict[str, str]:
    """Return the job's settings, with the tool's database as the service. `make` finds Directus itself."""
    server = {
        name: value
        for name, value in tool.environ.items()
        if name.startswith("DB_") and name not in {"DB_CLIENT", "DB_EXCLUDE_TABLES"}
    }
    path = f"{docker.programs}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **SHIP["env"], **server, "PATH": path, "IMAGE_ID": str(docker.folder / "image")}


def databases_left(tool: Tool) -> list[tuple[str]]:
    return tool.database.rows("SELECT datname FROM pg_database WHERE datname LIKE %s", f"{tool.database.name}\\_%")


# Definition of the jobs


def test_every_step_is_a_make_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name, job in JOBS.items():
        assert {step["run"].removeprefix("make ") for step in STEPS[name]} <= targets
        (checkout,) = [step for step in job["steps"] if "run" not in step]
        assert re.fullmatch(r"actions/checkout@[0-9a-f]{40}", checkout["uses"])


def test_an_image_is_pushed_only_after_all_tests_and_a_trial_start() -> None:
    assert [step["run"] for step in STEPS["test"]] == ["make lint", "make audit", "make test"]
    assert JOBS["image"]["needs"] == SHIP["needs"] == "test"
    deployed = ["make migrate", "make migrate", "make seed", "make check", "make verify"]
    tried = [*deployed, "make image", "make image-try", "make image-scan"]
    assert [step["run"] for step in STEPS["image"]] == ["make plan", *tried]
    assert [step["run"] for step in STEPS["ship"]] == [*tried, "make image-push"]
    # Without `if`, a step runs only if all steps before it passed.
    steps = [step for found in STEPS.values() for step in found]
    assert not any("if" in step or "continue-on-error" in step for step in steps)


def test_only_the_job_of_a_push_to_main_gets_the_secrets() -> None:
    assert JOBS["image"]["if"] == "github.event_name == 'pull_request'"
    assert SHIP["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert SHIP["runs-on"] == "${{ vars.SHIP_RUNNER || 'ubuntu-24.04' }}"
    *others, push = SHIP["steps"]
    assert push["env"]["REGISTRY"] == "${{ vars.REGISTRY }}"
    assert "secrets." not in str([*others, SHIP["env"], JOBS["test"], JOBS["image"]])


@pytest.mark.parametrize("job", ["image", "ship"])
def test_the_steps_use_the_database_of_the_service(job: str) -> None:
    ((name, service),) = JOBS[job]["services"].items()
    given = JOBS[job]["env"]
    assert (given["DB_HOST"], given["DB_PORT"]) == (name, "5432")
    assert service["env"] == {
        "POSTGRES_DB": given["DB_DATABASE"],
        "POSTGRES_USER": given["DB_USER"],
        "POSTGRES_PASSWORD": given["DB_PASSWORD"],
    }
    assert "pg_isready" in service["options"]
    # The tests start their own server and must not use this one.
    assert not {"env", "services"} & JOBS["test"].keys()


def test_every_file_that_a_step_reads_triggers_the_workflow() -> None:
    assert TRIGGERS["push"]["paths"] == TRIGGERS["pull_request"]["paths"]
    folders = [path.removesuffix("**") for path in TRIGGERS["push"]["paths"] if path.endswith("/**")]
    files = {path for path in TRIGGERS["push"]["paths"] if not path.endswith("/**")}
    tracked = finished(["git", "ls-files"]).out.splitlines()
    unwatched = {path for path in tracked if path not in files and not path.startswith(tuple(folders))}
    assert unwatched == NOT_READ
    assert files <= set(tracked)
    assert all(any(path.startswith(folder) for path in tracked) for folder in folders)


# Running the steps


def carry_out(steps: Sequence[Mapping[str, Any]], job: Mapping[str, str]) -> dict[str, Finished]:
    """Run steps in order, with values for Gitea's expressions; return the outcome of each."""
    done = {}
    for step in steps:
        given = step.get("env", {})
        assert set(given) <= set(OF_GITEA)
        done[step["name"]] = run(step["run"], {**job, **{name: OF_GITEA[name][given[name]] for name in given}})
        assert done[step["name"]].code == 0, f"{step['name']}: {done[step['name']].text}"
    return done


# Slow: it deploys three times and starts Directus. The next test uses a stand-in for the image.
@pytest.mark.slow
def test_the_steps_of_image_and_ship_pass(empty: Tool, docker: Docker, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    job = {**job_environ(empty, docker), "GITHUB_STEP_SUMMARY": str(summary)}
    plan, *_ = STEPS["image"]
    done = carry_out([plan, *STEPS["ship"]], job)
    assert "Deployed in" in done["Deploy to an empty database"].out
    assert done["Deploy again"].out.startswith("Nothing to do")
    assert "Seeded in" in done["Create the seed rows"].out
    assert "### What this does to a database" in summary.read_text()
    first, _, second = done["Start the image twice"].out.partition("Nothing to do")
    assert "Deployed in" in first
    assert "it migrates, serves, stops, and then has nothing to do" in second
    assert databases_left(empty) == []
    assert_the_image_that_was_started_is_scanned_pushed_and_signed(docker)


def test_an_image_that_passes_is_scanned_pushed_and_signed(settled: Tool, docker: Docker) -> None:
    docker.answer("run", CONTAINER.format(answers=(0, 0, "Nothing to do", 0)))
    of_the_image = [step for step in STEPS["ship"] if step["run"].startswith("make image")]
    done = carry_out([*STEPS["ship"][1:2], *of_the_image], job_environ(settled, docker))
    assert done["Deploy again"].out.startswith("Nothing to do")
    assert "it migrates, serves, stops, and then has nothing to do" in done["Start the image twice"].out
    assert databases_left(settled) == []
    assert_the_image_that_was_started_is_scanned_pushed_and_signed(docker)


@pytest.mark.slow
def test_the_steps_of_the_test_job_start() -> None:
    # These steps run this very test, so they only collect the tests here.
    for step in STEPS["test"]:
        if step["run"] == "make audit":  # test_audit.py
            continue
        done = run(step["run"], {**os.environ, "PYTEST_ADDOPTS": "--collect-only"})
        assert done.code == 0, f"{step['name']}: {done.text}"
    assert "test_the_steps_of_the_test_job_start" in done.out


def assert_the_image_that_was_started_is_scanned_pushed_and_signed(docker: Docker) -> None:
    image = (docker.folder / "image").read_text().strip()
    head = finished(["git", "rev-parse", "HEAD"]).out.strip()
    build, *runs = [words for words in docker.calls if words[0] in {"build", "run"}]
    assert build[:6] == ["build", "--pull", "--file", "docker/Dockerfile", "--tag", "trm/directus"]
    assert f"REVISION={head}" in build
    assert re.fullmatch(r"CREATED=20\d\d-\d\d-\d\dT[\d:]{8}Z", build[-2])
    assert [image in words for words in runs] == [True, True]
    target = "registry.example.com/trm/directus"
    scans = [words for words in docker.calls if words[:2] == ["trivy", "image"]]
    assert [words[-1] for words in scans] == [image] * 3
    assert ["--exit-code" in words and "CRITICAL" in words for words in scans] == [False, True, False]
    start = docker.calls.index(["login", "--username", "robot", "--password-stdin", "registry.example.com"])
    assert docker.calls[start : start + 6] == [
        ["login", "--username", "robot", "--password-stdin", "registry.example.com"],
        ["a-password"],
        ["tag", image, f"{target}:main"],
        ["push", f"{target}:main"],
        ["tag", image, f"{target}:{head}"],
        ["push", f"{target}:{head}"],
    ]
    sign, attest = [words for words in docker.calls if words[0] == "cosign"]
    name = f"{target}@{DIGEST}"
    options = ["--yes", "--signing-config", ".ci/signing.json", "--key", "env://COSIGN_PRIVATE_KEY"]
    assert sign == ["cosign", "sign", *options, name]
    parts = ["--type", "cyclonedx", "--predicate", str(docker.folder / "image.cdx.json")]
    assert attest == ["cosign", "attest", *options, *parts, name]
    # The key and its password are never passed as arguments.
    assert "a-key" not in str(docker.calls)
    assert "its-password" not in str(docker.calls)


# What the steps refuse


def test_image_push_needs_a_registry() -> None:
    refused = run("make image-push", {"PATH": os.environ["PATH"]})
    assert refused.code == 2
    assert "REGISTRY: set it to the registry" in refused.err


def test_an_image_built_after_the_trial_is_not_pushed(empty: Tool, docker: Docker) -> None:
    environ = {**job_environ(empty, docker), "REGISTRY": "registry.example.com"}
    (docker.folder / "image.tried").write_text("sha256:of-yesterday")
    assert run("make image", environ).code == 0
    refused = run("make image-push", environ)
    assert refused.code == 2
    assert "no image was tried" in refused.err
    assert [words[0] for words in docker.calls] == ["build"]


# Stands in for `docker run`: a server that becomes healthy at once, or fails as `answers` says.
CONTAINER = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

boots, stops, says, again = {answers}
if sys.argv[-1] == "true":
    print(says)
    sys.exit(again)
if boots:
    sys.exit(boots)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(stops))
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Healthy).serve_forever()
"""


def test_a_critical_vulnerability_fails_the_scan(docker: Docker) -> None:
    (docker.folder / "image").write_text("sha256:of-today")
    # A scanner that fails only if it is called with --exit-code.
    answer = 'import pathlib, sys; path = pathlib.Path(sys.argv[2]); path.write_text("#!/bin/sh\\n'
    docker.answer("cp", answer + 'case \\"$*\\" in *--exit-code*) exit 1;; esac\\n"); path.chmod(0o755)')
    path = f"{docker.programs}{os.pathsep}{os.environ['PATH']}"
    failed = run("make image-scan", {**os.environ, "PATH": path, "IMAGE_ID": str(docker.folder / "image")})
    assert failed.code == 2
    assert "error: the image has a critical vulnerability with a fix" in failed.err
    assert not (docker.folder / "image.cdx.json").exists()


def test_an_image_is_not_signed_without_a_key() -> None:
    said = run(".ci/sign.sh registry.example.com/trm/directus:main .stack/image none", {"PATH": os.environ["PATH"]})
    assert said.code == 0
    assert said.out == "COSIGN_PRIVATE_KEY is not set: the image is not signed\n"


REASONS = {
    (4, 0, "", 0): "its first boot ends with exit code 4",
    (0, 137, "", 0): "it answers SIGTERM with exit code 137",
    (0, 0, "", 5): "its second boot ends with exit code 5",
    (0, 0, "Deployed in 3 s", 0): "its second boot has something to do",
}


def test_an_image_that_fails_its_trial_is_not_pushed(empty: Tool, docker: Docker) -> None:
    environ = {**job_environ(empty, docker), "REGISTRY": "registry.example.com"}
    assert run("make image", environ).code == 0
    for answers, reason in REASONS.items():
        docker.answer("run", CONTAINER.format(answers=answers))
        failed = run("make image-try", environ)
        assert failed.code == 2
        assert f"error: this image must not be pushed: {reason}" in failed.err
        assert not (docker.folder / "image.tried").exists()
    assert databases_left(empty) == []
    assert run("make image-push", environ).code == 2
    assert "push" not in [words[0] for words in docker.calls]
