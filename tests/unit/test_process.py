"""Signals that ask a process to end, and child processes that end with it. Each test starts its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from directus_sync.errors import SyncError
from directus_sync.process import signals

# Prints "ready", waits, and runs a clean-up when it is asked to end.
PROGRAM = """
import sys, time
from directus_sync.process import signals
signals.handle()
try:
    print("ready", flush=True)
    time.sleep(60)
finally:
    {cleanup}
    print("cleaned up", flush=True)
"""


def _restore_default_signals() -> None:
    for number in signals.REQUESTS_TO_END:
        signal.signal(number, signal.SIG_DFL)


def started(cleanup: str = "pass", stdin: int | None = None) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(cleanup=cleanup)],
        stdout=subprocess.PIPE,
        text=True,
        stdin=stdin,
        # Started in the background or by nohup, the tests ignore Ctrl-C or SIGHUP, and so do their children.
        preexec_fn=_restore_default_signals,  # noqa: PLW1509 - one thread
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", signals.REQUESTS_TO_END)
def test_a_request_to_end_runs_the_clean_up_and_exits_with_128_plus_the_signal(number: signal.Signals) -> None:
    process = started()
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert output == "cleaned up\n"
    assert process.returncode == 128 + number


def test_a_second_request_does_not_interrupt_the_clean_up() -> None:
    process = started("print('cleaning', flush=True); sys.stdin.readline()", stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate("go on\n", timeout=20)
    assert output == "cleaned up\n"
    assert process.returncode == 128 + signal.SIGINT


def test_a_clean_up_that_hangs_is_cut_off() -> None:
    process = started("signals._deadline = 0.0; time.sleep(60)")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert output == ""
    assert process.returncode == 128 + signal.SIGTERM
    assert 0 < signals.CLEAN_UP_SECONDS < 10


def test_an_interruption_that_python_drops_is_raised_again() -> None:
    """Python ignores exceptions in finalizers and in fork hooks."""
    program = (
        "import os, signal, time\nfrom directus_sync.process import signals\nsignals.handle()\n"
        "os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "if os.fork() == 0: os._exit(0)\n"
        "try:\n    time.sleep(60)\nfinally:\n    time.sleep(0.5)\n    print('cleaned up')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (143, "cleaned up\n")


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    process = subprocess.run(
        [
            "nohup",
            sys.executable,
            "-c",
            "import os, signal\nfrom directus_sync.process import signals\nsignals.handle()\n"
            "os.kill(os.getpid(), signal.SIGHUP)\nprint('still here')",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "still here\n"


def test_an_interruption_is_found_in_the_context_of_a_clean_up_error() -> None:
    try:
        try:
            raise signals.Interrupted(signal.SIGTERM)
        finally:
            raise SyncError("the connection is closed")
    except SyncError as error:
        interruption = signals.interruption_behind(error)
    assert interruption is not None
    assert interruption.exit_code == 143
    assert signals.interruption_behind(SyncError("another")) is None


def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, subprocess, time\nfrom directus_sync.process import children\n"
            "child = subprocess.Popen(['sleep', '60'], preexec_fn=children.ending_with(os.getpid()))\n"
            "print(child.pid, flush=True)\ntime.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = Path("/proc", parent.stdout.readline().strip())
    assert child.exists()
    parent.kill()
    parent.wait(10)
    # The child has a new parent, such as init. It is gone, or a zombie until that parent reaps it.
    for _ in range(1000):
        if not child.exists() or "Z" in (child / "stat").read_text().rpartition(")")[2].split()[0]:
            return
        signal.sigtimedwait([], 0.01)
    pytest.fail("the child outlived its parent")


# Handing over to another program


DEPLOY_ONLY = {
    "ADMIN_TOKEN": "admin-token",
    "ADMIN_PASSWORD": "admin-password",
    "DIRECTUS_SYNC_DB_USER": "deploys",
    "DIRECTUS_SYNC_DB_PASSWORD": "deploy-password",
    "DIRECTUS_SYNC_DB_CONNECTION_STRING": "postgresql://deploys:deploy-password@db/d",
}


def test_the_program_that_a_boot_starts_gets_no_credentials_of_the_deploy() -> None:
    program = (
        "from directus_sync import settings\nfrom directus_sync.process import handover\n"
        "handover.become(['env'], settings.serving_environment())"
    )
    environment = {"PATH": os.environ["PATH"], "DB_USER": "serves", "DB_PASSWORD": "serving-password", **DEPLOY_ONLY}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    given = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert (given["DB_USER"], given["DB_PASSWORD"]) == ("serves", "serving-password")
    assert not set(DEPLOY_ONLY) & set(given)
    assert not set(DEPLOY_ONLY.values()) & set(given.values())
