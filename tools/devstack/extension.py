"""The project's extension of Directus in the cache. Owns its build, and the packages of its tests and checks."""

import json
import shutil
from pathlib import Path

from tools.devstack import node, packages
from tools.devstack.cache import Artefact, Build

FOLDER = "extensions/trm"
NAME = "trm"
# The keys of package.json that decide which packages are installed. The rest changes with every hook.
OF_PACKAGES = ("name", "private", "type", "dependencies", "devDependencies")


def built(root: Path) -> Path:
    """Return a folder for EXTENSIONS_PATH with only the extension in it; build it first if it is missing."""
    return artefact(root).ensure()


def artefact(root: Path) -> Artefact:
    """Describe the built extension."""
    folder = root / FOLDER
    files = [folder / "package.json", folder / "build.mjs", *sorted((folder / "src").rglob("*.*"))]
    contents = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    needed = dependencies(root)

    def recipe(build: Build) -> None:
        home = build.work / NAME
        for name, content in contents.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(content)
        (home / "node_modules").symlink_to(needed.ensure() / "node_modules")
        build.run([str(node.node()), "build.mjs"], cwd=home, env=packages.environ())
        (home / "node_modules").unlink()
        (home / "build.mjs").unlink()
        shutil.rmtree(home / "src")

    def prepare() -> None:
        needed.ensure()

    return Artefact(
        name="extension",
        title="the extension of Directus",
        inputs={**contents, "packages": needed.path.name},
        recipe=recipe,
        prepare=prepare,
    )


def dependencies(root: Path, *, development: bool = False) -> Artefact:
    """Describe the packages of the extension's build. development: also those of its tests and checks."""
    kind = "its tests and checks" if development else "its build"
    return packages.artefact(
        root,
        FOLDER,
        name="extension-packages",
        title=f"the extension's packages, for {kind} (from the lock file, once per user)",
        check=_check,
        options=["--ignore-scripts"],
        production=not development,
        package=_package(root),
    )


def _package(root: Path) -> bytes:
    package = json.loads((root / FOLDER / "package.json").read_bytes())
    return json.dumps({name: package[name] for name in OF_PACKAGES}).encode()


def _check(build: Build) -> None:
    # esbuild's program is in another package, which depends on the platform. transformSync runs it.
    build.run([str(node.node()), "-e", "require('esbuild').transformSync('')"], env=packages.environ())


def link(extensions: Path, root: Path) -> bool:
    """Link the built extension into a folder of extensions; return False if it was already linked."""
    place, target = extensions / NAME, built(root) / NAME
    if place.is_symlink() and place.readlink() == target:
        return False
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    return True


def develop(root: Path) -> Path:
    """Link the packages for tests and checks into the extension's folder, and return the folder of their programs."""
    place, target = root / FOLDER / "node_modules", dependencies(root, development=True).ensure() / "node_modules"
    if place.is_symlink() and place.readlink() != target:
        place.unlink()
    # A real folder is the user's own installation: keep it.
    if not place.exists():
        place.symlink_to(target)
    return place / ".bin"
