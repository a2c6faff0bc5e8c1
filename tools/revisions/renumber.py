"""Renumbers the revisions of a branch after a merge, so that each has its own number and its own parent.

Revisions that the main branch has keep their numbers. Newer ones go on top: their file, id, down_revision and test are
renamed, and the HEAD file names the last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import BRANCHES
from directus_sync.revisions.revision_files import Revision
from directus_sync.settings import ROOT
from tools.revisions.git_history import History


@dataclass(frozen=True)
class Move:
    """A revision that gets a new place: its id, its parent's id, or both change."""

    file: Revision
    id: str
    parent: str | None

    @property
    def name(self) -> str:
        """The revision's new name."""
        return self.id + self.file.name.removeprefix(self.file.id)

    def renamed(self, text: str, *, parent_too: bool) -> str:
        """Return the text with the old ids replaced by the new ones."""
        new = {self.file.id: self.id}
        if parent_too and self.file.parent and self.parent:
            new = {self.file.parent: self.parent, **new}
        return re.sub(rf"\b({'|'.join(new)})(?![0-9])", lambda found: new[found[0]], text)


def renumber(named: str | None = None, root: Path = ROOT) -> list[Move]:
    """Renumber both branches, and return the moves. named: the revision that goes on top.

    Raises InvalidRevisions for faults that renumbering does not repair, and ValueError if no file has that name.
    """
    versions = root / "migrations" / "versions"
    files = {branch: revision_files.read(versions, branch) for branch in BRANCHES}
    if named is not None and not any(file.name == named for line in files.values() for file in line):
        raise ValueError(f"there is no revision file {named}.py")
    done: list[Move] = []
    for branch in BRANCHES:
        moves = plan(files[branch], History(root), named)
        # The highest number first, so that no file overwrites another.
        for move in sorted(moves, key=lambda move: move.file.number, reverse=True):
            _move(move, root)
        renumbered = revision_files.read(versions, branch)
        parents = {file.parent for file in renumbered}
        for file in renumbered:
            if file.id not in parents:
                revision_files.write_head(versions, branch, file.name)
        revision_files.ordered(versions, branch)
        done += moves
    return done


def plan(files: Sequence[Revision], history: History, named: str | None) -> list[Move]:
    """Return the moves after which every revision has its own number and its own parent."""
    first = _fork(files, named)
    if first is None:
        return []
    ages = _ages(files, history, first)
    rest = sorted(ages, key=lambda file: (file.name == named, ages[file], file.number, file.name))
    below = max((file.id for file in files if file.number < first), default=None)
    branch, moves = files[0].id.partition("_")[0], []
    for number, file in enumerate(rest, first):
        move = Move(file, revision_files.numbered(branch, number), below)
        if (move.id, move.parent) != (file.id, file.parent):
            moves.append(move)
        below = move.id
    return moves


def _ages(files: Sequence[Revision], history: History, first: int) -> dict[Revision, tuple[float, float]]:
    """Return when the main branch got each revision from number `first` on, and when any branch got it.

    A revision is never older than its parent, so that the revisions of one git branch keep their order.
    """
    ages: dict[Revision, tuple[float, float]] = {}
    for file in sorted(files, key=lambda file: file.number):
        if file.number >= first:
            below = min((age for other, age in ages.items() if other.id == file.parent), default=(0.0, 0.0))
            ages[file] = max((history.since_on_main(file.path), history.since(file.path)), below)
    return ages


def _fork(files: Sequence[Revision], named: str | None) -> int | None:
    """Return the lowest number of a revision that shares its id or parent, or that is `named`; None without one."""
    parents = [file.parent for file in files]
    ids = [file.id for file in files]
    crowded = [
        file.number for file in files if ids.count(file.id) > 1 or parents.count(file.parent) > 1 or file.name == named
    ]
    return min(crowded, default=None)


def _move(move: Move, root: Path) -> None:
    """Rewrite and rename the files of a revision and of its test."""
    text = move.renamed(move.file.path.read_text(encoding="utf-8"), parent_too=False)
    text = re.sub(r"^down_revision\b[^=\n]*=.*$", f"down_revision = {_quoted(move.parent)}", text, flags=re.MULTILINE)
    _write(move.file.path, move.file.path.with_name(f"{move.name}.py"), text)
    test = root / "tests" / "migrations" / f"test_{move.file.name}.py"
    if test.is_file():
        text = move.renamed(test.read_text(encoding="utf-8"), parent_too=True)
        _write(test, test.with_name(f"test_{move.name}.py"), text)


def _quoted(revision: str | None) -> str:
    return f'"{revision}"' if revision else "None"


def _write(old: Path, new: Path, text: str) -> None:
    old.unlink()
    new.write_text(text, encoding="utf-8")
