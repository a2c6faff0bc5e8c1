"""Scenarios and their contestants. A contestant prepares a command for each round.

The contestants take turns, so that noise affects all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from tools.bench import process
from tools.bench.bench_setup import BenchSetup
from tools.bench.process import Command, Measured
from tools.bench.result import Peer, Result, Series
from tools.devstack.progress import say

Side = TypeVar("Side")

PreparedRound = Callable[[int], AbstractContextManager[Command]]
"""Prepare round N, yield the command to measure, then check its work and clean up. Only the command is measured."""


@dataclass(frozen=True)
class Contestant:
    """One side of a scenario."""

    peer: Peer
    prepared_round: PreparedRound


@dataclass(frozen=True)
class Scenario:
    """A piece of work that this tool and one peer do."""

    id: str
    title: str
    against: Peer
    rounds: int
    setup: Callable[[BenchSetup], AbstractContextManager[Sequence[Contestant]]]

    def run(self, bench: BenchSetup, rounds: int) -> Result:
        """Measure all contestants in each round."""
        say(f"{self.id}: {self.title}")
        measured: dict[Peer, list[Measured]] = {}
        with self.setup(bench) as contestants:
            for number in range(rounds):
                for contestant in in_turn(contestants, number):
                    log = bench.folder / f"{contestant.peer.name.lower()}.log"
                    with contestant.prepared_round(number) as command:
                        measured.setdefault(contestant.peer, []).append(process.run(command, log))
                shown = (f"{peer.value} {each[-1].seconds:.2f} s" for peer, each in measured.items())
                say(f"  round {number + 1} of {rounds}: {', '.join(shown)}")
        return Result(self.title, self.against, {peer: Series(tuple(each)) for peer, each in measured.items()})


def in_turn(sides: Sequence[Side], number: int) -> Sequence[Side]:
    """Return the sides in the order of round `number`. The order is reversed in every second round."""
    return sides if number % 2 == 0 else sides[::-1]
