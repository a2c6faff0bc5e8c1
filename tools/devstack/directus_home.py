"""The pinned Directus in the cache. Owns its installation; refuses versions outside the lock files."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.devstack import host, node
from tools.devstack.cache import Artefact, Build

RECIPE = "1"
DIRECTUS_FILES = ("package.json", "pnpm-lock.yaml")
PNPM_FILES = ("package.json", "package-lock.json")
NATIVE_MODULES = ("argon2", "isolated-vm", "sharp")


def directus_home(root: Path) -> Path:
    """Return the folder that holds Directus's cli.js, installed first if it is missing."""
    return inside(artefact(root).ensure())


def inside(installed: Path) -> Path:
    """Return where the installed folder holds cli.js."""
    return installed / "node_modules" / "directus"


def artefact(root: Path) -> Artefact:
    """Describe the installation, keyed by the lock files, Node and the recipe."""
    sources = {f"docker/directus/{name}": root / "docker/directus" / name for name in DIRECTUS_FILES}
    sources |= {f"tools/devstack/pnpm/{name}": root / "tools/devstack/pnpm" / name for name in PNPM_FILES}
    contents = {name: path.read_bytes() for name, path in sources.items()}
    return Artefact(
        name="directus",
        title="Directus from its lock file (about 20 s, once per user)",
        inputs={**contents, "node": node.version(), "recipe": RECIPE},
        recipe=lambda build: _install(build, contents),
        prepare=lambda: host.require(commands={"setpriv": "util-linux"}, files={}),
    )


def _install(build: Build, contents: Mapping[str, bytes]) -> None:
    program, env = str(node.node()), _environment()
    pnpm, store = build.work / "pnpm", build.work / "store"
    pnpm.mkdir()
    for name in PNPM_FILES:
        (pnpm / name).write_bytes(contents[f"tools/devstack/pnpm/{name}"])
    for name in DIRECTUS_FILES:
        (build.work / name).write_bytes(contents[f"docker/directus/{name}"])
    npm = node.package() / "lib/node_modules/npm/bin/npm-cli.js"
    build.run([program, str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=pnpm, env=env)
    # A store of its own, hard-linked and dropped afterwards: nothing of another project can leak in.
    build.run(
        [program, str(pnpm / "node_modules/pnpm/bin/pnpm.cjs"), "install", "--frozen-lockfile", "--prod",
         "--ignore-workspace", "--reporter", "append-only", "--package-import-method", "hardlink",
         "--store-dir", str(store), "--cache-dir", str(store / "cache")],
        env=env,
    )  # fmt: skip
    shutil.rmtree(pnpm)
    shutil.rmtree(store)
    # The modules with machine code are the ones that a wrong Node or platform breaks.
    hoisted = build.work / "node_modules/.pnpm/node_modules"
    check = "for (const path of process.argv.slice(1)) require(path)"
    build.run([program, "-e", check, *(str(hoisted / name) for name in NATIVE_MODULES)], env=env)


def _environment() -> dict[str, str]:
    # nodedir: whatever has to compile must meet this Node's headers, not those of the system's Node.
    return {
        **os.environ,
        "PATH": f"{node.node().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "CI": "true",
        "npm_config_nodedir": str(node.package()),
        "npm_config_update_notifier": "false",
    }
