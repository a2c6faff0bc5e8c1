"""The command line of `python -m tools.revisions`, for the Makefile. Owns wording and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from directus_sync.errors import SyncError
from directus_sync.settings import ROOT
from tools.revisions.accept_edits import accept_edits
from tools.revisions.new_revision import new_revision
from tools.revisions.renumber import renumber

USAGE: Final = {
    "new": 'usage: make pre m="add a column"   or   make post m="add a constraint"',
    "renumber": "usage: make renumber   or   make renumber r=NAME",
    "accept-edits": 'usage: make accept-edits m="why databases that applied the revision need no change"',
}


def _new(root: Path, branch: str = "", message: str = "") -> str:
    path = new_revision(branch, message, root)
    return f"Created {path.relative_to(root)}; write upgrade, downgrade, and a test in tests/migrations/"


def _renumber(root: Path, named: str | None = None) -> str:
    moves = renumber(named.removesuffix(".py") if named else None, root)
    if not moves:
        return "Nothing to renumber: the revisions are in order"
    lines = [f"{move.file.name} is now {move.name}, after {move.parent}" for move in moves]
    return "\n".join([*lines, "Read the renamed files and tests, then: git add migrations tests"])


def _accept_edits(root: Path, reason: str = "", commit: str | None = None) -> str:
    done = accept_edits(reason, commit, root)
    return f"Accepted: {', '.join(done)}; commit it" if done else "No revision differs from the main branch"


_COMMANDS: Final[Mapping[str, Callable[..., str]]] = {
    "new": _new,
    "renumber": _renumber,
    "accept-edits": _accept_edits,
}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Run one command, print what it did, and return the exit code."""
    name, *rest = arguments
    try:
        output = _COMMANDS[name](root, *rest)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n{USAGE[name]}\n")
        return 2
    except SyncError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
