"""A small `migrations/versions`: three pre revisions, two post revisions, and those that a test adds."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import Branch
from directus_sync.revisions.revision_files import Revision

REVISION = '''"""{title}.

Why:       a test needs it.
Locks:     none.
Downgrade: nothing.
"""

from alembic import op

revision = "{id}"
down_revision = {parent!r}
branch_labels = {labels!r}
depends_on = None


def upgrade() -> None:
    {body}


def downgrade() -> None:
    pass
'''
LINE = ("pre_0001_a", "pre_0002_b", "pre_0003_c", "post_0001_a", "post_0002_b")
DEFAULT_BODY = 'op.execute("SELECT 1")'


def revision(name: str) -> Revision:
    """Return an empty revision with this name."""
    return Revision(Path(f"{name}.py"), "_".join(name.split("_")[:2]), None, ast.Module([], []))


@dataclass(frozen=True)
class Versions:
    """The folder `migrations/versions` below a root with this project's layout."""

    root: Path

    @classmethod
    def made(cls, root: Path) -> Versions:
        versions = cls(root)
        for name in LINE:
            (versions.folder / branch_of(name)).mkdir(parents=True, exist_ok=True)
            versions.add(name, _below(name))
            versions.name_head(name)
        return versions

    @property
    def folder(self) -> Path:
        return self.root / "migrations" / "versions"

    def path(self, name: str) -> Path:
        return self.folder / branch_of(name) / f"{name}.py"

    def add(self, name: str, parent: str | None, body: str = DEFAULT_BODY) -> Path:
        """Write a revision file. parent: the id of the revision below it."""
        labels = None if parent else (branch_of(name),)
        text = REVISION.format(title=name, id=id_of(name), parent=parent, labels=labels, body=body)
        path = self.path(name)
        path.write_text(text.replace("'", '"') if body == DEFAULT_BODY else text, encoding="utf-8")
        return path

    def name_head(self, name: str) -> None:
        revision_files.write_head(self.folder, branch_of(name), name)

    def ordered(self, branch: Branch) -> list[str]:
        """Return the names of a branch's revisions in order; they must form a line."""
        return [file.name for file in revision_files.ordered(self.folder, branch)]

    def file(self, name: str) -> Revision:
        (found,) = (file for file in revision_files.read(self.folder, branch_of(name)) if file.name == name)
        return found


def branch_of(name: str) -> Branch:
    return cast("Branch", name.partition("_")[0])


def id_of(name: str) -> str:
    return "_".join(name.split("_")[:2])


def _below(name: str) -> str | None:
    branch, number = id_of(name).split("_")
    return revision_files.numbered(branch, int(number) - 1) if int(number) > 1 else None
