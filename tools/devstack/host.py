"""The programs and files that the host must provide. Finds missing ones, and installs them only with apt."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.devstack.errors import COMPOSE, UNSUITABLE, StackError
from tools.devstack.progress import step

OS_RELEASE = Path("/etc/os-release")
COMMANDS = {"mmdebstrap": "mmdebstrap", "setpriv": "util-linux"}
FILES = {
    Path("/usr/share/zoneinfo/UTC"): "tzdata",
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"): "debian-archive-keyring",
}
# Tests that need these programs are skipped without them: the image's init and shell and the program that builds it;
# a pooler; the browser. The browser is last because Ubuntu has no such package.
OF_TESTS = (("tini", "busybox", "buildah"), ("pgbouncer",), ("chromium",))


def require(
    commands: Mapping[str, str] = COMMANDS,
    files: Mapping[Path, str] = FILES,
    *,
    who: str = "the local stack",
    otherwise: str = f"use `{COMPOSE}`",
) -> None:
    """Install missing packages if this is root on Debian or Ubuntu; otherwise raise StackError with what to do.

    who: what needs the packages. otherwise: what the user can do without them.
    """
    missing = {package for command, package in commands.items() if shutil.which(command) is None}
    missing |= {package for path, package in files.items() if not path.exists()}
    if not missing:
        return
    packages = sorted(missing)
    listed = ", ".join(packages)
    if not _has_apt():
        raise StackError(
            f"{who} needs {listed}, which this command can install only on Debian and Ubuntu",
            f"install it yourself, or {otherwise}",
            UNSUITABLE,
        )
    install = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0:
        raise StackError(
            f"{who} needs {listed}, which only an administrator can install",
            f"sudo apt-get update && sudo {install}",
            UNSUITABLE,
        )
    with step(f"Installing {listed} with apt-get"):
        _apt(["apt-get", "update"], otherwise)
        _apt(install.split(), otherwise)


def require_for_tests() -> None:
    """Install the programs that some tests need. A test is skipped if its program is missing."""
    for names in OF_TESTS:
        commands = dict(zip(names, names, strict=True))
        require(commands, {}, who="`make test`", otherwise="leave it: the tests that need it are skipped")


def _has_apt() -> bool:
    try:
        release = OS_RELEASE.read_text()
    except OSError:
        return False
    ids = {
        word
        for line in release.splitlines()
        if line.startswith(("ID=", "ID_LIKE="))
        for word in line.partition("=")[2].strip("\"'").split()
    }
    return bool(ids & {"debian", "ubuntu"}) and shutil.which("apt-get") is not None


def _apt(command: list[str], otherwise: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no reason given"]
        raise StackError(
            f"`{' '.join(command)}` failed: {reason[0]}",
            f"check the network and apt's sources and try again, or {otherwise}",
        )
