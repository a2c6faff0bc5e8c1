"""What is compared: a scenario has contestants, and a contestant prepares a command for each round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tools.bench.arena import Arena
from tools.bench.process import Command
from tools.bench.result import Peer

Attempt = Callable[[int], AbstractContextManager[Command]]
"""Prepare round N, yield the command to measure, then check what it did and clean up. Only the command is measured."""


@dataclass(frozen=True)
class Contestant:
    """One side of a scenario."""

    peer: Peer
    attempt: Attempt


@dataclass(frozen=True)
class Scenario:
    """A piece of work that this tool and one peer do."""

    id: str
    title: str
    against: Peer
    rounds: int
    setup: Callable[[Arena], AbstractContextManager[Sequence[Contestant]]]
