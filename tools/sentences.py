"""Writes what the extension tells of each constraint that PostgreSQL refuses by: one sentence for each of the catalog.

The sentence is that of docs/constraints.md, or that of the field's validation in the snapshot; for what must be unique
it is made of the columns. python -m tools.sentences writes the file, and with --check says whether it is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from directus_sync.catalog import Kind, file
from directus_sync.schema import snapshot
from directus_sync.settings import ROOT
from tools.schema_docs import catalog as database

PAGE: Final = ROOT / "docs" / "constraints.md"
GENERATED: Final = ROOT / "extensions" / "trm" / "src" / "generated" / "constraints.json"
_LINE: Final = re.compile(r"^\| `(\w+)` \| (.+?) \|$", re.MULTILINE)


def main() -> int:
    """Write or check the file; return the exit code."""
    try:
        wanted = render()
    except KeyError as error:
        constraint = error.args[0]
        sys.stderr.write(f"{constraint} has no sentence\n  next: add a line with its rule to docs/constraints.md\n")
        return 1
    name = GENERATED.relative_to(ROOT)
    if GENERATED.is_file() and GENERATED.read_text(encoding="utf-8") == wanted:
        return 0
    if "--check" in sys.argv[1:]:
        sys.stderr.write(f"{name} is out of date; run: make docs\n")
        return 1
    GENERATED.write_text(wanted, encoding="utf-8")
    sys.stdout.write(f"Wrote {name}\n")
    return 0


def render() -> str:
    """Return the file. Raises KeyError with the name of a constraint that has no sentence."""
    return json.dumps(sentences(ROOT / "snapshots", PAGE), indent=2, sort_keys=True) + "\n"


def sentences(snapshots: Path, page: Path) -> dict[str, str]:
    """Return the sentence of each constraint. Raises KeyError for one that has none."""
    explained = {name: text.replace("`", "") for name, text in _LINE.findall(page.read_text(encoding="utf-8"))}
    validations = _validations(snapshots / "schema.yaml")
    found = {}
    for rule in database.rules(file.load(snapshots / "catalog.yaml")):
        if rule.kind is Kind.CONSTRAINT:
            key = database.key(rule)
            said = explained.get(rule.name) or validations.get(rule.name) or (_taken(*key) if key else None)
            if said is None:
                raise KeyError(rule.name)
            found[rule.name] = said
    return found


def _taken(_kind: str, columns: tuple[str, ...]) -> str:
    return f"Another row has the same {' and '.join(columns)}."


def _validations(path: Path) -> Mapping[str, str]:
    """Return the sentences of validations, by the name that the same rule has in the database."""
    return {
        f"{collection}_{field}_check": str(entry["meta"]["validation_message"])
        for (collection, field), entry in snapshot.read(path).section("fields").items()
        if entry["meta"].get("validation_message")
    }


if __name__ == "__main__":
    sys.exit(main())
