"""Makes the next revision file of a branch and moves its HEAD file: python -m migrations.new_revision pre "message"."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from directus_sync.settings import ROOT
from directus_sync.state.revisions import BRANCHES

USAGE = 'usage: make pre m="add a column"   or   make post m="add a constraint"'


def new_revision(branch: str, message: str, root: Path = ROOT) -> Path:
    """Create the revision after the branch's head, write its id to the HEAD file, and return its path.

    The HEAD file makes two revisions written side by side collide in git instead of forking the branch.

    Raises ValueError when branch or message cannot be used.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    if branch not in BRANCHES:
        raise ValueError(f"{branch!r} is not a branch: pre or post")
    if not slug:
        raise ValueError("the message is empty; say what the revision does, such as 'add entries checks'")
    config = Config(str(root / "alembic.ini"))
    head = ScriptDirectory.from_config(config).as_revision_number(f"{branch}@head")
    number = int(str(head).removeprefix(f"{branch}_")) + 1
    revision = f"{branch}_{number:04d}"
    versions = root / "migrations" / "versions"
    command.revision(
        config, message=message, head=f"{branch}@head", rev_id=revision, version_path=str(versions / branch)
    )
    (versions / f"{branch.upper()}_HEAD").write_text(f"{revision}\n", encoding="ascii")
    (path,) = (versions / branch).glob(f"{revision}_*.py")
    return path


def main(arguments: list[str]) -> int:
    """Run from the Makefile; return the exit code."""
    try:
        branch, message = arguments
        path = new_revision(branch, message)
    except ValueError as error:
        print(f"error: {error}\n{USAGE}", file=sys.stderr)  # noqa: T201
        return 2
    print(f"Created {path.relative_to(ROOT)}; write upgrade, downgrade, and a test in tests/migrations/")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
