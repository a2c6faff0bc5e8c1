"""The command line of `python -m tools.schema_docs`: writes docs/schema.md and docs/schema/, or names stale pages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from directus_sync.errors import SyncError
from tools.schema_docs import pages, reading

ROOT: Final = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the pages, or with --check compare them; return the exit status."""
    about = "Describe the data model, from snapshots/, in docs/schema.md and docs/schema/."
    parser = argparse.ArgumentParser("python -m tools.schema_docs", description=about)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")
    options = parser.parse_args(arguments)
    try:
        wanted = pages.render(reading.load(root / "snapshots"))
    except SyncError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stale = compare(wanted, root / "docs")
    if options.check:
        sys.stderr.write("".join(f"docs/{name} is stale; run `make docs`\n" for name in stale))
        return 1 if stale else 0
    for name in stale:
        _write(root / "docs" / name, wanted.get(name))
    sys.stdout.write(
        "".join(f"Wrote docs/{name}\n" for name in stale) or "docs/schema.md and docs/schema/ are up to date\n"
    )
    return 0


def compare(wanted: dict[str, str], docs: Path) -> list[str]:
    """Return the pages that are missing, stale or no longer wanted, by their path below docs/."""
    existing = {path.relative_to(docs).as_posix(): path for path in [docs / "schema.md", *docs.glob("schema/*.md")]}
    return sorted(
        name
        for name in wanted.keys() | existing.keys()
        if name not in wanted or name not in existing or _read(existing[name]) != wanted[name]
    )


def _read(path: Path) -> str | None:
    return path.read_bytes().decode() if path.is_file() else None


def _write(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
