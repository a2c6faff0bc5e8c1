"""The stack's settings as environment variables. Owns quoting, and which variables name servers of the user's own."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from directus_sync.settings.reading import read_env_file

OWN_DATABASE = ("DB_HOST", "DB_CONNECTION_STRING")
OWN_DIRECTUS = ("DIRECTUS_URL", "DIRECTUS_HOME")


def shell_lines(settings: Mapping[str, str]) -> str:
    """Return assignments that any POSIX shell can eval, whatever characters the values have."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())


def named(root: Path, environ: Mapping[str, str], *names: str) -> bool:
    """Return whether the environment or the checkout's .env sets one of these variables."""
    return any(environ.get(name) for name in names) or any(map(read_env_file(root / ".env").get, names))


def search_path(*first: Path) -> str:
    """Return PATH with `first` in front, each of them once, so that repeated evals do not make it longer."""
    front = [str(path) for path in first]
    rest = [path for path in os.environ.get("PATH", os.defpath).split(os.pathsep) if path not in front]
    return os.pathsep.join(front + rest)
