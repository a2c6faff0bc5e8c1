"""A plan: its requests to Directus and their order, and the check that two schemas are equal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from directus_sync.directus.client import DirectusClient
from directus_sync.errors import InvalidSnapshot, NotConverged, RequestFailed, UnsafeSettings
from directus_sync.postgres.database import Connection
from directus_sync.schema import snapshot
from directus_sync.schema.plan import Approvals, Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import DatabaseSettings, Mode, Settings
from directus_sync.state import history
from directus_sync.steps import planning
from directus_sync.text.wording import LINES
from tests import snapshots
from tests.unit.directus_double import EXPORT, URL, Server, without_database

Answers = Mapping[str, Any]
Planned = Callable[[Server], Plan]


@pytest.fixture
def wanted() -> Snapshot:
    return snapshot.parse(EXPORT, "snapshots/schema.yaml")


@pytest.fixture
def settings(load: Callable[..., Settings]) -> Settings:
    return load(ADMIN_TOKEN="the-token")


@pytest.fixture
def client_of(settings: Settings) -> Callable[[Server], DirectusClient]:
    return lambda server: DirectusClient(URL, settings, httpx.MockTransport(server))


ClientOf = Callable[[Server], DirectusClient]


@pytest.fixture
def planned(settings: Settings, client_of: ClientOf, wanted: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Return a function that plans a push to a fake Directus. Its database has no base and no rows."""
    without_database(monkeypatch)
    monkeypatch.setattr(history, "is_base", lambda *_: False)
    monkeypatch.setattr(history, "base", lambda *_: None)
    nothing = cast("Connection", None)
    return lambda server: planning.plan(settings, nothing, client_of(server), wanted, Approvals())


def test_a_plan_without_differences_clears_the_cache_and_does_not_read_the_schema(planned: Planned) -> None:
    server = Server(None)
    assert not planned(server)
    assert server.paths == ["/server/info", "/utils/cache/clear", "/schema/diff"]


def test_a_plan_with_differences_reads_directus_s_schema_after_the_comparison(
    planned: Planned, captured_answers: Answers
) -> None:
    server = Server(captured_answers["relation_removed"])
    assert planned(server)
    assert server.paths == ["/server/info", "/utils/cache/clear", "/schema/diff", "/schema/snapshot"]


def test_a_snapshot_of_another_version_is_not_sent(planned: Planned) -> None:
    server = Server(None)
    server.version = "11.18.0"
    with pytest.raises(InvalidSnapshot, match=r"this Directus is 11\.18\.0"):
        planned(server)
    assert "/schema/diff" not in server.paths


def test_a_removed_item_that_directus_does_not_list_is_an_error(planned: Planned, captured_answers: Answers) -> None:
    """Without its entry the guard would see no rows at risk. Several Directus without Redis can answer this way."""
    answer = captured_answers["field_removed"]
    server = Server(answer)
    (removed,) = answer["diff"]["fields"]
    name = (removed["collection"], removed["field"])
    server.schema["fields"] = [e for e in server.schema["fields"] if (e["collection"], e["field"]) != name]
    with pytest.raises(RequestFailed, match=f"field {'.'.join(name)}, but does not list it"):
        planned(server)


def test_a_comparison_sends_the_whole_file_in_its_order(client_of: ClientOf, wanted: Snapshot) -> None:
    server = Server(None)
    planning.require_equal(client_of(server), wanted)
    assert server.paths == ["/utils/cache/clear", "/schema/diff"]
    _, sent, kind = wanted.upload
    assert sent in server.bodies["/schema/diff"]
    assert kind == "application/json"
    assert json.dumps(json.loads(sent)) == json.dumps(snapshots.load(wanted.content))


def test_a_snapshot_with_a_value_beyond_json_is_sent_as_yaml() -> None:
    content = EXPORT.replace(b"default_value: null", b"default_value: -.inf", 1)
    assert snapshot.parse(content, "snapshots/schema.yaml").upload == ("snapshot.yaml", content, "text/yaml")


def test_the_error_names_the_remaining_differences_up_to_a_limit(
    client_of: ClientOf, wanted: Snapshot, captured_answers: Answers
) -> None:
    lossy = captured_answers["field_removed"]
    (entry,) = lossy["diff"]["fields"]
    entries = [{**entry, "field": f"elev_{number}"} for number in range(25)]
    many = {"hash": lossy["hash"], "diff": {**lossy["diff"], "fields": entries}}
    with pytest.raises(NotConverged) as caught:
        planning.require_equal(client_of(Server(many)), wanted)
    assert "25 items still differ" in str(caught.value)
    assert str(caught.value).count("remove field station.elev_") == LINES


# Unsafe settings of Directus


def preflight(snapshot: Path, environ: dict[str, str], version: str) -> None:
    snapshot.write_bytes(snapshot.read_bytes().replace(b"directus: 11.17.4", f"directus: {version}".encode(), 1))
    planning.preflight(Settings(DatabaseSettings(), environ, snapshot=snapshot, mode=Mode.SKIP))


@pytest.mark.parametrize("version", ["11.17.4", "12.0.9", "12.0.0-rc.1"])
def test_public_websockets_are_refused_below_the_version_with_the_fix(snapshot_file: Path, version: str) -> None:
    with pytest.raises(UnsafeSettings) as refused:
        preflight(snapshot_file, {"WEBSOCKETS_REST_AUTH": "public"}, version)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("environ", "version"),
    [({"WEBSOCKETS_REST_AUTH": "public"}, "12.1.0"), ({"WEBSOCKETS_REST_AUTH": "strict"}, "11.17.4"), ({}, "11.17.4")],
)
def test_other_settings_and_versions_are_accepted(snapshot_file: Path, environ: dict[str, str], version: str) -> None:
    preflight(snapshot_file, environ, version)
