"""Ctrl-C and requests to terminate, wherever in a run they come."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from textwrap import indent

import pytest

from directus_sync import background

SAFE = "interrupted; what was finished stays, and running again is safe\n"
STRIKE = "os.kill(os.getpid(), signal.{name})"
# Such as after `nohup`, Python would have no handler of its own.
PROGRAM = """
import os, signal, sys, time, weakref
from directus_sync import __main__, errors, pipeline
signal.signal(signal.SIGINT, signal.default_int_handler)
class Item: pass
def wait(*_):
{body}
pipeline.wait = wait
__main__.main()
"""


def waiting(body: str) -> subprocess.CompletedProcess[str]:
    """Run `directus-sync wait` with this in the place of the wait."""
    variables = {"DB_HOST": "h", "DB_DATABASE": "d", "DB_USER": "u", "PATH": os.environ["PATH"]}
    program = PROGRAM.format(body=indent(body, "    "))
    return subprocess.run(
        [sys.executable, "-c", program, "wait"], env=variables, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_exits_with_its_signal_and_says_that_running_again_is_safe(number: signal.Signals) -> None:
    done = waiting(STRIKE.format(name=number.name))
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", SAFE)


def test_one_that_python_swallows_is_repeated() -> None:
    strike = STRIKE.format(name="SIGTERM")
    done = waiting(f"item = Item()\nwatched = weakref.ref(item, lambda _: {strike})\ndel item\ntime.sleep(60)")
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", SAFE)


def test_one_after_the_end_takes_nothing_away() -> None:
    strike = STRIKE.format(name="SIGTERM")
    done = waiting(f"sys.stdout.flush = lambda: ({strike}, os.write(1, b'struck'))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "struck", "")


@pytest.mark.parametrize(
    ("then", "said"),
    [("ValueError('closed')", ""), ("errors.DatabaseFailed('closed')", "error[database-failed]: closed\n")],
)
def test_what_fails_because_of_one_is_one(then: str, said: str) -> None:
    """To undo what a statement did, SQLAlchemy uses the connection that psycopg2 closed."""
    done = waiting(f"try:\n    {STRIKE.format(name='SIGTERM')}\nfinally:\n    raise {then}")
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", said + SAFE)


def test_background_threads_take_no_signals() -> None:
    """A process that is started holds them back for a moment, which only works while the main thread gets them all."""
    masks = background.start(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()))()
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGALRM} <= masks
    assert not {signal.SIGINT, signal.SIGTERM} & signal.pthread_sigmask(signal.SIG_BLOCK, ())


SPINNING = """
import os
from directus_sync.render import Progress
blocked = {}
with Progress().step("Working", "Worked"):
    for task in map(int, os.listdir("/proc/self/task")):
        (line,) = (line for line in open(f"/proc/self/task/{task}/status") if line.startswith("SigBlk"))
        blocked["main" if task == os.getpid() else "other"] = int(line.split()[1], 16)
print(blocked["main"], blocked["other"])
"""


def test_the_spinner_of_a_terminal_takes_no_signals() -> None:
    ours, terminal = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(terminal, "wb", buffering=0) as stderr:
        done = subprocess.run(
            [sys.executable, "-c", SPINNING],
            env={"TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            timeout=30,
            check=True,
        )
        shown = screen.read(4096).decode()
    assert "Working" in shown
    assert "Worked in" in shown
    main, other = map(int, done.stdout.split())
    # As the kernel counts: the bit of signal n is the one before it.
    to_end = sum(1 << (number - 1) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM))
    assert (main & to_end, other & to_end) == (0, to_end)
