"""Reads the git history of revision files: when a file was added, and its content in an earlier commit."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

_MAIN: Final = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
# The time of a file that is not committed: later than every commit.
NEVER: Final = float("inf")


@dataclass(frozen=True)
class History:
    """The git history of a checkout. Without git, every file counts as not committed."""

    root: Path

    @cached_property
    def mains(self) -> list[str]:
        """The names by which the main branch exists here, the remote's first."""
        return [name for name in _MAIN if self._exists(name)]

    def since_on_main(self, path: Path) -> float:
        """Return when the main branch got the file, in Unix time; NEVER if it does not have the file."""
        return min((self._added(path, "--first-parent", "-m", name) for name in self.mains), default=NEVER)

    def since(self, path: Path) -> float:
        """Return when the file was first committed, on either side of a merge or rebase, in Unix time."""
        sides = [name for name in ("HEAD", "MERGE_HEAD", "REBASE_HEAD") if self._exists(name)]
        return self._added(path, *sides) if sides else NEVER

    def before(self, path: Path, commit: str | None = None) -> bytes | None:
        """Return the file's content in a commit; None if the commit does not have the file.

        commit: by default the newest that this branch and the main branch share.
        """
        if commit is None and self.mains:
            commit = self._git("merge-base", "HEAD", self.mains[0])
        return self._run("show", f"{commit or 'HEAD'}:./{path.relative_to(self.root).as_posix()}")

    def _exists(self, name: str) -> bool:
        return bool(self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"))

    def _added(self, path: Path, *arguments: str) -> float:
        found = self._git("log", "--diff-filter=A", "--format=%ct", *arguments, "--", str(path.relative_to(self.root)))
        return float(found.split()[-1]) if found else NEVER

    def _git(self, *arguments: str) -> str:
        return (self._run(*arguments) or b"").decode().strip()

    def _run(self, *arguments: str) -> bytes | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, check=False)
        except FileNotFoundError:
            return None
        return done.stdout if done.returncode == 0 else None
