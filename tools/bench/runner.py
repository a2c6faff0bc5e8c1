"""The rounds of one scenario. Owns their order: the sides take turns, so that noise hits both."""

from __future__ import annotations

from collections.abc import Sequence

from tools.bench import process
from tools.bench.arena import Arena
from tools.bench.process import Measured
from tools.bench.result import Peer, Result, Series
from tools.bench.scenario import Contestant, Scenario
from tools.devstack.progress import say


def run(scenario: Scenario, arena: Arena, rounds: int) -> Result:
    """Measure a scenario."""
    say(f"{scenario.id}: {scenario.title}")
    measured: dict[Peer, list[Measured]] = {}
    with scenario.setup(arena) as contestants:
        for number in range(rounds):
            for contestant in in_turn(contestants, number):
                log = arena.folder / f"{contestant.peer.name.lower()}.log"
                with contestant.attempt(number) as command:
                    measured.setdefault(contestant.peer, []).append(process.run(command, log))
            shown = (f"{peer.value} {each[-1].seconds:.2f} s" for peer, each in measured.items())
            say(f"  round {number + 1} of {rounds}: {', '.join(shown)}")
    series = {peer: Series(tuple(each)) for peer, each in measured.items()}
    return Result(scenario.title, scenario.against, series)


def in_turn(contestants: Sequence[Contestant], number: int) -> Sequence[Contestant]:
    """Return the contestants of one round: who came first comes last in the next."""
    return contestants if number % 2 == 0 else contestants[::-1]
