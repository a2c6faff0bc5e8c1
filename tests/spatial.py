"""The query plans that docs/spatial.md promises."""

from __future__ import annotations

import re

from tools.bench.positions import queries

# For each query, the indexes that its plan must use. An inner list names alternatives.
INDEXES: dict[str, list[list[str]]] = {
    name: [re.findall(r"`(\w+)`", part) for part in named.split(", then")]
    for named, name in re.findall(
        r"^Index(?:es)?: ([^.]+)\..*?^PREPARE (\w+)",
        queries.SPATIAL.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
}
