"""A fake Directus that plays back given answers, for tests of the order of requests and of rare answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from directus_sync.probes import dependents, impact, meta_columns, postgres_faults, risks, sql_changes, taken_names
from directus_sync.state import history
from tests import snapshots

URL = "http://directus.example:8055"
EXPORT = (Path(__file__).parents[1] / "fixtures" / "station.yaml").read_bytes()
# The same schema in other bytes, so that only a diff can show that it is equal.
OTHER_BYTES = EXPORT + b"# another\n"


class Server:
    """Plays back answers of /schema/diff and then repeats the last one. Records the requests and their bodies."""

    def __init__(self, *diffs: object) -> None:
        self.version = "11.17.4"
        self.diffs = list(diffs)
        self.apply: httpx.Response | Exception = httpx.Response(204)
        self.export = OTHER_BYTES
        self.schema: Any = snapshots.load(EXPORT)
        self.paths: list[str] = []
        self.bodies: dict[str, bytes] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, as a handler of httpx.MockTransport."""
        path = request.url.path
        self.paths.append(path)
        self.bodies[path] = request.read()
        answer: object = None
        match path:
            case "/server/ping":
                return httpx.Response(200, text="pong")
            case "/server/info":
                answer = {"version": self.version}
            case "/schema/snapshot" if request.url.params.get("export") == "yaml":
                return httpx.Response(200, content=self.export)
            case "/schema/snapshot":
                return httpx.Response(200, content=json.dumps(self.schema))
            case "/schema/diff":
                answer = self.diffs.pop(0) if len(self.diffs) > 1 else self.diffs[0]
            case "/schema/apply":
                answer = self.apply
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(204) if answer is None else httpx.Response(200, content=json.dumps({"data": answer}))

    @property
    def applied(self) -> int:
        """Return the number of apply requests."""
        return self.paths.count("/schema/apply")


def without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the queries of the database: no rows are at risk, and nothing blocks a change."""
    monkeypatch.setattr(meta_columns, "read", lambda *_: {})
    monkeypatch.setattr(history, "before_renames", lambda *_: None)
    monkeypatch.setattr(taken_names, "require_free_names", lambda *_: None)
    for module, names in {
        risks: ("keys", "count", "dropped_with"),
        sql_changes: ("remains", "look_alikes"),
        impact: ("named_by",),
        dependents: ("needed_by",),
        postgres_faults: ("faults",),
    }.items():
        for name in names:
            monkeypatch.setattr(module, name, lambda *_: {})
