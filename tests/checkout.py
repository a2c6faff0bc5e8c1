"""A copy of this checkout with one more revision, as the next deploy would have it."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import Branch
from tests.commands import finished
from tests.conftest import ROOT, Finished, Tool

REVISION = '''"""Change it.

Why:       a test needs a newer checkout.
Locks:     ACCESS EXCLUSIVE on the table.
Downgrade: undoes it; loses no rows.
"""

from alembic import op

revision = "{revision}"
down_revision = "{down_revision}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.{upgrade}


def downgrade() -> None:
    op.{downgrade}
'''


def git(folder: Path, *arguments: str, at: int = 0, may_fail: bool = False) -> str:
    """Run git with a fixed author, date and default branch. at: minutes after the first commit."""
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        environ |= {f"GIT_{role}_{part}": f"test@{role}.invalid" for part in ("NAME", "EMAIL")}
        environ[f"GIT_{role}_DATE"] = f"{1_700_000_000 + 60 * at} +0000"
    done = finished(["git", "-c", "init.defaultBranch=main", *arguments], environ, folder)
    assert done.code == 0 or may_fail, done.text
    return done.out + done.err


@dataclass(frozen=True)
class Checkout:
    """A copy of this project. head, base: ids of the added revision and of the one below it."""

    folder: Path
    head: str = ""
    base: str = ""

    @classmethod
    def copied(cls, folder: Path) -> Checkout:
        """Copy the project into `folder`, with its byte code, because compiling takes longer than the tests."""
        for name in ("migrations", "directus_sync", "snapshots"):
            # Skip temporary byte code files that another process is still writing.
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
        shutil.copy(ROOT / "alembic.ini", folder)
        return cls(folder)

    @classmethod
    def with_revision(cls, folder: Path, upgrade: str, downgrade: str, branch: Branch = "pre") -> Checkout:
        """Copy the project into `folder` and add a revision. upgrade, downgrade: calls such as `drop_table("a")`."""
        cls.copied(folder)
        versions = folder / "migrations" / "versions"
        base = revision_files.head_id(versions, branch)
        head = revision_files.numbered(branch, int(base.removeprefix(f"{branch}_")) + 1)
        (versions / branch / f"{head}_change_it.py").write_text(
            REVISION.format(revision=head, down_revision=base, upgrade=upgrade, downgrade=downgrade)
        )
        revision_files.write_head(versions, branch, f"{head}_change_it")
        return cls(folder, head, base)

    def alembic(self, tool: Tool, *arguments: str) -> Finished:
        return self._run(tool, "-m", "alembic", *arguments)

    def sync(self, tool: Tool, *arguments: str) -> Finished:
        return self._run(tool, "-m", "directus_sync", *arguments)

    def upgrade(self, tool: Tool) -> Finished:
        done = self.alembic(tool, "upgrade", "pre@head")
        assert done.code == 0, done.text
        return done

    def downgrade(self, tool: Tool) -> Finished:
        done = self.alembic(tool, "downgrade", self.base)
        assert done.code == 0, done.text
        return done

    def _run(self, tool: Tool, *arguments: str) -> Finished:
        environ = {**tool.environ, "PYTHONPATH": str(self.folder)}
        return finished([sys.executable, *arguments], environ, self.folder)
