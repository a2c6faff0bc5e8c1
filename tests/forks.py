"""Runs the project's programs in forks of a process that has loaded them: a start takes 0.02 s instead of 0.5.

Each run is still a process with its own settings, signals and exit code.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parent.parent
PROGRAMS: Final = {"directus-sync": "directus_sync.__main__", "alembic": "alembic.config"}
# Modules that the programs import only on demand.
LATER: Final = ("alembic.command", "geoalchemy2", "httpx", "mako.template", "migrations.operations")
# In bytes. A request holds only the environment and one command.
LONGEST: Final = 1_000_000


class Loaded:
    """The process with the programs loaded. It ends when its creator ends."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with asked:
            program = f"from tests import forks; forks.serve({asked.fileno()})"
            command = [sys.executable, "-c", program]
            self._process = subprocess.Popen(command, cwd=ROOT, env={**environ}, pass_fds=[asked.fileno()])

    def run(self, command: Sequence[str], environ: Mapping[str, str], timeout: float) -> tuple[int, str, str]:
        """Run a program to its end; return its exit code, its output and its error output."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            with theirs:
                request = json.dumps([command, {**environ}]).encode()
                socket.send_fds(self._asking, [request], [out.fileno(), err.fileno(), theirs.fileno()])
            process, code = _answers(ours, time.monotonic() + timeout)
            out.seek(0)
            err.seek(0)
            if code is None:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(command), timeout, out.read(), err.read())
            return code, out.read(), err.read()


@cache
def loaded() -> Loaded:
    """Return this test process's own."""
    return Loaded(os.environ)


def _answers(ours: socket.socket, deadline: float) -> tuple[int, int | None]:
    """Return the process id and, if it ended in time, its exit code. A negative code is the number of a signal."""
    said = b""
    with suppress(TimeoutError):
        while time.monotonic() < deadline:
            ours.settimeout(max(deadline - time.monotonic(), 0.001))
            if not (more := ours.recv(100)):
                break
            said += more
    process, *code = map(int, said.split())
    return process, code[0] if code else None


def serve(asked: int) -> None:
    """Load the programs, then run one for each request until the other side closes the socket."""
    mains = {name: _load(module) for name, module in PROGRAMS.items()}
    # A garbage collection would copy the memory that the processes share.
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By the file descriptor that shows the end of a process: its id, and the socket that gets its exit code.
    running: dict[int, tuple[int, int]] = {}
    ready = select.poll()
    ready.register(asked, select.POLLIN)
    with socket.socket(fileno=asked) as asking:
        while True:
            for number, _ in ready.poll():
                if number != asked:
                    ready.unregister(number)
                    _say_how_it_ended(number, *running.pop(number))
                elif (given := socket.recv_fds(asking, LONGEST, 3))[0]:
                    request, (out, err, answer) = given[:2]
                    process = os.fork()
                    if process == 0:
                        _close(asked, answer, *running, *(answer for _, answer in running.values()))
                        _become(mains, request, out, err)
                    _close(out, err)
                    os.write(answer, f"{process} ".encode())
                    ended = os.pidfd_open(process)
                    running[ended] = process, answer
                    ready.register(ended, select.POLLIN)
                else:
                    return


def _close(*numbers: int) -> None:
    for number in numbers:
        os.close(number)


def _say_how_it_ended(ended: int, process: int, answer: int) -> None:
    _, status = os.waitpid(process, 0)
    # After a timeout nobody reads the answer.
    with suppress(BrokenPipeError):
        os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())
    _close(ended, answer)


def _load(module: str) -> Callable[[], object]:
    for name in LATER:
        importlib.import_module(name)
    package = importlib.import_module("directus_sync")
    for found in pkgutil.walk_packages(package.__path__, "directus_sync."):
        importlib.import_module(found.name)
    return importlib.import_module(module).main  # type: ignore[no-any-return]


def _become(mains: Mapping[str, Callable[[], object]], request: bytes, out: int, err: int) -> NoReturn:
    """Turn this process into the command."""
    # A background shell makes the tests ignore Ctrl-C, and the processes they start inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    command, environ = json.loads(request)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    _close(out, err)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = command
    code = 0
    try:
        mains[Path(command[0]).name]()
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # A normal exit would unload all modules, which takes 0.3 s.
    os._exit(code)
