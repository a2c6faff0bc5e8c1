"""Folders with the layout of Directus's image, linked to the Directus that is installed here."""

from __future__ import annotations

from pathlib import Path


def link(folder: Path, home: Path) -> Path:
    """Make a DIRECTUS_HOME that links to another one; return its path."""
    folder.mkdir()
    for name in ("cli.js", "package.json"):
        (folder / name).symlink_to(home / name)
    (folder / "node_modules").symlink_to(home.resolve().parent)
    return folder
