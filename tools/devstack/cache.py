"""The per-user cache of folders that are built once. Owns their keys and locks, and renames a complete folder."""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.devstack.errors import COMPOSE, StackError
from tools.devstack.locks import exclusive
from tools.devstack.progress import say, step

LOG_LINES = 15


def folder() -> Path:
    """Return the cache's folder. Ignores a relative XDG_CACHE_HOME, as its specification asks."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "trm-directus"


@dataclass(frozen=True)
class Build:
    """The input of a recipe.

    work: the folder to fill. final_path: its path after the build. lock: the lock's descriptor.
    """

    work: Path
    final_path: Path
    log: Path
    lock: int

    def run(self, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        """Run `command` with its output in the log.

        The command gets a SIGTERM when this process dies, and holds the build's lock until it ends. So the next builder
        does not clean up while a killed builder's command still writes.
        """
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(command)}\n".encode())
            log.flush()
            child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command], cwd=cwd or self.work, env=env, umask=0o022,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(self.lock,), start_new_session=True,
            )  # fmt: skip
        try:
            status = child.wait()
        except BaseException:
            # Kill the whole process group, because the folder is deleted next.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        if status != 0:
            raise BuildError(f"{Path(command[0]).name} ended with status {status}")


class BuildError(Exception):
    """A failed recipe. `Artefact.ensure` turns it into a StackError with a next step."""


@dataclass(frozen=True)
class Artefact:
    """An immutable folder, named after a hash of everything that defines it."""

    name: str
    title: str
    inputs: Mapping[str, str | bytes]
    recipe: Callable[[Build], None]
    prepare: Callable[[], None]
    """Runs before the build, and installs what is missing on the host."""

    @property
    def path(self) -> Path:
        """The folder's path, whether or not it is built yet."""
        # Built programs depend on the cache's path and on the architecture.
        digest = hashlib.sha256(f"{folder()}\0{platform.machine()}".encode())
        for name, value in sorted(self.inputs.items()):
            data = value.encode() if isinstance(value, str) else value
            digest.update(f"\0{name}\0{len(data)}\0".encode() + data)
        return folder() / f"{self.name}-{digest.hexdigest()[:16]}"

    def ensure(self) -> Path:
        """Return the folder; build it first if it is missing. Safe in several processes at once."""
        final = self.path
        final.parent.mkdir(parents=True, exist_ok=True)
        _require_own(final.parent)
        if final.is_dir():
            return final
        self.prepare()
        busy = f"Waiting for another process that builds {self.title}"
        with exclusive(final.with_name(f"{final.name}.lock"), busy) as lock:
            if not final.is_dir():
                # Another builder would hold the lock, so these folders are leftovers.
                for stale in final.parent.glob(f".{final.name}.*"):
                    shutil.rmtree(stale, ignore_errors=True)
                self._build(final, lock)
        return final

    def _build(self, final: Path, lock: int) -> None:
        log = final.with_name(f"{final.name}.log")
        log.write_bytes(b"")
        work = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        try:
            with step(f"Building {self.title}", log):
                work.chmod(0o755)
                self.recipe(Build(work, final, log, lock))
                # Without the sync, a power cut could keep the rename and lose the files.
                os.sync()
                work.rename(final)
        except BuildError as error:
            _show_tail(log)
            raise StackError(
                f"{self.title} could not be built: {error} (full log: {log})",
                f"check network, proxy and free disk space and run this again, or use `{COMPOSE}`",
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _require_own(path: Path) -> None:
    """Refuse a cache that other users can write to, because this user runs its programs."""
    found = path.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StackError(
            f"other users can write to the cache {path}, whose programs are run here",
            f"make it yours alone (chown and chmod go-w {path}), or set XDG_CACHE_HOME to a folder of your own",
        )


def _show_tail(log: Path) -> None:
    for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
        say(f"  | {line}")
