"""The lock without a database: its key, its deadline and its messages."""

from __future__ import annotations

from typing import cast

import pytest

from directus_sync.errors import LockTimeout
from directus_sync.postgres import lock
from directus_sync.postgres.database import Connection

# A stand-in that is never used.
CLOSED = cast("Connection", None)


class Clock:
    """A clock that advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lock, "time", clock)
    monkeypatch.setattr(lock, "holder", lambda _: "directus-sync deploy other:7 (pid 42)")
    return clock


def free_after(tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [False] * tries
    monkeypatch.setattr(lock, "_try", lambda *_: answers.pop() if answers else True)


def test_the_key_spells_the_tool_s_name() -> None:
    assert lock.LOCK_KEY.to_bytes(8, "big") == b"dirsync\0"


def test_a_lock_is_taken_when_it_becomes_free_and_its_holder_is_named_once(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    free_after(5, monkeypatch)
    with lock.exclusive(CLOSED, 600):
        assert clock.sleeps == 5
    assert capsys.readouterr().err == "Waiting for the migration lock, held by directus-sync deploy other:7 (pid 42)\n"


def test_waiting_for_a_lock_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    free_after(10_000, monkeypatch)
    with pytest.raises(LockTimeout) as caught, lock.exclusive(CLOSED, 3):
        pytest.fail("the lock is not ours")
    assert clock.now == pytest.approx(1003, abs=0.5)
    message = str(caught.value)
    assert caught.value.exit_code == 5
    assert "not free within 3 s" in message
    assert "held by directus-sync deploy other:7 (pid 42)" in message
    assert "DIRECTUS_SYNC_LOCK_WAIT" in message


def test_a_lock_wait_of_zero_tries_once_and_accepts_that_the_holder_has_just_ended(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    free_after(10_000, monkeypatch)
    monkeypatch.setattr(lock, "holder", lambda _: None)
    with pytest.raises(LockTimeout, match="a session that has just ended"), lock.exclusive(CLOSED, 0):
        pytest.fail("the lock is not ours")
    assert clock.sleeps == 0
