"""Who runs PostgreSQL, which refuses root. Owns choosing that user; refuses to open up anybody's folders."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.devstack.errors import COMPOSE, UNSUITABLE, StackError

USER = "nobody"
# A home folder of root is usually closed to others, and it holds cache and checkout: the server then keeps
# the one capability that lets it pass. DAC_READ_SEARCH is the lesser of the two; containers have the other.
# no_setuid_fixup: without it access(2), by which PostgreSQL finds its own programs, ignores capabilities.
CAPABILITIES = ("dac_read_search", "dac_override")

USABLE = 'test "$(id -u)" != 0 && id -un && test -x "$1" && test -x "$2" && test -w "$2"'


def prefix(program: Path, folder: Path) -> list[str]:
    """Return the words that make a command run as a user who may start `program` and owns `folder`."""
    for words, owner in _candidates():
        try:
            _hand_over(folder, owner)
        except PermissionError:
            continue
        probe = [*words, "/bin/sh", "-c", USABLE, "sh", str(program), str(folder)]
        if subprocess.run(probe, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0:
            return words
    raise StackError(
        f"PostgreSQL can't run as this user (id {os.geteuid()}), who may neither become {USER} nor make "
        "user namespaces",
        f"run this as an ordinary user who has a name, or use `{COMPOSE}`",
        UNSUITABLE,
    )


def _candidates() -> Iterator[tuple[list[str], int]]:
    """From the least privilege to the most; each with the user who must own the data."""
    here = os.geteuid()
    mapped = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    if here != 0:
        yield [], here
        # Without a name in the user database initdb gives up; in a namespace of its own it has one.
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
    """Give `folder` and all in it to `owner`; itself last, so that an interrupted walk is walked again."""
    if folder.stat().st_uid == owner:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)
