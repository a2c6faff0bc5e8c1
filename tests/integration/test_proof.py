"""The server at DIRECTUS_URL must prove that it uses this database before it gets any credentials."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from directus_sync.directus import proof
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import WrongSettings
from directus_sync.postgres import database
from tests.conftest import RunningDirectus, Serving, Tool


@contextmanager
def impostor(heard: list[str]) -> Iterator[str]:
    """Answer like a Directus without a project id, and record all requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.append(f"{self.path} {self.headers} {content!r}")
            data = {"version": "11.17.4", "project_id": None, "item": "?", "id": "?", "access_token": "?"}
            body = b"pong" if self.path == "/server/ping" else json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name is the base class's

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("token", ["admin-token-of-the-platform", ""], ids=["token", "password"])
def test_the_tool_sends_no_credentials_to_an_impostor(settled: Tool, token: str) -> None:
    heard: list[str] = []
    with impostor(heard) as url:
        tool = settled.with_settings(DIRECTUS_URL=url, ADMIN_TOKEN=token, ADMIN_PASSWORD="password-of-the-platform")
        for command in ("diff", "deploy"):
            refused = tool(command)
            assert refused.code == 2, refused.text
            assert "do not belong together" in refused.err
    assert any("/shares/info/" in request for request in heard)
    assert not [request for request in heard if "of-the-platform" in request]


@pytest.fixture
def directus(serve: Serving) -> Iterator[RunningDirectus]:
    """A Directus on a deployed database."""
    with serve("deployed") as running:
        yield running


def test_the_share_of_a_proof_grants_no_access_and_is_removed(directus: RunningDirectus) -> None:
    answers: list[httpx.Response] = []

    class Curious(DirectusClient):
        def shown(self, path: str, field: str, token: str | None = None) -> object:
            share = path.rpartition("/")[2]
            answers.append(directus.http.post("/shares/auth", json={"share": share}, headers={"Authorization": ""}))
            return super().shown(path, field, token)

    settings = directus.tool.settings
    before = directus.database.contents()
    with Curious(str(directus.http.base_url), settings) as client, database.connect(settings, "test") as connection:
        proof.require(client, connection)
    assert [answer.status_code for answer in answers] == [401]
    assert directus.database.contents() == before


def test_two_proofs_at_the_same_time_do_not_disturb_each_other(serve: Serving) -> None:
    with serve("bootstrapped") as directus:
        settings, url = directus.tool.settings, str(directus.http.base_url)

        class Interrupted(DirectusClient):
            def shown(self, path: str, field: str, token: str | None = None) -> object:
                with DirectusClient(url, settings) as client, database.connect(settings, "other") as connection:
                    proof.require(client, connection)
                return super().shown(path, field, token)

        # Left by runs that were killed: one an hour ago, one just now, and one of a version that set no time.
        directus.database.execute(
            "INSERT INTO directus_users (id, first_name, last_access) VALUES"
            " (gen_random_uuid(), 'directus-sync asks for a proof', NULL),"
            " (gen_random_uuid(), 'directus-sync asks for a proof', now() - interval '61 minutes'),"
            " (gen_random_uuid(), 'directus-sync asks for a proof', now() - interval '59 minutes')"
        )
        with Interrupted(url, settings) as client, database.connect(settings, "test") as connection:
            proof.require(client, connection)
        left = "SELECT count(*) FROM directus_users WHERE first_name = 'directus-sync asks for a proof'"
        assert directus.database.rows(left) == [(1,)]


def test_a_read_only_role_is_refused_with_the_setting_to_change(directus: RunningDirectus) -> None:
    settings = directus.tool.settings
    with (
        DirectusClient(str(directus.http.base_url), settings) as client,
        database.connect(settings, "test") as connection,
    ):
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        with pytest.raises(WrongSettings, match="can't be asked for a proof") as refused:
            proof.require(client, connection)
        assert "DIRECTUS_SYNC_DB_USER" in str(refused.value)
