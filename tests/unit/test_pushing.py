"""A push: what it sends and records, when it keeps its copies in the attic, and how it handles a lost answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psycopg2
import pytest

from directus_sync import attic
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import ApplyFailed, ApplyUnclear, AtticFailed, MadeOtherwise, NotConverged, SyncError
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.probes import sql_changes
from directus_sync.schema import snapshot
from directus_sync.schema.plan import Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import history, resource_history
from directus_sync.steps.planning import Request
from directus_sync.steps.pushing import Pushing
from tests.unit.directus_double import EXPORT, URL, Server, without_database

NO_DATABASE = cast("Connection", None)


@pytest.fixture
def harmless(captured_answers: Mapping[str, Any]) -> Any:
    return captured_answers["field_added"]


@pytest.fixture
def bases() -> list[Snapshot]:
    """Return the list of the recorded bases."""
    return []


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, bases: list[Snapshot]) -> list[str]:
    """Replace the database; return the list of the sources of the recorded bases."""
    sources: list[str] = []
    without_database(monkeypatch)
    monkeypatch.setattr(history, "exists", lambda *_: True)
    monkeypatch.setattr(history, "is_base", lambda *_: True)

    def record(_connection: object, base: Snapshot, source: str) -> None:
        bases.append(base)
        sources.append(source)

    monkeypatch.setattr(history, "record_base", record)
    monkeypatch.setattr(resource_history, "base", lambda *_: None)
    monkeypatch.setattr(sql_changes, "forget_dropped_columns", lambda *_: ())
    monkeypatch.setattr(attic, "sweep", lambda *_: None)
    return sources


@pytest.fixture
def push(load: Callable[..., Settings], recorded: list[str]) -> Callable[[Server], Plan]:
    """Return a function that pushes the exported snapshot to a fake Directus."""
    settings = load(ADMIN_TOKEN="the-token")

    def pushed(server: Server) -> Plan:
        client = DirectusClient(URL, settings, httpx.MockTransport(server))
        wanted = snapshot.parse(EXPORT, "snapshots/schema.yaml")
        return Pushing(settings, Request(), Progress(), NO_DATABASE, "push").run(client, wanted)

    return pushed


Push = Callable[[Server], Plan]


def test_a_push_sends_the_diff_and_hash_of_directus_once_and_compares_again(
    push: Push, harmless: Any, recorded: list[str]
) -> None:
    server = Server(harmless, None)
    push(server)
    assert server.paths[-2:] == ["/utils/cache/clear", "/schema/diff"]
    sent = json.dumps({"hash": harmless["hash"], "diff": harmless["diff"]}).encode()
    assert sent in server.bodies["/schema/apply"]
    assert server.applied == 1
    assert recorded == ["push"]


def test_a_push_after_which_an_item_still_differs_fails(
    push: Push, harmless: Any, captured_answers: Mapping[str, Any]
) -> None:
    fields = [*harmless["diff"]["fields"], *captured_answers["note_changed"]["diff"]["fields"]]
    both = {"hash": "h", "diff": {**harmless["diff"], "fields": fields}}
    server = Server(both, harmless)
    with pytest.raises(NotConverged, match="1 item still differs") as caught:
        push(server)
    assert "add field country.iso" in str(caught.value)
    assert server.applied == 1


def test_a_value_that_directus_stores_differently_is_refused_if_sending_it_changes_nothing(
    push: Push, harmless: Any, recorded: list[str]
) -> None:
    edit = {"kind": "E", "path": ["meta", "special"], "lhs": ["cast-json"], "rhs": None}
    entry = {"collection": "station", "field": "code", "diff": [edit]}
    remaining = {"hash": "h", "diff": {**harmless["diff"], "fields": [entry]}}
    with pytest.raises(NotConverged, match=r'meta.special: Directus has \["cast-json"\], the file null'):
        push(Server(harmless, remaining))
    assert recorded == ["push"]
    with pytest.raises(MadeOtherwise, match="the push changed nothing") as caught:
        push(Server(remaining))
    assert caught.value.exit_code == 4


class Failing(Server):
    """Answers each apply with the next of the given answers."""

    def __init__(self, *answers: tuple[int, str], diffs: list[object]) -> None:
        super().__init__(*diffs)
        self.answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/schema/apply":
            status, message = self.answers.pop(0)
            said = {"errors": [{"message": message}]} if message else None
            self.apply = httpx.Response(status, json=said)
        return super().__call__(request)


def test_the_result_of_an_apply_is_recorded_before_the_rest_of_a_new_field_is_sent(
    push: Push, harmless: Any, recorded: list[str]
) -> None:
    edit = {"kind": "E", "path": ["meta", "special"], "lhs": ["cast-json"], "rhs": None}
    entry = {"collection": "country", "field": "iso", "diff": [edit]}
    server = Failing(
        (204, ""), (400, "not now"), diffs=[harmless, {"hash": "h", "diff": {**harmless["diff"], "fields": [entry]}}]
    )
    with pytest.raises(ApplyFailed, match="not now"):
        push(server)
    assert server.applied == 2
    assert recorded == ["push"]


def test_the_result_of_an_apply_that_failed_after_its_commit_is_recorded(
    push: Push, harmless: Any, captured_answers: Mapping[str, Any], recorded: list[str]
) -> None:
    server = Server(harmless, captured_answers["note_changed"])
    server.apply = httpx.Response(500, json={"errors": [{"message": "a hook failed"}]})
    with pytest.raises(NotConverged):
        push(server)
    assert recorded == ["push"]


def test_an_edit_made_after_the_apply_is_not_recorded_as_base(
    push: Push, captured_answers: Mapping[str, Any], bases: list[Snapshot]
) -> None:
    sent = captured_answers["note_changed"]
    (entry,) = sent["diff"]["fields"]
    edit = {"kind": "E", "path": ["meta", "width"], "lhs": "full", "rhs": "half"}
    since = {"hash": "h", "diff": {**sent["diff"], "fields": [{**entry, "diff": [edit]}]}}
    with pytest.raises(NotConverged):
        push(Server(sent, since))
    assert bases[-1].content == EXPORT


def test_a_refused_apply_ends_the_push_without_a_record(push: Push, harmless: Any, recorded: list[str]) -> None:
    server = Server(harmless)
    server.apply = httpx.Response(400, json={"errors": [{"message": "hash does not match"}]})
    with pytest.raises(ApplyFailed, match="hash does not match"):
        push(server)
    assert server.paths[-1] == "/schema/apply"
    assert recorded == []


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([(500, "view v depends on it")] * 2, 4),
        ([(500, "at 12:00"), (500, "at 12:01")], 1),
        ([(500, "no"), (400, "no")], 4),
        ([(503, "under pressure")], 1),
    ],
)
def test_an_apply_that_changed_nothing_is_retried_once_and_refused_if_the_error_is_the_same(
    push: Push, harmless: Any, failures: list[tuple[int, str]], code: int, recorded: list[str]
) -> None:
    server = Failing(*failures, diffs=[harmless])
    with pytest.raises(ApplyFailed) as caught:
        push(server)
    assert (caught.value.exit_code, caught.value.id == "apply-refused") == (code, code == 4)
    assert (server.answers, server.applied, recorded) == ([], len(failures), [])


def test_an_apply_counts_as_done_if_only_its_answer_was_lost(push: Push, harmless: Any, recorded: list[str]) -> None:
    server = Server(harmless, None)
    server.apply = httpx.ReadTimeout("slow")
    push(server)
    assert server.applied == 1
    assert recorded == ["push"]


@pytest.mark.parametrize(
    "afterwards",
    [
        None,
        # Not "Directus does not answer" with exit 2, because the reader must know that an apply was sent.
        httpx.ConnectError("Connection refused"),
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"<html>Welcome to nginx!</html>"),
    ],
    ids=["it did not happen", "the server is gone", "an empty answer", "a page of a proxy"],
)
def test_an_apply_with_an_unknown_outcome_is_unclear_and_not_repeated(
    push: Push, harmless: Any, afterwards: object, recorded: list[str]
) -> None:
    server = Server(harmless, harmless if afterwards is None else afterwards)
    server.apply = httpx.ReadError("reset")
    with pytest.raises(SyncError) as caught:
        push(server)
    assert isinstance(caught.value, ApplyUnclear)
    assert caught.value.exit_code == 1
    assert server.applied == 1
    assert recorded == []


@pytest.mark.parametrize(
    ("failure", "kept"),
    [
        # The connection failed before the apply was sent, so it cannot have happened.
        (httpx.ConnectError("Connection refused"), False),
        (httpx.Response(400, json={"errors": [{"message": "no"}]}), False),
        (httpx.ReadError("reset"), True),
    ],
)
def test_copies_are_purged_unless_their_rows_may_have_been_removed(
    load: Callable[..., Settings],
    captured_answers: Mapping[str, Any],
    recorded: list[str],
    monkeypatch: pytest.MonkeyPatch,
    failure: httpx.Response | Exception,
    kept: bool,
) -> None:
    copy = SimpleNamespace(id=1, item=attic.AtticItem("station", "elev"))
    purged: list[int] = []
    monkeypatch.setattr(attic, "keep", lambda *_, **__: (copy,))
    monkeypatch.setattr(attic, "finish", lambda _connection, copies: copies)
    monkeypatch.setattr(attic, "purge", lambda _connection, ids: purged.extend(ids))
    server = Server(captured_answers["field_removed"])
    server.apply = failure
    settings = load(ADMIN_TOKEN="the-token")
    request = Request(destroy=frozenset({"station.elev"}), discard=frozenset({"station.elev"}))
    client = DirectusClient(URL, settings, httpx.MockTransport(server))
    with pytest.raises(SyncError):
        Pushing(settings, request, Progress(), NO_DATABASE, "push").run(client, snapshot.parse(EXPORT, "schema.yaml"))
    assert (server.applied, purged) == (1, [] if kept else [1])


@pytest.mark.parametrize("failure", [AtticFailed("no room", next="make room"), psycopg2.OperationalError("gone")])
def test_the_error_of_a_push_is_not_replaced_if_its_copies_can_not_be_deleted(
    load: Callable[..., Settings],
    captured_answers: Mapping[str, Any],
    recorded: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: Exception,
) -> None:
    def fail(*_: object) -> None:
        raise failure

    copy = SimpleNamespace(id=1, item=attic.AtticItem("station", "elev"))
    monkeypatch.setattr(attic, "keep", lambda *_, **__: (copy,))
    monkeypatch.setattr(attic, "purge", fail)
    server = Server(captured_answers["field_removed"])
    server.apply = httpx.Response(400, json={"errors": [{"message": "refused by Directus"}]})
    settings = load(ADMIN_TOKEN="the-token")
    request = Request(destroy=frozenset({"station.elev"}), discard=frozenset({"station.elev"}))
    client = DirectusClient(URL, settings, httpx.MockTransport(server))
    with pytest.raises(ApplyFailed, match="refused by Directus"):
        Pushing(settings, request, Progress(), NO_DATABASE, "push").run(client, snapshot.parse(EXPORT, "schema.yaml"))
    note = "note: the new copies stay in the attic: " + ("no room" if isinstance(failure, AtticFailed) else "gone")
    assert note in capsys.readouterr().err


def test_a_push_reports_its_changes_even_if_its_copies_cannot_be_finished(
    recorded: list[str], harmless: Any, monkeypatch: pytest.MonkeyPatch, load: Callable[..., Settings]
) -> None:
    def fail(*_: object) -> None:
        raise AtticFailed("no room", next="make room")

    monkeypatch.setattr(attic, "finish", fail)
    settings, progress = load(ADMIN_TOKEN="the-token"), Progress()
    client = DirectusClient(URL, settings, httpx.MockTransport(Server(harmless, None)))
    with pytest.raises(AtticFailed):
        Pushing(settings, Request(), progress, NO_DATABASE, "push").run(client, snapshot.parse(EXPORT, "schema.yaml"))
    assert progress.done == ["1 change pushed"]
