"""Runs Directus: a server for one database, or one server per worker whose database is replaced."""

from __future__ import annotations

import dataclasses
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from directus_sync.directus import program, server
from directus_sync.directus.client import DirectusClient
from tests.commands import ROOT, Tool
from tests.databases import Database, quoted
from tests.processes import until
from tests.templates import Templates
from tools.devstack import extension


@dataclass(frozen=True)
class RunningDirectus:
    """A running Directus and the database that it serves."""

    database: Database
    tool: Tool
    http: httpx.Client = field(repr=False)

    def create(self, collection: str, **values: object) -> dict[str, Any]:
        response = self.http.post(f"/items/{collection}", json=values)
        assert response.status_code == 200, response.text
        return dict(response.json()["data"])

    def forget(self) -> None:
        """Make Directus read the schema again, after a change that it did not make."""
        assert self.http.post("/utils/cache/clear?system").status_code == 200

    def export(self) -> bytes:
        self.forget()
        return self.http.get("/schema/snapshot?export=yaml").content


def client_of(url: str | httpx.URL, token: str | None = None) -> httpx.Client:
    """Return a client with this token. It loads no certificates, which saves 0.02 s of CPU."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False, verify=False)


@contextmanager
def running_directus(tool: Tool, **overrides: str) -> Iterator[RunningDirectus]:
    """Serve the tool's database during the block. overrides: environment variables of the server."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    listening = {**server.LEAN, "HOST": "127.0.0.1", "PORT": str(port), "PUBLIC_URL": url, **overrides}
    served = tool.with_settings(DIRECTUS_URL=url)
    with (
        tempfile.TemporaryFile() as log,
        program.spawn(tool.settings, "start", listening, log),
        DirectusClient(url, served.settings) as client,
        client_of(url, tool.settings.token) as http,
    ):
        client.wait(60)
        yield RunningDirectus(tool.database, served, http)


Prepare = Callable[[RunningDirectus], None]
Serving = Callable[..., AbstractContextManager[RunningDirectus]]


class Served:
    """Serves different databases, one at a time, with a worker's only Directus.

    Starting Directus takes ten times as long as replacing its database. Replacing takes ten times as long as checking
    that the last test changed nothing.
    """

    def __init__(self, templates: Templates, start: Callable[[str], RunningDirectus], until_the_end: ExitStack) -> None:
        self._templates = templates
        self._start = start
        self._until_the_end = until_the_end
        self._running: RunningDirectus | None = None
        self._prepared: dict[tuple[str, str, Prepare | None], Database] = {}
        self._in_use = False
        self._served: tuple[str, str, Prepare | None] | None = None
        # Reading takes 0.1 s of CPU, and all copies of one database have the same contents.
        self._contents: dict[tuple[str, str, Prepare | None], str] = {}

    @contextmanager
    def __call__(self, stage: str, rows: str = "", prepare: Prepare | None = None) -> Iterator[RunningDirectus]:
        """Serve a copy of `bootstrapped` or `deployed`. Keep the current one if it matches and is unchanged.

        rows: statements that add rows. prepare: a function that sets up the database. Each worker calls it once and
        keeps a copy of the result, so it must always do the same.
        """
        assert not self._in_use, "this worker's Directus serves another fixture; use running_directus for a second one"
        running = self._running = self._running or self._start(stage)
        wanted = stage, rows, prepare
        if self._served != wanted or self._contents[wanted] != running.database.contents():
            self._put(running, *wanted)
            self._served = wanted
            if wanted not in self._contents:
                self._contents[wanted] = running.database.contents()
        running.forget()
        self._in_use = True
        try:
            yield running
        finally:
            self._in_use = False

    def _put(self, running: RunningDirectus, stage: str, rows: str, prepare: Prepare | None) -> None:
        database = running.database
        database.drop()
        if (kept := self._prepared.get((stage, rows, prepare))) is not None:
            kept.copy_to(database)
            return
        self._templates.copy(stage, database)
        if rows:
            database.execute(rows)
        if prepare is not None:
            running.forget()
            prepare(running)
            kept = dataclasses.replace(database, name=f"{database.name}_{len(self._prepared)}")
            database.copy_to(kept)
            self._until_the_end.callback(kept.drop)
            self._prepared[stage, rows, prepare] = kept


def wipe(database: Database) -> None:
    """Delete the rows of every collection, and every user but the administrator."""
    email = quoted(database.environ["ADMIN_EMAIL"])
    emptied(database)
    # Cascades to the rows that refer to users.
    database.execute(f"DELETE FROM public.directus_users WHERE email <> {email}")


def emptied(database: Database, then: str = "") -> None:
    """Delete the rows of every collection, then execute statements. Without triggers this takes a tenth of the time."""
    names = [*(name for (name,) in database.rows(COLLECTIONS)), *BESIDE]
    deletions = ";".join(f"DELETE FROM public.{name}" for name in names)
    database.execute(f"SET LOCAL session_replication_role = replica; {deletions}; {then}")


BESIDE = (
    "positions", "last_positions", "recompute_requests", "directus_activity", "directus_revisions",
    "directus_notifications",
)  # fmt: skip
COLLECTIONS = """
SELECT collection FROM public.directus_collections JOIN pg_tables ON tablename = collection AND schemaname = 'public'
WHERE collection NOT LIKE 'directus%'"""


@contextmanager
def switched_off(served: RunningDirectus, part: str) -> Iterator[None]:
    """Switch a part of the extension off during a block, as an administrator can."""
    (row,) = served.database.rows("SELECT id FROM public.directus_extensions WHERE folder = %s", part)

    def switch(enabled: bool, health: int) -> None:
        assert served.http.patch(f"/extensions/{row[0]}", json={"meta": {"enabled": enabled}}).status_code == 200
        until(lambda: served.http.get("/trm/health").status_code == health)

    switch(False, 503)
    try:
        yield
    finally:
        switch(True, 200)


def extension_settings() -> dict[str, str]:
    """Return the settings that make Directus load the project's extension."""
    return {"EXTENSIONS_PATH": str(extension.built(ROOT)), "EXTENSIONS_MUST_LOAD": "true"}
