"""Faults that a check of the files finds without a server. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from directus_sync.errors import SyncError
from directus_sync.text.wording import LINES, shortened


@dataclass(frozen=True)
class Finding:
    """One fault. what: a sentence; next: how to fix it; is_error: False for a warning."""

    where: str
    what: str
    next: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def require_none(found: Iterable[Finding], error: type[SyncError], files: str) -> None:
    """Raise the error if any finding is one, with a list of them. files: their name in the message."""
    errors = [finding for finding in found if finding.is_error]
    if not errors:
        return
    first = errors[0]
    raise error(
        first.what if len(errors) == 1 else f"{len(errors)} errors in the {files} files",
        where=first.where if len(errors) == 1 else "\n".join(shortened([str(finding) for finding in errors])),
        next="\n".join(dict.fromkeys(finding.next for finding in errors[:LINES])),
    )
