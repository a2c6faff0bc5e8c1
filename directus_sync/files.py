"""Writes each file completely or not at all, also several files together. Owns the temporary files."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from directus_sync.errors import WrongSettings


def replace(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write `content` to a temporary file beside `path`, then rename it. Creates missing folders.

    A link is replaced, never followed. mode: the permissions of a new file; an existing file keeps its own.

    Raises WrongSettings if the file cannot be written.
    """
    replace_all({path: content}, mode=mode)


def replace_all(contents: Mapping[Path, bytes | None], *, mode: int = 0o644) -> None:
    """Write these files as `replace` does, and remove those whose content is None.

    Changes no file before all contents are on the disk, in temporary files.

    Raises WrongSettings if a file cannot be written or removed.
    """
    with ExitStack() as stack:
        written = {
            path: stack.enter_context(_temporary(path, content, mode))
            for path, content in contents.items()
            if content is not None
        }
        for path in contents.keys() - written.keys():
            with _named(path):
                path.unlink(missing_ok=True)
        for path, temporary in written.items():
            with _named(path):
                temporary.replace(path)


def holds(path: Path, content: bytes) -> bool:
    """Return whether the file exists and has this content."""
    try:
        return path.read_bytes() == content
    except OSError:
        return False


@contextmanager
def _temporary(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Yield a temporary file beside `path` with the content. Removes it afterwards unless it was renamed."""
    with ExitStack() as stack:
        with _named(path):
            if path.is_dir() and not path.is_symlink():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if path.exists() and not path.is_file() and not path.is_dir():
                raise WrongSettings("the file is not a regular file", where=str(path), next="name a file to write to")
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            temporary = Path(name)
            stack.callback(temporary.unlink, missing_ok=True)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(path.lstat().st_mode & 0o777 if path.is_file() and not path.is_symlink() else mode)
        yield temporary


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an error that names the file."""
    try:
        yield
    except OSError as error:
        raise WrongSettings(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            next="name a file in a folder that you may write to",
        ) from error
