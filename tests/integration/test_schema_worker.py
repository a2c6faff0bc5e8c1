"""The schema worker answers like a complete Directus. A complete one starts only if the worker is not enough."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from directus_sync.directus import installation, server, worker
from directus_sync.directus.session import Signed
from directus_sync.postgres import database
from tests import snapshots
from tests.conftest import SNAPSHOT, RunningDirectus, Tool
from tests.snapshots import Document, edited, set_property, with_firmware

FILE = SNAPSHOT.read_bytes()
DOCUMENT = snapshots.load(FILE)
YAML, JSON = "application/yaml", "application/json"


def upload(content: bytes, kind: str = YAML) -> dict[str, object]:
    return {"files": {"file": ("file", content, kind)}}


def changed(**entries: object) -> dict[str, object]:
    return upload(json.dumps({**DOCUMENT, **entries}, default=str).encode(), JSON)


def with_everything(document: Document) -> Document:
    """Return a schema with every kind of difference: edited, new, missing, doubled, retyped and reordered entries."""
    document = copy.deepcopy(document)
    fields, relations = document["fields"], document["relations"]
    fields[0]["meta"]["note"] = "edited"
    fields[1]["schema"]["default_value"] = {"a": [1, None], "b": 0.5}
    fields[2]["type"] = "alias"
    fields[3] = dict(reversed(fields[3].items()))
    fields[4]["meta"].pop("note")
    fields[5]["meta"]["surplus"] = None
    fields.append({**copy.deepcopy(fields[0]), "field": "firmware"})
    fields.append({**copy.deepcopy(fields[6]), "type": "json"})
    fields.insert(0, {**copy.deepcopy(fields[7]), "type": "csv"})
    del fields[10], relations[0]
    relations[0]["schema"]["on_delete"] = "RESTRICT"
    document["collections"][1]["meta"]["sort"] = 77
    del document["collections"][2]
    return document


REQUESTS: dict[str, tuple[str, str, dict[str, object]]] = {
    "the export": ("GET", "/schema/snapshot?export=yaml", {}),
    "the export as JSON": ("GET", "/schema/snapshot?export=json", {}),
    "the schema": ("GET", "/schema/snapshot", {}),
    "the fields": ("GET", "/fields?export=json", {}),
    "a schema that is equal": ("POST", "/schema/diff", upload(FILE)),
    "a schema that differs in every way": ("POST", "/schema/diff", changed(**with_everything(DOCUMENT))),
    "an incomplete schema": ("POST", "/schema/diff", changed(fields=None)),
    "another version": ("POST", "/schema/diff", changed(directus="11.17.3")),
    "another version by force": ("POST", "/schema/diff?force", changed(directus="11.17.3", fields=[])),
    "another vendor": ("POST", "/schema/diff", changed(vendor="mysql")),
    "no collections": ("POST", "/schema/diff", upload(b"version: 1\ndirectus: 11.17.4\nvendor: postgres\n")),
    "broken YAML": ("POST", "/schema/diff", upload(b"a: [")),
    "broken JSON": ("POST", "/schema/diff", upload(b"{", JSON)),
    "an empty file": ("POST", "/schema/diff", upload(b"")),
    "no file": ("POST", "/schema/diff", {"files": {"file": (None, "text")}}),
    "an old hash": ("POST", "/schema/apply", upload(b'{"hash":"0","diff":%s}' % json.dumps(
        {"collections": [{"collection": "x", "diff": [{"kind": "N", "rhs": {}}]}], "fields": [], "systemFields": [],
         "relations": []}).encode(), JSON)),
    "an incomplete diff": ("POST", "/schema/apply", upload(b'{"hash":"0","diff":{"collections":[]}}', JSON)),
    "nothing to apply": ("POST", "/schema/apply", upload(b'{"hash":"0","diff":{"collections":[],"fields":[],'
        b'"systemFields":[],"relations":[]}}', JSON)),
    "the cache": ("POST", "/utils/cache/clear?system", {}),
    "a missing page": ("GET", "/schema/nothing", {}),
    "no token": ("GET", "/schema/snapshot", {"headers": {"Authorization": ""}}),
    "a wrong token": ("GET", "/schema/snapshot", {"headers": {"Authorization": "Bearer nobody-s"}}),
    "a token with another signature": ("GET", "/schema/snapshot", {"auth": Signed("another", "u", None)}),
}  # fmt: skip


@pytest.fixture(scope="module")
def both(directus: RunningDirectus) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A complete Directus and the worker, on one database."""
    settings = directus.tool.with_settings(DIRECTUS_URL="").settings
    with database.connect(settings, "test") as connection:
        administrator = installation.administrator(connection, settings)
        choice = worker.choose(settings, connection)
    assert choice.bundle is not None
    with server.loading(settings, choice) as loaded, server.private(settings, administrator, choice, loaded):
        signed = Signed(loaded.secret, administrator.id, administrator.role)
        over_socket = httpx.HTTPTransport(uds=str(loaded.socket))
        with (
            httpx.Client(base_url=directus.http.base_url, auth=signed, timeout=60) as whole,
            httpx.Client(base_url="http://worker", auth=signed, transport=over_socket, timeout=60) as part,
        ):
            yield whole, part


