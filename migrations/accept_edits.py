"""Accepts edits of revisions that databases have applied: python -m migrations.accept_edits "why" [commit].

Writes `Edited:` with the checksum from before the edit and the reason into the docstring, where a review sees both.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from directus_sync.errors import SyncError
from directus_sync.settings import ROOT
from directus_sync.state import revision_files
from directus_sync.state.revision_files import Revision
from directus_sync.state.revisions import BRANCHES
from migrations.history import History

USAGE = 'usage: make accept-edits m="why the databases that applied it need nothing"'


def accept_edits(reason: str, commit: str | None = None, root: Path = ROOT) -> list[str]:
    """Accept every edit since a commit, by default the newest that this branch shares with main; return the names.

    Raises ValueError when there is no reason, InvalidRevisions when the files can't be used.
    """
    reason = " ".join(reason.split())
    if not reason or '"""' in reason or "\\" in reason:
        raise ValueError("the reason is empty, or has a character that a docstring can't hold")
    versions, history, done = root / "migrations" / "versions", History(root), []
    for file in (file for branch in BRANCHES for file in revision_files.line(versions, branch)):
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


def main(arguments: list[str]) -> int:
    """Run from the Makefile; return the exit code."""
    try:
        reason, commit = (*arguments, None, None)[:2]
        done = accept_edits(reason or "", commit)
    except ValueError as error:
        print(f"error: {error}\n{USAGE}", file=sys.stderr)  # noqa: T201
        return 2
    except SyncError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    print(f"Accepted: {', '.join(done)}; commit it" if done else "No revision differs from the main branch")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
