"""The pinned Directus in the cache. Owns its path, and the check that its native modules load."""

from pathlib import Path

from tools.devstack import node, packages
from tools.devstack.cache import Artefact, Build

NATIVE_MODULES = ("argon2", "isolated-vm", "sharp")


def directus_home(root: Path) -> Path:
    """Return the folder with Directus's cli.js; install Directus first if it is missing."""
    return inside(artefact(root).ensure())


def inside(installed: Path) -> Path:
    """Return the folder with cli.js inside an installation."""
    return installed / "node_modules" / "directus"


def artefact(root: Path) -> Artefact:
    """Describe the installation."""
    title = "Directus from its lock file (about 20 s, once per user)"
    return packages.artefact(root, "docker/directus", name="directus", title=title, check=_check)


def _check(build: Build) -> None:
    # Native modules fail to load on a wrong version of Node.js or a wrong platform: load each once.
    hoisted = build.work / "node_modules/.pnpm/node_modules"
    script = "for (const path of process.argv.slice(1)) require(path)"
    modules = [str(hoisted / name) for name in NATIVE_MODULES]
    build.run([str(node.node()), "-e", script, *modules], env=packages.environ())
