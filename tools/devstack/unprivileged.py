"""Chooses the user who runs PostgreSQL, which refuses to run as root. Never changes the mode of a folder."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.devstack.errors import COMPOSE, UNSUITABLE, StackError

USER = "nobody"
# Cache and checkout are often in root's home, which is usually closed to other users. The server keeps one capability
# to get in. DAC_READ_SEARCH is tried first, because it allows less, but many containers have only DAC_OVERRIDE.
# no_setuid_fixup: without it access(2), with which PostgreSQL finds its programs, ignores capabilities.
CAPABILITIES = ("dac_read_search", "dac_override")

USABLE = 'test "$(id -u)" != 0 && id -un && test -x "$1" && test -x "$2" && test -w "$2"'


def prefix(program: Path, folder: Path) -> list[str]:
    """Return the words to put before a command so that its user can start `program` and owns `folder`."""
    for words, owner in _candidates():
        try:
            _hand_over(folder, owner)
        except PermissionError:
            continue
        probe = [*words, "/bin/sh", "-c", USABLE, "sh", str(program), str(folder)]
        if subprocess.run(probe, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0:
            return words
    raise StackError(
        f"PostgreSQL can't run as this user (id {os.geteuid()}), who can neither become {USER} nor make "
        "user namespaces",
        f"run this as an ordinary user with a name, or use `{COMPOSE}`",
        UNSUITABLE,
    )


def _candidates() -> Iterator[tuple[list[str], int]]:
    """Yield the words to put before a command, least privilege first, each with the user who must own the data."""
    here = os.geteuid()
    mapped = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    if here != 0:
        yield [], here
        # initdb needs a user with a name. In the user namespace this user is nobody, which has one.
        yield mapped, here
        return
    nobody = pwd.getpwnam(USER)
    ids = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    drop = ["setpriv", *ids, "--no-new-privs"]
    yield [*drop, "--inh-caps=-all"], nobody.pw_uid
    for capability in CAPABILITIES:
        keep = f"=-all,+{capability}"
        caps = ["--securebits=+no_setuid_fixup", f"--inh-caps{keep}", f"--ambient-caps{keep}"]
        yield [*drop, *caps], nobody.pw_uid
    yield mapped, here


def _hand_over(folder: Path, owner: int) -> None:
    """Give `folder` and its content to `owner`; the folder last, so that the next run repeats an interrupted one."""
    if folder.stat().st_uid == owner:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)
