"""Writes every file that is generated from the code, snapshots/ or docs/; --check only lists those out of date."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from directus_sync.errors import SyncError
from directus_sync.settings import ROOT
from tools import access_docs, constraint_sentences, reference
from tools.schema_docs import pages


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write or check the generated files, and return the exit code."""
    try:
        # A later source wins: a page that is generated as a whole replaces its copy with refreshed tables.
        wanted = {
            name: text
            for source in (reference.files, pages.files, access_docs.files, constraint_sentences.files)
            for name, text in source(root).items()
        }
    except SyncError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    no_longer = [name for path in root.glob("docs/schema/*.md") if (name := path.relative_to(root)) not in wanted]
    stale = [*(name for name, text in wanted.items() if _read(root / name) != text), *no_longer]
    for name in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{name} is out of date; run: make docs\n")
        else:
            _write(root / name, wanted.get(name))
            sys.stdout.write(f"Wrote {name}\n")
    return 1 if stale and "--check" in arguments else 0


def _read(path: Path) -> str | None:
    return path.read_bytes().decode() if path.is_file() else None


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
