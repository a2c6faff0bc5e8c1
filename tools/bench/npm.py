"""npm's directus-sync and its server extension. Owns their installation; refuses versions outside the lock."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.devstack import host, node
from tools.devstack.cache import Artefact, Build

RECIPE = "1"
BENCH_FILES = ("package.json", "pnpm-lock.yaml")
PNPM_FILES = ("package.json", "package-lock.json")
EXTENSION = "directus-extension-sync"


def artefact(root: Path) -> Artefact:
    """Describe the installation in the per-user cache, keyed by the lock files, Node and the recipe."""
    sources = {f"bench/npm/{name}": root / "bench/npm" / name for name in BENCH_FILES}
    sources |= {f"devstack/pnpm/{name}": root / "devstack/pnpm" / name for name in PNPM_FILES}
    contents = {name: path.read_bytes() for name, path in sources.items()}
    return Artefact(
        name="bench",
        title="npm's directus-sync from its lock file (about 5 s, once per user)",
        inputs={**contents, "node": node.version(), "recipe": RECIPE},
        recipe=lambda build: _install(build, contents),
        prepare=lambda: host.require(commands={"setpriv": "util-linux"}, files={}),
    )


def program(installed: Path) -> Path:
    """Return the script that Node runs."""
    return installed / "node_modules/directus-sync/bin/index.js"


def version(root: Path) -> str:
    """Return the pinned version of the package."""
    return str(json.loads((root / "bench/npm/package.json").read_text())["dependencies"]["directus-sync"])


def put_extension(installed: Path, folder: Path) -> None:
    """Copy the extension into an extensions folder of Directus; without it the package refuses to push."""
    shutil.copytree(installed / "node_modules" / EXTENSION, folder / EXTENSION)


def _install(build: Build, contents: Mapping[str, bytes]) -> None:
    pnpm, store = build.work / "pnpm", build.work / "store"
    pnpm.mkdir()
    for name in PNPM_FILES:
        (pnpm / name).write_bytes(contents[f"devstack/pnpm/{name}"])
    for name in BENCH_FILES:
        (build.work / name).write_bytes(contents[f"bench/npm/{name}"])
    runner = str(node.node())
    path = f"{node.node().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    env = {**os.environ, "PATH": path, "CI": "true", "npm_config_update_notifier": "false"}
    npm = node.package() / "lib/node_modules/npm/bin/npm-cli.js"
    build.run([runner, str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=pnpm, env=env)
    build.run(
        [runner, str(pnpm / "node_modules/pnpm/bin/pnpm.cjs"), "install", "--frozen-lockfile", "--prod",
         "--ignore-workspace", "--ignore-scripts", "--reporter", "append-only",
         "--package-import-method", "hardlink", "--store-dir", str(store), "--cache-dir", str(store / "cache")],
        env=env,
    )  # fmt: skip
    shutil.rmtree(pnpm)
    shutil.rmtree(store)
    build.run([runner, str(program(build.work)), "--version"], env=env)
