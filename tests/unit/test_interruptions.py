"""Ctrl-C and requests to terminate, wherever in a run they come."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from directus_sync.process import background, signals

SAFE = "interrupted; what was finished stays, and running again is safe\n"
STRIKE = "os.kill(os.getpid(), signal.{name})"
# Such as after `nohup`, Python would have no handler of its own.
PROGRAM = """
import ctypes, itertools, os, signal, sys, threading, time, weakref
from directus_sync import __main__, errors
from directus_sync.commands import pipeline
from directus_sync.process import handover, signals
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
class Item: pass
def wait(*_):
{body}
pipeline.wait = wait
__main__.main()
"""


# Standard error is a pipe that is full.
STALLED = """
kept = os.pipe()
os.dup2(kept[1], 2)
os.set_blocking(2, False)
try:
    while True:
        os.write(2, b"." * 512)
except BlockingIOError:
    os.set_blocking(2, True)
"""


def waiting(body: str) -> subprocess.CompletedProcess[str]:
    """Run `directus-sync wait` with this in the place of the wait."""
    variables = {"DB_HOST": "h", "DB_DATABASE": "d", "DB_USER": "u", "PATH": os.environ["PATH"]}
    program = PROGRAM.format(body=indent(body, "    "))
    return subprocess.run(
        [sys.executable, "-c", program, "wait"], env=variables, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_it_exits_with_its_signal_and_says_that_running_again_is_safe(number: signal.Signals) -> None:
    done = waiting(STRIKE.format(name=number.name))
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", SAFE)


def test_one_that_python_swallows_is_repeated() -> None:
    strike = STRIKE.format(name="SIGTERM")
    done = waiting(f"item = Item()\nwatched = weakref.ref(item, lambda _: {strike})\ndel item\ntime.sleep(60)")
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", SAFE)


def test_one_that_a_library_swallows_is_repeated() -> None:
    """Again and again: it may be swallowed twice."""
    swallow = f"try:\n    {STRIKE.format(name='SIGTERM')}\n    time.sleep(60)\nexcept BaseException:\n    pass\n"
    done = waiting(f"{swallow}try:\n    time.sleep(60)\nexcept BaseException:\n    pass\ntime.sleep(60)")
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", SAFE)


def test_one_that_comes_just_before_a_system_call_is_heard() -> None:
    """Python has noted it, as when another thread takes it, and sleeps all the same."""
    strike = "lambda: (time.sleep(0.5), signal.pthread_kill(threading.get_ident(), signal.SIGTERM))"
    done = waiting(f"threading.Thread(target={strike}).start()\ntime.sleep(60)")
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", SAFE)


def test_one_at_the_very_end_is_heard_or_takes_nothing_away() -> None:
    strike = STRIKE.format(name="SIGTERM")
    end = "real = signals.bound\nbounds = iter([1, 0])\ninterruptions.bound = lambda: ({before}, real(), {after})"
    done = waiting(end.format(before=f"next(bounds) and {strike}", after="None"))
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", SAFE)
    done = waiting(end.format(before="None", after=strike))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_one_that_is_heard_does_not_disturb_what_is_stopped() -> None:
    body = f"try:\n    {STRIKE.format(name='SIGTERM')}\nfinally:\n    time.sleep(1)\n    print('stopped', flush=True)"
    done = waiting(body)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "stopped\n", SAFE)


def test_one_that_comes_while_they_are_being_held_back_leaves_none_so() -> None:
    """Python looks for signals once more when it has blocked them."""
    struck = "signals.REQUESTS_TO_END = itertools.filterfalse(ctypes.CDLL(None)['raise'], [signal.SIGTERM])"
    block = "with signals.held_back():\n        pass"
    done = waiting(
        f"{struck}\ntry:\n    {block}\nfinally:\n    print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), flush=True)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "set()\n", SAFE)


@pytest.mark.parametrize("then", ["pass", "raise errors.DatabaseFailed('closed')"])
@pytest.mark.parametrize("stream", [1, 2])
def test_its_exit_code_does_not_need_anybody_who_listens(stream: int, then: str) -> None:
    """Ctrl-C in a pipeline ends the program that reads, too."""
    gone = f"print('held back')\nos.dup2(os.open('/dev/full', os.O_WRONLY), {stream})"
    done = waiting(f"{gone}\ntry:\n    {STRIKE.format(name='SIGTERM')}\nfinally:\n    {then}")
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "")


def test_one_after_the_end_takes_nothing_away() -> None:
    strike = STRIKE.format(name="SIGTERM")
    done = waiting(f"sys.stdout.flush = lambda: ({strike}, os.write(1, b'struck'))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "struck", "")


@pytest.mark.parametrize(
    "then",
    [
        STRIKE.format(name="SIGTERM"),
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()\nraise errors.DatabaseFailed('closed')",
    ],
)
def test_a_reader_that_stalls_does_not_hold_up_the_end(then: str) -> None:
    done = waiting(f"{STALLED}\n{then}")
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "")


@pytest.mark.parametrize(
    ("then", "said"),
    [("ValueError('closed')", ""), ("errors.DatabaseFailed('closed')", "error[database-failed]: closed\n")],
)
def test_what_fails_because_of_one_is_one(then: str, said: str) -> None:
    """To undo what a statement did, SQLAlchemy uses the connection that psycopg2 closed."""
    done = waiting(f"try:\n    {STRIKE.format(name='SIGTERM')}\nfinally:\n    raise {then}")
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", said + SAFE)


# A command is become: what is struck, and how often before. Whoever says "served" was not stopped.
SERVE = "handover.become(['sh', '-c', 'echo served'])"
STRUCK = """
real, left = {place}, [{before}]
def struck(*arguments):
    if left[0] == 0:
        os.kill(os.getpid(), signal.{name})
    left[0] -= 1
    return real(*arguments)
{place} = struck
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("place", "before", "told"),
    [
        ("signals.leave_to_default", 0, True),
        # It asks what is held back, then holds back, then no more.
        *[("signal.pthread_sigmask", before, before < 2) for before in range(3)],
        *[("signal.getsignal", before, False) for before in range(3)],
        *[("signal.signal", before, False) for before in range(7)],
        ("os.execvp", 0, False),
    ],
)
def test_none_is_lost_on_the_way_to_another_program(
    place: str, before: int, told: bool, number: signal.Signals
) -> None:
    done = waiting(STRUCK.format(place=place, before=before, name=number.name) + SERVE)
    expected = (128 + number, "", SAFE) if told else (-number, "", "")
    assert (done.returncode, done.stdout, done.stderr) == expected


