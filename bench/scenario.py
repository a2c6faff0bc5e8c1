"""What is compared, and what came of it. Owns the types that flow; knows no process and no database."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.arena import Arena


class Peer(Enum):
    """Who is measured."""

    OURS = "this tool"
    CHAIN = "old chain"
    CLI = "Directus CLI"
    NPM = "npm directus-sync"


@dataclass(frozen=True)
class Command:
    """One process to start.

    look: of a peer's push, the process that tells whether all arrived, as a push of this tool does by itself.
    """

    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    look: Command | None = None


Attempt = Callable[[int], AbstractContextManager[Command]]
"""Prepare round N, yield the command to be timed, then check what it did and clean up. Only the command is timed."""


@dataclass(frozen=True)
class Contestant:
    """One side of a scenario."""

    peer: Peer
    attempt: Attempt


@dataclass(frozen=True)
class Scenario:
    """A piece of work that this tool does, alone or against one peer."""

    id: str
    title: str
    against: Peer | None
    rounds: int
    setup: Callable[[Arena], AbstractContextManager[Sequence[Contestant]]]


@dataclass(frozen=True)
class Measured:
    """What one process took. mebibytes: peak of its process tree, where it was watched."""

    seconds: float
    mebibytes: float | None = None


@dataclass(frozen=True)
class Series:
    """All rounds of one contestant. looks: what the look after each took, where the peer has one."""

    seconds: tuple[float, ...]
    mebibytes: float
    looks: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """Return the median in seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Result:
    """All that a scenario gave."""

    scenario: Scenario
    series: Mapping[Peer, Series]

    @property
    def ours(self) -> Series:
        """Return the series of this tool."""
        return self.series[Peer.OURS]

    @property
    def theirs(self) -> Series | None:
        """Return the series of the peer, where there is one."""
        return self.series[self.scenario.against] if self.scenario.against else None

    @property
    def ratio(self) -> float | None:
        """Return how many times as fast as the peer this tool is; below 1 it is slower."""
        return self.theirs.median / self.ours.median if self.theirs else None

    @property
    def ratio_with_looks(self) -> float | None:
        """Return how many times as fast as push and look of the peer the push of this tool is."""
        if self.theirs is None or not self.theirs.looks:
            return None
        sums = map(sum, zip(self.theirs.seconds, self.theirs.looks, strict=True))
        return statistics.median(sums) / self.ours.median

    @property
    def tied(self) -> bool:
        """Tell whether each side's median lies between the other's fastest and slowest round."""
        sides = [self.ours, self.theirs or self.ours]
        return all(min(one.seconds) <= other.median <= max(one.seconds) for one, other in (sides, reversed(sides)))
