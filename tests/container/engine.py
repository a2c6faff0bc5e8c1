"""A container engine without a daemon: buildah builds images, and a container runs in an image's root file system.

It keeps its state in one folder, and works only where the user may mount: see `is_possible`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.container.base import BUILDAH, NAME, PACKAGES_FOLDER, Base

# Gives a container its own processes and the machine's devices and network. The command becomes process 1, and ends
# with the process outside. --pdeathsig is given again, because changing the user resets it.
ENTER = """
set -e
root=$1 packages=$2 folder=$3 user=$4
shift 4
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --bind -o ro "$packages" "$root$folder"
cd /
set -- env --chdir="$WORKDIR" --unset=WORKDIR "$@"
exec chroot "$root" setpriv --reuid="$user" --regid="$user" --clear-groups --pdeathsig=KILL "$@"
"""


def is_possible() -> bool:
    """Return whether buildah exists and this user may mount, which root in a container often may not."""
    if os.geteuid() != 0 or shutil.which("buildah") is None:
        return False
    probe = ["unshare", "--mount", "--pid", "--fork", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Container:
    """A running container. client: the process in the foreground; the container has its end and its exit code."""

    client: subprocess.Popen[bytes]

    @property
    def processes(self) -> list[int]:
        """The processes in the container, by their ids outside. Process 1 comes first."""
        found = _children(self.client.pid)
        for pid in found:
            found += _children(pid)
        return found

    def send(self, number: int) -> None:
        """Send a signal to process 1, like a real engine."""
        for pid in self.processes[:1]:
            os.kill(pid, number)

    def kill(self) -> None:
        """Kill process 1; the kernel then ends the others."""
        self.client.kill()
        self.client.wait()

    def run(self, user: int, command: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run a command in the container; return its exit code."""
        inside = ("nsenter", "--target", str(self.processes[0]), "--mount", "--pid", "--root")
        return subprocess.run(
            [*inside, f"--setuid={user}", f"--setgid={user}", *command],
            env={"PATH": os.defpath, **environ},
            capture_output=True,
            check=False,
        ).returncode


@dataclass(frozen=True)
class Engine:
    """Buildah with its own storage on top of the one that holds the base."""

    base: Base
    folder: Path

    def buildah(self, *arguments: str | Path) -> str:
        """Run buildah; return its standard output."""
        storage = ("--root", self.folder / "store", "--runroot", self.folder / "run")
        shared = ("--storage-opt", f"vfs.imagestore={self.base.store}")
        done = subprocess.run([*BUILDAH, *storage, *shared, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def build(self, arguments: Sequence[str]) -> None:
        """Build an image from the arguments of `docker build`, on the stand-in and without a registry."""
        volumes = [f"--volume={source}:{target}:ro" for source, target in self.base.volumes.items()]
        wanted = [word for word in arguments if word != "--pull"]
        local = ("--isolation", "chroot", "--network", "host", "--pull-never", "--from", NAME)
        self.buildah("build", *local, *volumes, *wanted)

    def unpack(self, image: str) -> Path:
        """Make a container of an image; return its root file system."""
        return Path(self.buildah("mount", self.buildah("from", "--pull-never", image)))

    def config(self, image: str) -> dict[str, Any]:
        """Return the image's configuration of its containers."""
        found = json.loads(self.buildah("inspect", "--type", "image", image))
        return dict(found["OCIv1"]["config"])

    def start(self, image: str, environ: Mapping[str, str], command: Sequence[str] = ()) -> Container:
        """Start a container. It ends with this process."""
        config = self.config(image)
        own = dict(pair.split("=", 1) for pair in config["Env"])
        words = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "sh", "-c", ENTER, "sh"]
        where = [self.unpack(image), self.base.packages, PACKAGES_FOLDER, config["User"]]
        client = subprocess.Popen(
            [*words, *where, *config["Entrypoint"], *(command or config["Cmd"])],
            env={**own, "HOME": f"/home/{config['User']}", **environ, "WORKDIR": config["WorkingDir"]},
            stdin=subprocess.DEVNULL,
        )
        return Container(client)

    def run(self, image: str, environ: Mapping[str, str], command: Sequence[str]) -> int:
        """Run a container in the foreground, pass on signals that end it, and return its exit code."""
        container = self.start(image, environ, command)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _: container.send(received))
        return container.client.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
