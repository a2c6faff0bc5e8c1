"""npm's directus-sync and its server extension. Owns their path in the cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tools.devstack import node, packages
from tools.devstack.cache import Artefact, Build

FOLDER = "tools/bench/npm"
EXTENSION = "directus-extension-sync"


def artefact(root: Path) -> Artefact:
    """Describe the installation in the per-user cache."""
    title = "npm's directus-sync from its lock file (about 5 s, once per user)"
    return packages.artefact(root, FOLDER, name="bench", title=title, check=_check, options=["--ignore-scripts"])


def program(installed: Path) -> Path:
    """Return the path of the package's script, which Node.js runs."""
    return installed / "node_modules/directus-sync/bin/index.js"


def version(root: Path) -> str:
    """Return the pinned version of the package."""
    return str(json.loads((root / FOLDER / "package.json").read_text())["dependencies"]["directus-sync"])


def put_extension(installed: Path, folder: Path) -> None:
    """Copy the extension into an extensions folder of Directus; the package refuses to push without it."""
    shutil.copytree(installed / "node_modules" / EXTENSION, folder / EXTENSION)


def _check(build: Build) -> None:
    build.run([str(node.node()), str(program(build.work)), "--version"], env=packages.environ())
