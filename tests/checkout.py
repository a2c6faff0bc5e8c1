"""A newer checkout than this one, as the next deploy would bring it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from directus_sync.state.revisions import Branch
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


@dataclass(frozen=True)
class Checkout:
    """A copy of this project. head, base: of the branch that has one more revision, after it and before it."""

    folder: Path
    head: str = ""
    base: str = ""

    @classmethod
    def copied(cls, folder: Path) -> Checkout:
        """Copy the project into `folder` as it is, byte code too: compiling takes longer than what is tested."""
        for name in ("migrations", "directus_sync", "snapshots"):
            # Not the byte code that somebody is about to write.
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
        shutil.copy(ROOT / "alembic.ini", folder)
        return cls(folder)

    @classmethod
    def with_revision(cls, folder: Path, upgrade: str, downgrade: str, branch: Branch = "pre") -> Checkout:
        """Copy the project into `folder`. upgrade, downgrade: calls of `op`, without that word."""
        cls.copied(folder)
        head_file = folder / "migrations" / "versions" / f"{branch.upper()}_HEAD"
        base = head_file.read_text().strip()
        head = f"{branch}_{int(base.removeprefix(f'{branch}_')) + 1:04d}"
        (head_file.parent / branch / f"{head}_change_it.py").write_text(
            REVISION.format(revision=head, down_revision=base, upgrade=upgrade, downgrade=downgrade)
        )
        head_file.write_text(f"{head}\n")
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
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**tool.environ, "PYTHONPATH": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)
