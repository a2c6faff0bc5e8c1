"""What files must not say, found without a server. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from directus_sync.errors import SyncError
from directus_sync.text.wording import LINES, shortened


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. what: a sentence; next: what to do about it."""

    where: str
    what: str
    next: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def require_none(found: Iterable[Finding], error: type[SyncError], files: str) -> None:
    """Raise the error, with a list of every error among the findings. files: what they are called."""
    errors = [finding for finding in found if finding.is_error]
    if not errors:
        return
    first = errors[0]
    raise error(
        first.what if len(errors) == 1 else f"{len(errors)} things in the {files} files must not be sent",
        where=first.where if len(errors) == 1 else "\n".join(shortened([str(finding) for finding in errors])),
        next="\n".join(dict.fromkeys(finding.next for finding in errors[:LINES])),
    )
