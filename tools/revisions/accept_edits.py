"""Accepts edits of revisions that databases have applied.

Adds a line `Edited:` to the revision's docstring, with the checksum from before the edit and the reason. A reviewer
sees both there.
"""

from __future__ import annotations

import ast
from pathlib import Path

from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import BRANCHES
from directus_sync.revisions.revision_files import Revision
from directus_sync.settings import ROOT
from tools.revisions.git_history import History


def accept_edits(reason: str, commit: str | None = None, root: Path = ROOT) -> list[str]:
    """Accept every edit since a commit, and return the names of the revisions.

    commit: by default the newest that this branch shares with main. Raises ValueError for an unusable reason or a
    revision without a docstring, and InvalidRevisions for unusable files.
    """
    reason = " ".join(reason.split())
    if not reason or '"""' in reason or "\\" in reason:
        raise ValueError("the reason is empty, or has a character that a docstring can't hold")
    versions, history, done = root / "migrations" / "versions", History(root), []
    for file in (file for branch in BRANCHES for file in revision_files.ordered(versions, branch)):
        content = history.before(file.path, commit)
        before = revision_files.checksum_of(content) if content is not None else file.checksum
        if before not in {file.checksum, *file.accepted}:
            _add_line(file, f"Edited:    {before} {reason}")
            done.append(file.name)
    return done


def _add_line(file: Revision, line: str) -> None:
    """Put a line at the end of the module's docstring."""
    if ast.get_docstring(file.tree) is None:
        raise ValueError(f"{file.name} has no docstring to write into")
    lines = file.path.read_text(encoding="utf-8").split("\n")
    last = (file.tree.body[0].end_lineno or 1) - 1
    text, quotes, rest = lines[last].rpartition('"""')
    lines[last : last + 1] = [*([text] if text else []), line, f"{quotes}{rest}"]
    file.path.write_text("\n".join(lines), encoding="utf-8")
