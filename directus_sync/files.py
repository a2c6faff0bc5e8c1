"""Writing files whole or not at all. Owns the temporary file; refuses to leave half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from directus_sync.errors import WrongSettings


def replace(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then put it in its place; folders are made.

    Raises WrongSettings when that place can't be written to.
    """
    try:
        # A link stays one, and what it leads to is replaced.
        _replace(path.resolve(), content)
    except OSError as error:
        raise WrongSettings(
            f"the file can't be written: {error.strerror}",
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
