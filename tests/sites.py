"""A Directus, and the files of access or of resources that it equals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.conftest import Finished, RunningDirectus


@dataclass(frozen=True)
class Site:
    """The Directus, the snapshot, and the family whose files lie beside it."""

    directus: RunningDirectus
    snapshot: Path
    family: Literal["access", "resources"]

    @property
    def folder(self) -> Path:
        return self.snapshot.with_name(self.family)

    def run(self, command: str, *arguments: str) -> Finished:
        """Run a command on the family alone."""
        return self.whole(command, "--only", self.family, *arguments)

    def whole(self, command: str, *arguments: str) -> Finished:
        return self.directus.tool(command, "--snapshot", self.snapshot, *arguments)

    def done(self, command: str, *arguments: str) -> Finished:
        finished = self.run(command, *arguments)
        assert finished.code == 0, finished.text
        return finished

    def refused(self, command: str, error: str) -> str:
        """Run a command that is refused, and return what it says."""
        refused = self.run(command)
        assert (refused.code, f"error[{error}]" in refused.err) == (4, True), refused.text
        return refused.err

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def write(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        text = self.text(name)
        assert old in text
        (self.folder / name).write_text(text.replace(old, new))

    def http(self, method: str, path: str, body: object = None) -> Any:
        response = self.directus.http.request(method, path, json=body)
        assert response.is_success, response.text
        return response.json()["data"] if response.content else None

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.directus.database.rows(sql, *parameters)
