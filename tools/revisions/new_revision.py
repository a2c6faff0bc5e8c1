"""Creates the next revision file of a branch and updates the branch's HEAD file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from alembic.config import Config
from alembic.script import ScriptDirectory

from directus_sync.revisions import revision_files
from directus_sync.revisions.branches import Branch
from directus_sync.settings import ROOT


def new_revision(branch: str, message: str, root: Path = ROOT) -> Path:
    """Create the revision after the branch's head, write its name to the HEAD file, and return its path.

    If two git branches both add a revision, both change the HEAD file, and git reports a conflict.

    Raises ValueError for an unusable branch or message, and InvalidRevisions for unusable existing files.
    """
    message = " ".join(message.split())
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    if branch not in get_args(Branch):
        raise ValueError(f"{branch!r} is not a branch: pre or post")
    if not slug:
        raise ValueError("the message is empty; say what the revision does, such as 'add entries checks'")
    if '"""' in message or "\\" in message:
        raise ValueError("the message has a character that a docstring can't hold")
    versions = root / "migrations" / "versions"
    head = revision_files.ordered(versions, branch)[-1]
    script = ScriptDirectory.from_config(Config(str(root / "alembic.ini"))).generate_revision(
        revision_files.numbered(branch, head.number + 1), message, head=head.id, version_path=versions / branch
    )
    assert script is not None  # noqa: S101 - None only for a file that is not a revision
    path = Path(script.path)
    revision_files.write_head(versions, branch, path.stem)
    return path