@pytest.mark.parametrize("name", REQUESTS)
def test_the_worker_answers_as_directus_does(name: str, both: tuple[httpx.Client, httpx.Client]) -> None:
    method, path, options = REQUESTS[name]
    if "headers" in options:
        options = {**options, "auth": None}
    whole, part = (client.request(method, path, **options) for client in both)  # type: ignore[arg-type]
    assert (part.status_code, part.content) == (whole.status_code, whole.content)


ODD = {"b,c": 1, "b": {"10": [], "9": {"z": None, "a": "?"}}, "b,": None, "": True, "Ä": "ä", "a b": [{"d": 1, "c": 2}]}


@contextmanager
def with_field_properties(directus: RunningDirectus, **values: str) -> Iterator[None]:
    """Change properties of a field during the block, with SQL, which Directus does not notice."""
    names = ", ".join(values)
    update = f"UPDATE directus_fields SET ({names}) = ROW ({', '.join(['%s'] * len(values))}) WHERE id = 1 RETURNING id"
    ((*before,),) = directus.tool.database.rows(f"SELECT {names} FROM directus_fields WHERE id = 1")
    directus.tool.database.rows(update, *values.values())
    try:
        yield
    finally:
        directus.tool.database.rows(update, *before)


def exported(client: httpx.Client) -> str:
    """Return the current schema, not the cached one."""
    client.post("/utils/cache/clear?system")
    return client.get("/schema/snapshot?export=yaml").text


def test_the_worker_exports_odd_options_in_the_order_of_directus(
    both: tuple[httpx.Client, httpx.Client], directus: RunningDirectus
) -> None:
    with with_field_properties(directus, note=json.dumps(ODD)):
        directus.tool.database.execute("UPDATE directus_fields SET validation = note::json WHERE id = 1")
        whole, part = (exported(client) for client in both)
        directus.tool.database.execute("UPDATE directus_fields SET validation = NULL WHERE id = 1")
    assert part == whole
    assert "b,c: 1" in part


def test_the_worker_exports_the_compared_schema_and_applies_to_the_current_one(
    both: tuple[httpx.Client, httpx.Client], directus: RunningDirectus
) -> None:
    _, part = both
    with with_field_properties(directus, note="before"):
        answer = part.post("/schema/diff", files={"file": ("file", FILE, YAML)}).json()["data"]
        compared = part.get("/schema/snapshot?export=yaml").text
    assert "note: before" in compared
    assert part.get("/schema/snapshot?export=yaml").text == compared
    refused = part.post("/schema/apply", files={"file": ("file", json.dumps(answer).encode(), JSON)})
    assert "hash does not match" in refused.text
    assert part.get("/schema/snapshot?export=yaml").text == exported(part) != compared


def test_the_worker_reports_its_version_only_after_a_login(both: tuple[httpx.Client, httpx.Client]) -> None:
    whole, part = both
    assert part.get("/server/info").json()["data"]["version"] == whole.get("/server/info").json()["data"]["version"]
    assert part.get("/server/info", auth=None).json() == {"data": {}}


LISTENING = """
INSERT INTO directus_flows (id, name, status, trigger, options)
VALUES (gen_random_uuid(), 'Audit', 'active', 'event', '{"type": "action", "scope": ["collections.create"]}')"""


def test_a_flow_on_new_collections_needs_a_complete_directus(directus: RunningDirectus) -> None:
    settings = directus.tool.settings
    with database.connect(settings, "test") as connection:
        directus.database.execute(LISTENING)
        try:
            choice = worker.choose(settings, connection)
        finally:
            directus.database.execute("DELETE FROM directus_flows WHERE name = 'Audit'")
        assert worker.choose(settings, connection).bundle
    assert (choice.bundle, choice.reason) == (None, "the flow Audit listens to changes of the schema")


HOOK = """export default ({ filter }) => {
  filter('fields.create', async (field, meta, { database }) => {
    await database('directus_settings').update({ project_descriptor: `saw ${field.field}` });
    return field;
  });
};"""


def test_a_hook_on_new_fields_starts_a_complete_directus_and_runs(
    deployed: Tool, snapshot_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "extensions" / "noting"
    folder.mkdir(parents=True)
    kind = {"type": "hook", "path": "index.js", "source": "index.js", "host": "^11.0.0"}
    manifest = {"name": "noting", "version": "1.0.0", "type": "module", "directus:extension": kind}
    (folder / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "index.js").write_text(HOOK, encoding="utf-8")
    edited(snapshot_file, with_firmware)
    hooked = deployed.with_settings(EXTENSIONS_PATH=str(folder.parent))
    done = hooked("deploy", "--snapshot", snapshot_file, "--json")
    started = "a private Directus 11.17.4 (the extension noting may listen to changes of the schema)"
    assert f"Started {started} in " in done.err, done.text
    assert json.loads(done.out)["directus"] == started
    assert deployed.database.value("SELECT project_descriptor FROM directus_settings") == "saw firmware"
    edited(snapshot_file, set_property("fields", "meta.note", "of the maker", collection="devices", field="firmware"))
    done = deployed("deploy", "--snapshot", snapshot_file, "--json")
    assert json.loads(done.out)["directus"] == "a schema worker of Directus 11.17.4", done.text
