"""Writes files whole or not at all. Owns the temporary file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from directus_sync.errors import WrongSettings


def replace(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write `content` to a temporary file beside `path`, then rename it. Creates missing folders.

    A link is replaced, never followed. mode: the permissions of a new file; an old one keeps its own.

    Raises WrongSettings when the file cannot be written.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WrongSettings("the file is not a regular file", where=str(path), next="name a file to write to")
    try:
        _replace(path, content, mode)
    except OSError as error:
        raise WrongSettings(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            next="name a file in a folder that you may write to",
        ) from error


def _replace(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.lstat().st_mode & 0o777 if path.is_file() and not path.is_symlink() else mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
