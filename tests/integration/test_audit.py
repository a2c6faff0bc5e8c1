"""`make audit` finds published vulnerabilities of locked packages. A local server provides the advisories, because the
real ones change daily."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import ROOT

OSV, NPM = "/v1/query", "/-/npm/v1/security/advisories/bulk"
OSV_SETTING, NPM_SETTING = "PIP_AUDIT_OSV_URL", "PNPM_CONFIG_REGISTRY"
NOWHERE = "http://127.0.0.1:9"
GHSA = "https://github.com/advisories/GHSA-aaaa-bbbb-cccc"


@contextmanager
def advisories(python: str = "", node: str = "", severity: str = "high") -> Iterator[tuple[str, set[str]]]:
    """Serve one advisory for the named package; yield the address, and the names that were queried."""
    asked: set[str] = set()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = self._osv(given) if self.path == OSV else self._npm(given)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def _osv(self, given: dict[str, dict[str, str]]) -> dict[str, list[object]]:
            name = given["package"]["name"]
            asked.add(name)
            affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": []}
            advisory = {"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}
            return {"vulns": [advisory]} if name == python else {}

        def _npm(self, given: dict[str, list[str]]) -> dict[str, list[object]]:
            assert self.path == NPM
            asked.update(given)
            advisory = {"id": 1, "url": GHSA, "title": "a hole", "severity": severity, "vulnerable_versions": ">=0"}
            return {node: [advisory]} if node in given else {}

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def audit(address: str, instead: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the audit with the advisories at this address. instead: settings that override it."""
    # pnpm itself comes from the real registry, so it is fetched before the registry's address is replaced.
    subprocess.run([".ci/install_packages.sh", "pnpm"], cwd=ROOT, check=True, capture_output=True)
    servers = {OSV_SETTING: f"{address}{OSV}", NPM_SETTING: f"{address}/", "PNPM_CONFIG_FETCH_RETRIES": "0"}
    environ = {**os.environ, **servers, **(instead or {})}
    return subprocess.run(
        [".ci/audit.sh"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False
    )


def test_audit_checks_every_lock_and_tolerates_noncritical_holes_in_directus() -> None:
    with advisories(node="isolated-vm") as (address, asked):
        done = audit(address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"alembic", "pytest", "esbuild", "vitest", "directus", "pm2"} <= asked
    assert "1 vulnerabilities found" in done.stdout


def test_audit_names_all_vulnerabilities_and_fails() -> None:
    with advisories(python="sqlalchemy", node="isolated-vm", severity="critical") as (address, _):
        done = audit(address)
    assert done.returncode == 1
    assert "sqlalchemy" in done.stdout
    assert "isolated-vm" in done.stdout


@pytest.mark.parametrize("silent", [NPM_SETTING, pytest.param(OSV_SETTING, marks=pytest.mark.slow)])
def test_audit_fails_if_a_server_does_not_answer(silent: str) -> None:
    with advisories() as (address, _):
        done = audit(address, {silent: NOWHERE})
    assert done.returncode == 1
