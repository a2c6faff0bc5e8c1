"""Writes files whole or not at all. Owns the temporary file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from directus_sync.errors import WrongSettings


def replace(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then rename it. Creates missing folders.

    Raises WrongSettings when the file cannot be written.
    """
    try:
        # A link stays a link, and the file that it leads to is replaced.
        _replace(path.resolve(), content)
    except OSError as error:
        raise WrongSettings(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            next="name a file in a folder that you may write to",
        ) from error


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
