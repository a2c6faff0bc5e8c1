"""Try the image that `make image` built, as production would run it. Only an image that passes may be pushed.

On a new database, the first boot must migrate and serve until SIGTERM. The second boot must have nothing to do. Creates
and removes the database and the containers. Run it by `make image-try`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import throwaway

from directus_sync import output
from directus_sync.errors import SyncError

# Only these variables of the environment are passed to a container.
SETTINGS = (
    "DB_HOST", "DB_PORT", "DB_DATABASE", "DB_USER", "DB_PASSWORD", "KEY", "SECRET",
    "ADMIN_EMAIL", "ADMIN_PASSWORD", "ADMIN_TOKEN", "HOST", "PORT", "PUBLIC_URL",
)  # fmt: skip
LOOPBACK = "127.0.0.1"
BOOT_SECONDS = 600.0
STOP_SECONDS = 30.0


class Failed(Exception):
    """The image must not be pushed."""


def main(record: str) -> int:
    """Return 0 if the image passes, and record it. record: the file with the image's id; RECORD.tried gets it, too."""
    image = Path(record).read_text(encoding="utf-8").strip()
    with throwaway.new_database("image") as environ:
        port = _free_port()
        given = {**environ, "HOST": LOOPBACK, "PORT": str(port), "PUBLIC_URL": f"http://{LOOPBACK}:{port}"}
        _first_boot(image, given)
        _second_boot(image, given)
    Path(f"{record}.tried").write_text(f"{image}\n", encoding="utf-8")
    sys.stdout.write(f"Tried {image}: it migrates, serves, stops, and then has nothing to do\n")
    return 0


def _first_boot(image: str, environ: Mapping[str, str]) -> None:
    """Boot on the empty database until the server is healthy, then stop it."""
    with _running(image, environ) as container:
        _wait_for_health(container, f"{environ['PUBLIC_URL']}/server/health")
        # The Docker client forwards SIGTERM to process 1 of the container.
        container.terminate()
        try:
            code = container.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"it still runs {STOP_SECONDS:g} s after SIGTERM") from None
    if code != 0:
        raise Failed(f"it answers SIGTERM with exit code {code}")


def _second_boot(image: str, environ: Mapping[str, str]) -> None:
    """Boot again on the migrated database, with a command that does nothing."""
    command = _docker_run(image, _name(), "true")
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, timeout=BOOT_SECONDS, check=False)
    sys.stdout.write(done.stdout)
    if done.returncode != 0:
        raise Failed(f"its second boot ends with exit code {done.returncode}")
    if not done.stdout.startswith("Nothing to do"):
        raise Failed("its second boot has something to do")


@contextmanager
def _running(image: str, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    name = _name()
    with subprocess.Popen(_docker_run(image, name), env=environ, stdin=subprocess.DEVNULL) as container:
        try:
            yield container
        finally:
            if container.poll() is None:
                subprocess.run(["docker", "rm", "--force", name], stdout=subprocess.DEVNULL, check=False)
                container.kill()


def _wait_for_health(container: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline:
        if container.poll() is not None:
            raise Failed(f"its first boot ends with exit code {container.returncode}")
        with suppress(httpx.TransportError):
            if httpx.get(url, timeout=10, trust_env=False).status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    raise Failed(f"{url} is not healthy within {BOOT_SECONDS:g} s")


def _docker_run(image: str, name: str, *command: str) -> list[str]:
    settings = [word for setting in SETTINGS for word in ("--env", setting)]
    return ["docker", "run", "--rm", "--name", name, "--network", _network(), *settings, image, *command]


def _network() -> str:
    """Return the network of this container, because it reaches the job's services; outside a container, the host's."""
    here = socket.gethostname()
    known = subprocess.run(["docker", "inspect", "--type", "container", here], capture_output=True, check=False)
    return f"container:{here}" if known.returncode == 0 else "host"


def _name() -> str:
    return f"trm-image-{os.getpid()}-{time.monotonic_ns()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except SyncError as error:
        output.error(error)
        sys.exit(error.exit_code)
    except Failed as error:
        sys.exit(f"error: this image must not be pushed: {error}")
