"""Folders as Directus's image has them, of the Directus that is installed here."""

from __future__ import annotations

from pathlib import Path


def link(folder: Path, home: Path) -> Path:
    """Make a DIRECTUS_HOME of links to another one, and return it."""
    folder.mkdir()
    for name in ("cli.js", "package.json"):
        (folder / name).symlink_to(home / name)
    (folder / "node_modules").symlink_to(home.resolve().parent)
    return folder
