"""Node packages in the cache. npm installs pnpm, and pnpm installs the packages, both from lock files."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.devstack import host, node
from tools.devstack.cache import Artefact, Build

RECIPE = "1"
PNPM = "tools/devstack/pnpm"


def artefact(
    root: Path,
    folder: str,
    *,
    name: str,
    title: str,
    check: Callable[[Build], None],
    options: Sequence[str] = (),
    production: bool = True,
    package: bytes | None = None,
) -> Artefact:
    """Describe the installation of `folder`, which has a package.json and a pnpm-lock.yaml.

    check: fails the build if the packages do not work. options: further options of `pnpm install`.
    production: without the devDependencies. package: the text to use instead of the package.json.
    """
    sources = [f"{PNPM}/{file}" for file in ("package.json", "package-lock.json")]
    sources += [f"{folder}/{file}" for file in ("package.json", "pnpm-lock.yaml")]
    contents = {source: (root / source).read_bytes() for source in sources}
    if package is not None:
        contents[f"{folder}/package.json"] = package
    options = [*(["--prod"] if production else []), *options]

    def recipe(build: Build) -> None:
        _install(build, contents, options)
        check(build)

    return Artefact(
        name=name,
        title=title,
        inputs={**contents, "node": node.version(), "recipe": RECIPE if production else f"{RECIPE} for development"},
        recipe=recipe,
        prepare=lambda: host.require(commands={"setpriv": "util-linux"}, files={}),
    )


def _install(build: Build, contents: Mapping[str, bytes], options: Sequence[str]) -> None:
    pnpm, store = build.work / "pnpm", build.work / "store"
    pnpm.mkdir()
    for source, content in contents.items():
        path = Path(source)
        ((pnpm if str(path.parent) == PNPM else build.work) / path.name).write_bytes(content)
    build.run([*node.npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=pnpm, env=environ())
    # A separate store, deleted afterwards, so that no package comes from another project's store.
    build.run(
        [str(node.node()), str(pnpm / "node_modules/pnpm/bin/pnpm.cjs"), "install", "--frozen-lockfile",
         "--ignore-workspace", "--reporter", "append-only", "--package-import-method", "hardlink",
         "--store-dir", str(store), "--cache-dir", str(store / "cache"), *options],
        env=environ(),
    )  # fmt: skip
    shutil.rmtree(pnpm)
    shutil.rmtree(store)


def environ() -> dict[str, str]:
    """Return the environment in which packages are installed and run."""
    # nodedir: modules must be compiled with the headers of this Node.js, not of the system's.
    return {
        **os.environ,
        "PATH": f"{node.node().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "CI": "true",
        "npm_config_nodedir": str(node.package()),
        "npm_config_update_notifier": "false",
    }
