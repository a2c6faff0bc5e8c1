"""Joins filters by `_and`, and splits them again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Filter = Mapping[str, Any]


def conjunction(parts: Sequence[Filter]) -> Filter:
    """Return the filter that requires all parts."""
    return parts[0] if len(parts) == 1 else {"_and": list(parts)}


def parts(found: Filter) -> Sequence[Filter]:
    """Return the parts that `conjunction` joined."""
    joined = found["_and"] if set(found) == {"_and"} else [found]
    return joined if isinstance(joined, list) else [found]
