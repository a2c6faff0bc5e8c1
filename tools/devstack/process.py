"""Detached processes. Owns starting, recognising and stopping them; never signals a recycled process id."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# The state of a listening socket in /proc/net/tcp.
LISTEN = "0A"
GRACE = 15.0
LAST_GRACE = 5.0

# The child waits until its id is recorded, so that a crash in between leaves no unknown server.
GATE = 'read -r go && exec "$@" </dev/null'


@dataclass(frozen=True)
class Process:
    """A process. Its start time and boot distinguish it from a later process with the same id."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """Return the live process with this id; a zombie counts as dead."""
        try:
            stat = (PROC / str(pid) / "stat").read_text()
            boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        # The name in parentheses can contain any character, so fields are counted from the last parenthesis.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]), boot)

    @property
    def alive(self) -> bool:
        """Whether this process still runs, and not another one with its id."""
        _reap(self.pid)
        return Process.of(self.pid) == self

    def listens_on(self, port: int) -> bool:
        """Return whether this process listens on the port. Another program may have taken it first."""
        folder = PROC / str(self.pid)
        try:
            sockets = [line.split() for line in (folder / "net/tcp").read_text().splitlines()[1:]]
            descriptors = list((folder / "fd").iterdir())
        except OSError:
            return False
        listening = {
            f"socket:[{inode}]"
            for _, address, _, state, *_, inode in (fields[:10] for fields in sockets)
            if state == LISTEN and int(address.split(":")[1], 16) == port
        }
        return any(_target(descriptor) in listening for descriptor in descriptors)

    def stop(self, *polite: signal.Signals) -> None:
        """Send the polite signals one after another, then SIGKILL, until the process ends."""
        for number, grace in [*((one, GRACE) for one in polite), (signal.SIGKILL, LAST_GRACE)]:
            if not self.alive:
                return
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
            wait_for(lambda: not self.alive, grace)


def start(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    record: Callable[[Process], None],
) -> Process:
    """Start `command` in its own session. `record` stores the process before the command runs."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            ["/bin/sh", "-c", GATE, "sh", *command],
            stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=cwd, env=env, start_new_session=True,
        )  # fmt: skip
    # The child outlives this process; without a return code Popen would warn about it.
    child.returncode = 0
    with child.stdin or nullcontext() as gate:
        process = Process.of(child.pid)
        if process is None:
            raise ProcessLookupError(f"{command[0]} was killed before it began (log: {log})")
        record(process)
        if gate:
            gate.write(b"go\n")
    return process


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until `condition` holds; return False after the time-out."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _target(descriptor: Path) -> str | None:
    """Return the target of a descriptor in /proc; None if it has been closed."""
    try:
        return str(descriptor.readlink())
    except OSError:
        return None


def _reap(pid: int) -> None:
    """Collect the exit status if the process is an ended child. Zombies would pile up in a long test run."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
