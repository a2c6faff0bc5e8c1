"""Work that a child process does beside this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from directus_sync.process import children, signals

LARGE = 1 << 22  # no pipe holds as many bytes

# Says which child it has, and waits for what that never makes.
WAITING = """
import os, sys, time
from directus_sync.process import children
def work():
    print(os.getpid(), flush=True)
    time.sleep(60)
children.fork(work)()
"""


@pytest.fixture
def here() -> Callable[[], bool]:
    """Tell whether it is called in the process of the test."""
    mine = os.getpid()
    return lambda: os.getpid() == mine


def own_children() -> set[int]:
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    before = own_children()
    yield
    assert own_children() <= before


def reaches(pid: int, states: str) -> bool:
    """Tell whether a process is in one of these states within some seconds: S sleeping, Z ended, X gone."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            state = "X"
        if state in states:
            return True
        time.sleep(0.05)
    return False


def test_a_child_makes_the_result(here: Callable[[], bool]) -> None:
    assert children.fork(lambda: (here(), "x" * LARGE))() == (False, "x" * LARGE)


def test_both_work_at_the_same_time() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as ours, os.fdopen(writer, "wb") as theirs:
        result = children.fork(lambda: os.read(ours.fileno(), 1))
        theirs.write(b"x")
        theirs.flush()
        assert result() == b"x"


def test_what_the_call_raises_is_raised_here(here: Callable[[], bool], capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise LookupError(here())

    result = children.fork(fail)
    with pytest.raises(LookupError, match="True"):
        result()
    assert capfd.readouterr() == ("", "")


def test_where_no_child_can_be_had_the_call_is_made_here(
    here: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    opened = set(Path("/proc/self/fd").iterdir())
    assert children.fork(here)()
    assert set(Path("/proc/self/fd").iterdir()) == opened


def test_for_a_child_that_is_killed_at_work_the_call_is_made_here(here: Callable[[], bool]) -> None:
    def work() -> bool:
        if not here():
            os.kill(os.getpid(), signal.SIGKILL)
        return here()

    assert children.fork(work)()


def test_for_a_child_that_is_killed_as_it_hands_over_the_call_is_made_here(here: Callable[[], bool]) -> None:
    before = own_children()
    result = children.fork(lambda: (here(), "x" * LARGE))
    (child,) = own_children() - before
    assert reaches(child, "S")
    os.kill(child, signal.SIGKILL)
    assert result() == (True, "x" * LARGE)


def test_where_the_ends_of_children_are_ignored_it_works_all_the_same() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert children.fork(lambda: 1)() == 1
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_ends_with_its_parent(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(number)
        parent.wait(10)
    assert reaches(child, "ZX")


def test_requests_to_end_are_for_the_parent() -> None:
    """Ctrl-C reaches both, and the child would tell of it, too."""
    masks = children.fork(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()))()
    assert set(signals.REQUESTS_TO_END) <= masks
    assert not set(signals.REQUESTS_TO_END) & signal.pthread_sigmask(signal.SIG_BLOCK, ())
