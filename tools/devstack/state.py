"""The stored state of one instance: ports, processes, secrets. Owns `.stack/<instance>/`."""

import json
import os
import secrets
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.devstack.process import Process

POSTGRES = "postgres"
DIRECTUS = "directus"
SECRETS = ("DB_PASSWORD", "KEY", "SECRET", "ADMIN_PASSWORD", "ADMIN_TOKEN")
ADMIN_EMAIL = "admin@example.com"


class State:
    """Ports and processes in `state.json`, generated secrets in `secrets.json`, both replaced atomically."""

    def __init__(self, root: Path, instance: str) -> None:
        self.stack = root / ".stack"
        self.folder = self.stack / instance
        self.lock = self.stack / f"{instance}.lock"

    def create(self) -> None:
        """Create the folders, and make git ignore `.stack`."""
        self.stack.mkdir(exist_ok=True)
        ignore = self.stack / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        self.folder.mkdir(exist_ok=True)

    @property
    def exists(self) -> bool:
        """Whether the instance was ever started."""
        return (self.folder / "secrets.json").exists()

    def secrets(self) -> dict[str, str]:
        """Return the secrets; generate them at the first call."""
        path = self.folder / "secrets.json"
        known = _read(path)
        if any(name not in known for name in SECRETS):
            known = {name: secrets.token_urlsafe(24) for name in SECRETS} | known
            _write(path, known)
        return {name: str(known[name]) for name in SECRETS}

    def port(self, server: str) -> int | None:
        """Return the port of the server, or the port that it had when it last ran."""
        port = self._part(server).get("port")
        return port if isinstance(port, int) else None

    def process(self, server: str) -> Process | None:
        """Return the server's process if it still runs."""
        known = self._part(server).get("process")
        process = Process(**known) if isinstance(known, dict) else None
        return process if process and process.alive else None

    def remember(self, server: str, port: int | None, process: Process | None) -> None:
        """Store the port and process of one server in place of the last ones."""
        part = {"port": port, "process": asdict(process) if process else None}
        _write(self.folder / "state.json", _read(self.folder / "state.json") | {server: part})

    def _part(self, server: str) -> dict[str, Any]:
        part = _read(self.folder / "state.json").get(server)
        return part if isinstance(part, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
