"""Compares snapshots/ byte for byte with a fresh pull, and explains a different order of the same entries.

python -m tools.verify FOLDER, for `make verify`. FOLDER: where the pull wrote its files.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from directus_sync.yaml_files import plain_yaml

NAMES: Final = ("schema.yaml", "catalog.yaml", "access", "resources")
SECTIONS: Final = ("collections", "fields", "relations")


def main() -> int:
    """Compare, print the differences, and return the highest exit code of `diff`."""
    (folder,) = sys.argv[1:]
    code = 0
    for name in NAMES:
        ours, theirs = Path("snapshots", name), Path(folder, name)
        if name == "schema.yaml" and ours.read_bytes() != theirs.read_bytes():
            for line in explained(*(plain_yaml.load(path.read_bytes()) for path in (ours, theirs))):
                sys.stderr.write(f"{line}\n")
        code = max(code, subprocess.run(["diff", "-ru", ours, theirs], check=False).returncode)
    return code


def explained(ours: Any, theirs: Any) -> Iterator[str]:
    """Yield a line for each section that has the same entries in another order."""
    for section in SECTIONS:
        one, other = ours[section], theirs[section]
        if one != other and sorted(one, key=_name) == sorted(other, key=_name):
            first = next(_name(mine) for mine, its in zip(one, other, strict=True) if mine != its)
            yield (
                f"{section}: the same entries in another order, from {'.'.join(first)} on. Directus lists entries in"
                " the order in which this database received them. A new database that is deployed from git has the"
                " order of the file. To start one: make reset migrate, then make verify"
            )


def _name(entry: Any) -> tuple[str, ...]:
    return (entry["collection"], *([entry["field"]] if "field" in entry else []))


if __name__ == "__main__":
    sys.exit(main())
