"""What every kind of resource becomes before it is compared: items of canonical rows. Pure."""

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

    rows: what git owns of it, canonical and sorted; one, except where Directus keeps several under one key.
    where: `file:line` in which a person wrote it, empty for what comes from a database.
    """

    kind: str
    key: str
    rows: tuple[Row, ...] = field(repr=False)
    where: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """The item as a person writes it: policy:trm-marshal."""
        return f"{self.kind}:{self.key}"


# By id.
Items = Mapping[str, Resource]
# Of files, by path.
Contents = Mapping[Path, bytes]


def text(value: object) -> str:
    """Return JSON that is equal for equal values: keys sorted, nothing between them."""
    return _ENCODER.encode(value)


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return rows in the order of their content, which no server chooses."""
    found = tuple(rows)
    return found if len(found) < 2 else tuple(sorted(found, key=text))
