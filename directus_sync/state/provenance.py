"""Who runs the tool, from which commit and image. Recorded with each deploy."""

from __future__ import annotations

import getpass
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from directus_sync.postgres.database import Connection
from directus_sync.settings import ROOT, Settings


@dataclass(frozen=True)
class Provenance:
    """Where a deploy came from. account: the user of the machine, and the role of the database."""

    host: str
    account: str
    image: str | None
    commit: str | None


def of(connection: Connection, settings: Settings) -> Provenance:
    """Return who runs this deploy, and from which commit and image."""
    account = f"{_user()} as {connection.info.user}"
    return Provenance(socket.gethostname(), account, settings.image, settings.commit or _commit(ROOT))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return "an unknown user"


def _commit(checkout: Path) -> str | None:
    """Return the commit of a checkout, or None if it is unknown."""
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
