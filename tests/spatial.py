"""What docs/spatial.md promises of the plans of its queries."""

from __future__ import annotations

import re

from tools.bench.positions import queries

# By query, the indexes that must be in its plan; of some any one will do.
INDEXES: dict[str, list[list[str]]] = {
    name: [re.findall(r"`(\w+)`", part) for part in named.split(", then")]
    for named, name in re.findall(
        r"^Index(?:es)?: ([^.]+)\..*?^PREPARE (\w+)",
        queries.SPATIAL.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
}
