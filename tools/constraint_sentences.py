"""Generates the sentences that the extension shows when a constraint refuses a row, one for each in the catalog.

A sentence comes from docs/constraints.md, or from the field's validation in the snapshot. A PRIMARY KEY or UNIQUE that
is in neither gets a sentence with its columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from directus_sync.catalog import Kind, file
from directus_sync.errors import SyncError
from directus_sync.schema import snapshot
from tools.schema_docs import catalog as database

PAGE: Final = Path("docs/constraints.md")
GENERATED: Final = Path("extensions/trm/src/generated/constraints.json")
_LINE: Final = re.compile(r"^\| `(\w+)` \| (.+?) \|$", re.MULTILINE)


def files(root: Path) -> dict[Path, str]:
    """Return the text of the generated file by path. Raises SyncError for a constraint that has no sentence."""
    return {GENERATED: json.dumps(sentences(root), indent=2, sort_keys=True) + "\n"}


def sentences(root: Path) -> dict[str, str]:
    """Return the sentence of each constraint by name. Raises SyncError for a constraint that has no sentence."""
    explained = {name: text.replace("`", "") for name, text in _LINE.findall((root / PAGE).read_text(encoding="utf-8"))}
    validations = _validations(root / "snapshots/schema.yaml")
    found = {}
    for rule in database.rules(file.load(root / "snapshots/catalog.yaml")):
        if rule.kind is Kind.CONSTRAINT:
            key = database.key(rule)
            taken = f"Another row has the same {' and '.join(key[1])}." if key else None
            sentence = explained.get(rule.name) or validations.get(rule.name) or taken
            if sentence is None:
                raise SyncError(f"{rule.name} has no sentence", next=f"add a line with its rule to {PAGE}")
            found[rule.name] = sentence
    return found


def _validations(path: Path) -> Mapping[str, str]:
    """Return the messages of the fields' validations, by the name of the CHECK that holds the same rule."""
    return {
        f"{collection}_{field}_check": str(entry["meta"]["validation_message"])
        for (collection, field), entry in snapshot.read(path).section("fields").items()
        if entry["meta"].get("validation_message")
    }
