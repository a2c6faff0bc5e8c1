"""What is measured of positions, and the results. Owns their types; knows no database."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """The two tables."""

    HYPERTABLE = "hypertable"
    PLAIN = "plain table"


@dataclass(frozen=True)
class Size:
    """What is loaded: every device sends a fix a second from midnight on.

    batch: the rows of one INSERT. earlier: how many of the days are there before the clock starts.
    """

    devices: int
    days: int
    seconds: int
    batch: int = 1000
    earlier: int = 0

    @property
    def a_day(self) -> int:
        """Return the rows of one day."""
        return self.devices * self.seconds

    @property
    def copied(self) -> int:
        """Return the rows that COPY writes, all on the clock but the last day."""
        return (self.days - self.earlier - 1) * self.a_day

    @property
    def rows(self) -> int:
        """Return the rows of all days."""
        return self.days * self.a_day


@dataclass(frozen=True)
class Loaded:
    """How many seconds loading took: all days but the last by COPY, the last in batches."""

    copied: float
    inserted: float


@dataclass(frozen=True)
class Bytes:
    """What a table takes on disk: its rows, and its indexes."""

    rows: int
    indexes: int


@dataclass(frozen=True)
class Case:
    """A query of the file, and about what, such as `ten minutes`."""

    query: str
    about: str


@dataclass(frozen=True)
class Reading:
    """A query on one table. access: how its plan reaches positions, an index or a scan, and in how many tables."""

    milliseconds: tuple[float, ...]
    access: Mapping[str, int]

    @property
    def median(self) -> float:
        """Return the median in milliseconds."""
        return statistics.median(self.milliseconds)


@dataclass(frozen=True)
class Outcome:
    """All that was measured."""

    size: Size
    loaded: Mapping[Kind, Loaded]
    bytes: Mapping[Kind, Bytes]
    queries: Mapping[Case, Mapping[Kind, Reading]]
