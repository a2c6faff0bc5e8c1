"""The rounds of one scenario. Owns their order: one round of each in turn, so that noise hits all alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.bench import process
from tools.bench.arena import Arena
from tools.bench.scenario import Contestant, Peer, Result, Scenario, Series
from tools.devstack.progress import say


def run(scenario: Scenario, arena: Arena, rounds: int) -> Result:
    """Measure a scenario. One more round than asked for watches the memory, and is not timed."""
    say(f"{scenario.id}: {scenario.title}")
    seconds: dict[Peer, list[float]] = {}
    looks: dict[Peer, list[float]] = {}
    with scenario.setup(arena) as contestants:
        for number in range(rounds):
            for contestant in in_turn(contestants, number):
                log = _log(arena, contestant)
                with contestant.attempt(number) as command:
                    seconds.setdefault(contestant.peer, []).append(process.run(command, log).seconds)
                    if command.look is not None:
                        looks.setdefault(contestant.peer, []).append(process.run(command.look, log).seconds)
            say(f"  round {number + 1} of {rounds}: " + _listed({peer: each[-1] for peer, each in seconds.items()}))
        peaks = {each.peer: _peak(each, arena, rounds) for each in contestants}
    return Result(
        scenario,
        {peer: Series(tuple(each), peaks[peer], tuple(looks.get(peer, ()))) for peer, each in seconds.items()},
    )


def in_turn(contestants: Sequence[Contestant], number: int) -> Sequence[Contestant]:
    """Return the contestants of one round: whoever went first goes last in the next."""
    return contestants if number % 2 == 0 else contestants[::-1]


def _peak(contestant: Contestant, arena: Arena, number: int) -> float:
    with contestant.attempt(number) as command:
        return process.run(command, _log(arena, contestant), watch=True).mebibytes or 0.0


def _log(arena: Arena, contestant: Contestant) -> Path:
    return arena.folder / f"{contestant.peer.name.lower()}.log"


def _listed(seconds: dict[Peer, float]) -> str:
    return ", ".join(f"{peer.value} {each:.2f} s" for peer, each in seconds.items())
