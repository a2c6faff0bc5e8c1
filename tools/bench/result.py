"""The results of a scenario. Owns medians and ratios; starts no process and uses no database."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tools.bench.process import Measured


class Peer(Enum):
    """The contestants: this tool and its peers."""

    OURS = "this tool"
    CHAIN = "old chain"
    CLI = "Directus CLI"
    NPM = "npm directus-sync"


@dataclass(frozen=True)
class Series:
    """All rounds of one contestant."""

    rounds: tuple[Measured, ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """Return the seconds of each round."""
        return tuple(each.seconds for each in self.rounds)

    @property
    def median(self) -> float:
        """Return the median in seconds."""
        return statistics.median(self.seconds)

    @property
    def alone(self) -> float:
        """Return the median without the check of a peer's push, in seconds."""
        return statistics.median(each.alone for each in self.rounds)

    @property
    def cpu(self) -> float:
        """Return the median of the CPU seconds."""
        return statistics.median(each.cpu for each in self.rounds)

    @property
    def mebibytes(self) -> float:
        """Return the peak of all rounds."""
        return max(each.mebibytes for each in self.rounds)


@dataclass(frozen=True)
class Result:
    """The rounds of one scenario: this tool's, and those of the peer that it is compared with."""

    title: str
    against: Peer
    series: Mapping[Peer, Series]

    @property
    def ours(self) -> Series:
        """Return the series of this tool."""
        return self.series[Peer.OURS]

    @property
    def theirs(self) -> Series:
        """Return the series of the peer."""
        return self.series[self.against]

    @property
    def ratio(self) -> float:
        """Return how many times as fast as the peer this tool is; below 1 it is slower."""
        return self.theirs.median / self.ours.median

    @property
    def ratio_alone(self) -> float | None:
        """Return the ratio to the peer's push without its check; None if there is no check."""
        return None if self.theirs.alone == self.theirs.median else self.theirs.alone / self.ours.median

    @property
    def tied(self) -> bool:
        """Return whether each side's median is between the other's fastest and slowest round."""
        sides = (self.ours, self.theirs), (self.theirs, self.ours)
        return all(min(one.seconds) <= other.median <= max(one.seconds) for one, other in sides)
