"""The first change of README.md, each step as it is written, in a copy of the project with its own local stack."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests import pages
from tests.checkout import git
from tests.conftest import ROOT

STEPS: Final = pages.section(pages.read("README.md"), "Your first change")
ROLES: Final = ("AUTHOR", "COMMITTER")
FIELD: Final = {"field": "fleet_number", "type": "integer", "schema": {}, "meta": {"interface": "input"}}
PERSON: Final = {f"GIT_{role}_{part}": f"test@{role}.invalid" for role in ROLES for part in ("NAME", "EMAIL")}
# Running all of `make test` would include this test, so only the tests that the change concerns run.
CONCERNED: Final = (
    "tests/unit/test_docs.py",
    "tests/unit/test_seed_model.py",
    "tests/unit/test_who_may_do_what.py",
    "tests/migrations/test_branches.py",
    "tests/integration/test_constraints.py::test_every_constraint_has_a_case",
    "tests/integration/test_constraints.py::test_sql_accepts_a_row_that_fits_and_refuses_one_that_does_not",
)


class Clone:
    """A copy of the project in which a reader of the README works."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.revision = ""
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in tracked.stdout.rstrip("\0").split("\0"):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "all of it")
        # Installing the environment again would take two minutes.
        (folder / ".venv").symlink_to(ROOT / ".venv")

    def run(self, command: str) -> str:
        """Run a line of the README in a shell."""
        command = re.sub(r"^make ", "make --assume-old=venv ", command)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "DIRECTUS_", "MAKE"))}
        environ = {**kept, **PERSON, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def edit(self, name: str, pattern: str, replacement: str) -> None:
        """Replace the only match of a pattern in a file."""
        path = self.folder / name
        text, number = re.subn(pattern, lambda _: replacement, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert number == 1, f"{name} has {number} places like {pattern}"
        path.write_text(text, encoding="utf-8")

    def setting(self, name: str) -> str:
        found = re.search(rf"^export {name}=(.*)", self.run("make -s env"), re.MULTILINE)
        assert found is not None, name
        return shlex.split(found[1])[0]


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    found = Clone(tmp_path)
    try:
        yield found
    finally:
        found.run("make down")
        found.run(".venv/bin/python -m tools.devstack reset --yes")


def add_the_field(clone: Clone) -> None:
    """Add the field with Directus's API, as the admin UI does in Settings, Data Model, organization_vehicles."""
    url, token = clone.setting("PUBLIC_URL"), clone.setting("ADMIN_TOKEN")
    answer = httpx.post(
        f"{url}/fields/organization_vehicles", json=FIELD, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    assert answer.status_code == 200, answer.text


def write_the_revision(clone: Clone, code: str) -> None:
    imports, _, rest = code.partition("\n\n")
    path = clone.folder / clone.revision
    text = path.read_text(encoding="utf-8")
    text = re.sub(
        r"^(Why|Locks|Downgrade):( +)TODO", r"\1:\2as the page of this example says.", text, flags=re.MULTILINE
    )
    head, _, _ = text.partition("def upgrade")
    head = head.replace("\nrevision = ", f"\n{imports}\n\nrevision = ", 1)
    path.write_text(f"{head.rstrip()}\n\n{rest}", encoding="utf-8")


def do(clone: Clone, info: str, body: str) -> None:
    """Follow one fenced block of the README."""
    if info == "yaml":
        clone.edit("snapshots/access/collections/organization_vehicles.yaml", r"^trm-org-admin:.*\n", body)
        clone.edit("tests/access/matrix.py", r'"organization_vehicles": "registered_at"', MATRIX)
    elif "def upgrade" in body:
        write_the_revision(clone, body)
    elif "def test_" in body:
        name = f"test_{Path(clone.revision).stem}.py"
        (clone.folder / "tests" / "migrations" / name).write_text(body, encoding="utf-8")
    elif info == "python":
        clone.edit("tests/integration/test_constraints.py", r"^OTHERS: ", f"{body}OTHERS: ")
        clone.edit("tests/course.py", r'"vehicle_id": VEHICLE\},\n    "organization_devices"', COURSE)
    for line in body.splitlines() if not info else ():
        if line == "make pull":
            add_the_field(clone)
        said = clone.run(line.replace("make format lint test", "make format lint"))
        if made := re.search(r"Created (migrations/versions/post/\S+\.py)", said):
            clone.revision = made[1]
        if line.endswith(" test"):
            tests = " ".join((*CONCERNED, f"tests/migrations/test_{Path(clone.revision).stem}.py"))
            clone.run(f".venv/bin/python -m pytest -q {tests}")


MATRIX: Final = '"organization_vehicles": "registered_at fleet_number"'
COURSE: Final = '"vehicle_id": VEHICLE, "fleet_number": 1},\n    "organization_devices"'


@pytest.mark.slow
def test_the_first_change_of_the_readme_works(clone: Clone) -> None:
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", STEPS, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 7
    for info, body in blocks:
        do(clone, info, textwrap.dedent(body))
    # The README names the folders to commit. Only this copy has a link for the environment.
    assert git(clone.folder, "status", "--porcelain", "--", ".", ":!.venv") == ""
    assert "Nothing to do" in clone.run("make migrate")
    clone.run("make verify")
