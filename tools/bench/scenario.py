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
    from tools.bench.arena import Arena


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
        """Return the median in seconds, without looks."""
        return statistics.median(self.seconds)

    @property
    def totals(self) -> tuple[float, ...]:
        """Return what each round took with its look."""
        return tuple(map(sum, zip(self.seconds, self.looks, strict=True))) if self.looks else self.seconds

    @property
    def total(self) -> float:
        """Return the median in seconds, with looks."""
        return statistics.median(self.totals)


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
        """Return how many times as fast as the peer, with its look, this tool is; below 1 it is slower."""
        return self.theirs.total / self.ours.total if self.theirs else None

    @property
    def ratio_alone(self) -> float | None:
        """Return the same without the look; None where there is none."""
        return self.theirs.median / self.ours.median if self.theirs and self.theirs.looks else None

    @property
    def tied(self) -> bool:
        """Tell whether each side's median lies between the other's fastest and slowest round."""
        return self.theirs is not None and _tied(self.ours.totals, self.theirs.totals)

    @property
    def tied_alone(self) -> bool:
        """Tell the same without the look."""
        return self.theirs is not None and _tied(self.ours.seconds, self.theirs.seconds)


def _tied(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(min(a) <= statistics.median(b) <= max(a) for a, b in ((one, other), (other, one)))
