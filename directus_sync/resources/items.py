"""The form in which resources of every kind are compared: items of canonical rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Row = Mapping[str, Any]
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Resource:
    """One thing of a kind, judged as a whole.

    rows: its rows with the columns that git owns, canonical and sorted. Directus may have several under one key.
    where: the `file:line` that defines it; empty if it comes from a database.
    """

    kind: str
    key: str
    rows: tuple[Row, ...] = field(repr=False)
    where: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """The id that people write, such as policy:trm-marshal."""
        return f"{self.kind}:{self.key}"


# By id.
Items = Mapping[str, Resource]
# The content of files, by path.
Contents = Mapping[Path, bytes]


def text(value: object) -> str:
    """Return canonical JSON: equal values give equal texts. Keys are sorted, and there are no spaces."""
    return _ENCODER.encode(value)


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return rows sorted by content, because the order of a server is arbitrary."""
    found = tuple(rows)
    return found if len(found) < 2 else tuple(sorted(found, key=text))
