"""The types of what is measured about positions, and of the results. Uses no database."""

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
    """The fixes to load: every device sends a fix a second from midnight on.

    batch: the rows of one INSERT. earlier: how many of the days are loaded before the clock starts.
    """

    devices: int
    days: int
    seconds: int
    batch: int = 1000
    earlier: int = 0

    @property
    def a_day(self) -> int:
        """Return the number of rows of one day."""
        return self.devices * self.seconds

    @property
    def copied(self) -> int:
        """Return the number of rows that COPY writes: all measured days but the last."""
        return (self.days - self.earlier - 1) * self.a_day

    @property
    def rows(self) -> int:
        """Return the number of rows of all days."""
        return self.days * self.a_day


@dataclass(frozen=True)
class Loaded:
    """The seconds of loading: all measured days but the last by COPY, the last in batches."""

    copied: float
    inserted: float


@dataclass(frozen=True)
class Bytes:
    """The size of a table on disk: its rows and its indexes."""

    rows: int
    indexes: int


@dataclass(frozen=True)
class Case:
    """A prepared query. about: the range of its values, such as `ten minutes`."""

    query: str
    about: str


@dataclass(frozen=True)
class Reading:
    """A query on one table. access: the indexes and scans of its plan, with the number of tables for each."""

    milliseconds: tuple[float, ...]
    access: Mapping[str, int]

    @property
    def median(self) -> float:
        """Return the median in milliseconds."""
        return statistics.median(self.milliseconds)


@dataclass(frozen=True)
class Outcome:
    """All results for one size."""

    size: Size
    loaded: Mapping[Kind, Loaded]
    bytes: Mapping[Kind, Bytes]
    queries: Mapping[Case, Mapping[Kind, Reading]]
