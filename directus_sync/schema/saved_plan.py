"""A plan in a file: `diff --out` saves it, and `push --plan` applies exactly that or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from directus_sync import files
from directus_sync.errors import StalePlan, WrongSettings
from directus_sync.schema.plan import Approvals, Plan
from directus_sync.schema.snapshot import Snapshot

FORMAT: Final = "directus-sync plan 1"


@dataclass(frozen=True)
class SavedPlan:
    """A plan as it was saved, with its approvals.

    sha256: of the snapshot; digest: Directus's hash of its schema; raw: Directus's diff.
    families: by name of a family of resources, what would change in it.
    """

    path: Path
    sha256: str
    digest: str
    raw: dict[str, Any]
    approvals: Approvals
    families: Mapping[str, object] = field(default_factory=dict)


def write(path: Path, plan: Plan, sha256: str, approvals: Approvals, families: Mapping[str, object]) -> None:
    """Save a plan with its approvals. sha256: of its snapshot; families: as in `SavedPlan`, for JSON."""
    document = {
        "format": FORMAT,
        "snapshot_sha256": sha256,
        "server_hash": plan.difference.digest,
        "allow_destroy": dict(approvals.destroy),
        "discard_live": sorted(approvals.discard),
        "diff": plan.difference.raw,
        "families": dict(families),
    }
    files.replace(path, (json.dumps(document, indent=2) + "\n").encode(), mode=0o600)


def read(path: Path) -> SavedPlan:
    """Read a saved plan. Raises WrongSettings if the file is not a plan or cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']!r}")  # noqa: TRY301 - one message for all
        return SavedPlan(
            path,
            str(document["snapshot_sha256"]),
            str(document["server_hash"]),
            dict(document["diff"]),
            Approvals(dict(document["allow_destroy"]), frozenset(map(str, document["discard_live"]))),
            dict(document.get("families", {})),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WrongSettings(
            f"the plan cannot be read: {error}", where=str(path), next="save it again: directus-sync diff --out PATH"
        ) from error


def require_current(saved: SavedPlan, plan: Plan, wanted: Snapshot) -> None:
    """Raise StalePlan if the file or the server was changed since the plan was saved."""
    if saved.sha256 != wanted.sha256:
        moved = f"{wanted.source} was changed"
    elif (saved.digest, saved.raw) != (plan.difference.digest, plan.difference.raw):
        moved = "the schema of the server was changed"
    else:
        return
    raise stale(saved, moved)


def stale(saved: SavedPlan, moved: str) -> StalePlan:
    """Return the error for a plan that is out of date. moved: what was changed since then, as a clause."""
    return StalePlan(
        f"the plan is out of date: {moved} since it was saved; nothing was sent",
        where=str(saved.path),
        next="look at the changes and save the plan again: directus-sync diff --out PATH",
    )