def test_one_that_was_swallowed_is_not_lost_on_the_way() -> None:
    done = waiting(f"try:\n    {STRIKE.format(name='SIGTERM')}\nexcept BaseException:\n    pass\n{SERVE}")
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", SAFE)


def test_another_program_gets_the_default_actions_but_for_what_was_ignored() -> None:
    """Python ignores SIGPIPE and SIGXFSZ for itself."""
    show = ["sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status"]
    every = {*signals.REQUESTS_TO_END, signal.SIGPIPE, signal.SIGXFSZ}
    for first, ignored in (("", set()), ("signal.signal(signal.SIGINT, signal.SIG_IGN)\n", {signal.SIGINT})):
        done = waiting(f"{first}handover.become({show})")
        assert (done.returncode, done.stderr) == (0, "")
        blocked, found = (int(line.split()[1], 16) for line in done.stdout.splitlines())
        assert blocked == 0
        # As the kernel counts: the bit of signal n is the one before it.
        assert {number for number in every if found & 1 << number - 1} == ignored


def test_another_program_is_not_ended_by_the_timer() -> None:
    last = STRUCK.format(place="signal.setitimer", before=0, name="SIGALRM")
    for before in ("", last):
        done = waiting(f"{before}handover.become(['sh', '-c', 'sleep 0.5; echo served'])")
        assert (done.returncode, done.stdout, done.stderr) == (0, "served\n", "")


def test_a_program_that_can_not_be_run_after_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch(mode=0o755)
    (tmp_path / "elsewhere").write_text("#!/nowhere\n")
    (tmp_path / "elsewhere").chmod(0o755)
    for name, reason in (("empty", "Exec format error"), ("elsewhere", "No such file or directory")):
        done = waiting(f"handover.become(['{tmp_path}/{name}'])")
        assert done.returncode == 2
        assert f"error[wrong-settings]: {tmp_path}/{name} can't be run: {reason}\n" in done.stderr


def test_background_threads_take_no_signals() -> None:
    """A process that is started holds them back for a moment, which only works while the main thread gets them all."""
    masks = background.start(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()))()
    assert set(signals.REQUESTS_TO_END) <= masks
    assert not set(signals.REQUESTS_TO_END) & signal.pthread_sigmask(signal.SIG_BLOCK, ())


SPINNING = """
import os
from directus_sync.output import Progress
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
    to_end = sum(1 << (number - 1) for number in signals.REQUESTS_TO_END)
    assert (main & to_end, other & to_end) == (0, to_end)
