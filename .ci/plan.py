"""Report what this checkout does to a database of an older commit: the plan, then the result of the deploy.

Works on a temporary database and in a temporary worktree of the older commit. The report goes to stdout, and in CI also
to the job's summary. Run it by `make plan BASE=main`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import throwaway

from directus_sync import output
from directus_sync.errors import SyncError

ROOT = Path.cwd()
LOCK = "requirements.lock"
# Run the tool as a module of the current folder, so that an older commit uses its own tool and migrations.
TOOL = ("-m", "directus_sync")
DIFFERS = 3


def main() -> int:
    """Return the exit code of the first step that failed, else 0."""
    base = _git("merge-base", "HEAD", os.environ.get("BASE") or "HEAD")
    with throwaway.new_database("plan") as environ, _worktree(base) as folder:
        # Without DIRECTUS_HOME, the older commit's devstack finds the Directus that it pins.
        older = {name: value for name, value in environ.items() if name != "DIRECTUS_HOME"}
        python = _python(folder)
        made = subprocess.run(
            [python, "-m", _stack(folder), "run", "--", python, *TOOL, "deploy"],
            cwd=folder,
            env=older,
            stdout=sys.stderr,
            check=False,
        )
        if made.returncode:
            return made.returncode
        plan = _run("check", environ)
        if plan.returncode not in {0, DIFFERS}:
            sys.stderr.write(plan.stderr)
            return plan.returncode
        deploy = _run("deploy", environ)
    outcome = "done" if deploy.returncode == 0 else f"**failed with exit code {deploy.returncode}**"
    _report(
        "### What this does to a database\n"
        f"Planned over `{_git('log', '-1', '--format=%h %s', base).replace('`', '')}`:\n"
        f"{_fenced(plan.stdout)}\n"
        f"Then {outcome}:\n"
        f"{_fenced(deploy.stdout if deploy.returncode == 0 else deploy.stderr)}\n"
    )
    return deploy.returncode


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "older")
        _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _python(folder: Path) -> str:
    """Return a Python with the packages of the folder's lock file: this one if it fits, else the folder's own."""
    if (folder / LOCK).read_bytes() == (ROOT / LOCK).read_bytes():
        return sys.executable
    subprocess.run([_stack(folder).replace(".", "/") + "/venv.sh"], cwd=folder, stdout=sys.stderr, check=True)
    return str(folder / ".venv" / "bin" / "python")


def _stack(folder: Path) -> str:
    """Return the module of the local stack in this folder. Older commits have it at the root."""
    return "tools.devstack" if (folder / "tools" / "devstack").is_dir() else "devstack"


def _run(command: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *TOOL, command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _fenced(text: str) -> str:
    return f"```text\n{text.strip()}\n```"


def _report(text: str) -> None:
    sys.stdout.write(text)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SyncError as error:
        output.error(error)
        sys.exit(error.exit_code)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
