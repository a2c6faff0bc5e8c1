"""The per-user cache of immutable parts. Owns keys, locks and the rename of a finished part into its place."""

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
    """Return where immutable parts live; a relative XDG_CACHE_HOME is ignored, as its specification asks."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    return base / "trm-directus"


@dataclass(frozen=True)
class Build:
    """What a recipe gets: where to write, where the result will stand, and how to run commands."""

    work: Path
    final: Path
    log: Path
    lock: int

    def run(self, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        """Run `command` with its output in the log.

        The command dies with this process and holds the build's lock until then, so that the command of a killed
        builder never writes while the next builder cleans up.
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
            # The whole group: the folder is deleted next.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
        if status != 0:
            raise BuildError(f"{Path(command[0]).name} ended with status {status}")


class BuildError(Exception):
    """A recipe failed; `Artefact.ensure` adds what to do."""


@dataclass(frozen=True)
class Artefact:
    """An immutable folder, named after a hash of everything that defines it."""

    name: str
    title: str
    inputs: Mapping[str, str | bytes]
    recipe: Callable[[Build], None]
    prepare: Callable[[], None]
    """Checks and installs what the host must have, before anything is built."""

    @property
    def path(self) -> Path:
        """The folder's final place, whether or not it is built yet."""
        # Programs are bound to the cache's path and to the architecture.
        digest = hashlib.sha256(f"{folder()}\0{platform.machine()}".encode())
        for name, value in sorted(self.inputs.items()):
            data = value.encode() if isinstance(value, str) else value
            digest.update(f"\0{name}\0{len(data)}\0".encode() + data)
        return folder() / f"{self.name}-{digest.hexdigest()[:16]}"

    def ensure(self) -> Path:
        """Return the folder, built first if it is missing. Any number of processes may call this at once."""
        final = self.path
        final.parent.mkdir(parents=True, exist_ok=True)
        _require_own(final.parent)
        if final.is_dir():
            return final
        self.prepare()
        busy = f"Waiting for another set-up that builds {self.title}"
        with exclusive(final.with_name(f"{final.name}.lock"), busy) as lock:
            if not final.is_dir():
                # A builder holds the lock as long as it lives, so these are leftovers.
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
                # Otherwise a power cut could keep the rename and lose the files.
                os.sync()
                work.rename(final)
        except BuildError as error:
            _show_tail(log)
            raise StackError(
                f"{self.title} could not be built: {error} (full log: {log})",
                f"check network, proxy and free disk space and run it again, or use `{COMPOSE}`",
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _require_own(path: Path) -> None:
    """Refuse a cache in which somebody else could put programs that this user then runs."""
    found = path.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StackError(
            f"others may write to the cache {path}, whose programs are run here",
            f"have it for yourself (chown and chmod go-w {path}), or set XDG_CACHE_HOME to a folder of your own",
        )


def _show_tail(log: Path) -> None:
    for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
        say(f"  | {line}")
