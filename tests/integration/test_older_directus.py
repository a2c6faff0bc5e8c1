"""The tests of guard, push and pull also pass with Directus 11.16.1.

Only the pinned Directus and the version in the snapshot differ from the project.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.conftest import ROOT
from tools.devstack import directus_home

OLDER = ROOT / "tests" / "older"
PINNED = ROOT / "docker" / "directus" / "package.json"
TESTS = ("test_guard", "test_push_and_pull")
SECONDS = 1500


def version(package: Path) -> str:
    """Return the version of Directus that a package.json pins."""
    return str(json.loads(package.read_text(encoding="utf-8"))["dependencies"]["directus"])


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the project with the older Directus."""
    checkout = Checkout.copied(tmp_path_factory.mktemp("older") / "checkout")
    for name in ("tests", "tools", "extensions"):
        shutil.copytree(ROOT / name, checkout.folder / name, ignore=shutil.ignore_patterns("*.pyc.*", "node_modules"))
    shutil.copy(ROOT / "pyproject.toml", checkout.folder)
    pinned = checkout.folder / PINNED.relative_to(ROOT).parent
    pinned.mkdir(parents=True)
    for name in ("package.json", "pnpm-lock.yaml"):
        shutil.copy(OLDER / name, pinned)
    file = checkout.folder / "snapshots" / "schema.yaml"
    line = "\ndirectus: {}\n"
    text = file.read_text(encoding="utf-8")
    assert line.format(version(PINNED)) in text
    file.write_text(text.replace(line.format(version(PINNED)), line.format(version(OLDER / "package.json"))))
    directus_home.directus_home(checkout.folder)
    return checkout


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTS)
def test_an_older_directus_passes_the_tests_of_the_pinned_one(older: Checkout, name: str) -> None:
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"tests/integration/{name}.py", "-p", "no:cacheprovider"],
        cwd=older.folder,
        env={**given, "PYTHONPATH": str(older.folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
