"""The client of Directus: which requests it sends, how often, and the error for each unusable answer.

The functions behind MockTransport imitate a network. The integration tests check how Directus behaves.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast
from unittest.mock import Mock

import httpx
import pytest
from stamina import instrumentation

from directus_sync.directus import channel
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import (
    ApplyFailed,
    ApplyUnclear,
    DirectusDenied,
    DirectusUnavailable,
    RequestFailed,
    SyncError,
)
from directus_sync.settings import Settings

URL = "http://directus.example:8055"
Answer = httpx.Response | Exception
Load = Callable[..., Settings]

UPLOAD = ("snapshot.json", b"{}", "application/json")


class Wire:
    """Plays back answers and then repeats the last one. Records the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def data(value: object) -> httpx.Response:
    return httpx.Response(200, json={"data": value})


def errors(status: int, message: str = "no") -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"message": message}]})


def over(wire: Callable[[httpx.Request], httpx.Response], settings: Settings) -> DirectusClient:
    return DirectusClient(URL, settings, httpx.MockTransport(wire))


@pytest.fixture
def settings(load: Load) -> Settings:
    return load(ADMIN_TOKEN="the-token", DIRECTUS_SYNC_REQUEST_TIMEOUT="33", DIRECTUS_SYNC_APPLY_TIMEOUT="777")


@pytest.fixture
def by_password(load: Load) -> Settings:
    return load(ADMIN_EMAIL="admin@example.com", ADMIN_PASSWORD="pw-123")


HTML = httpx.Response(200, html="<html><body>Welcome to nginx!</body></html>")
REFUSED = httpx.ConnectError("Connection refused")


# Reads are retried


@pytest.mark.parametrize("first", [httpx.Response(503), httpx.Response(429), REFUSED, httpx.ReadTimeout("slow")])
def test_a_read_is_retried_until_directus_answers(settings: Settings, first: Answer) -> None:
    wire = Wire(first, first, data({"version": "11.17.4"}))
    assert over(wire, settings).version() == "11.17.4"
    assert len(wire.requests) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (httpx.Response(503, text="busy"), RequestFailed, "under load"),
        (httpx.Response(429, text="busy"), RequestFailed, "429"),
        (REFUSED, DirectusUnavailable, "Connection refused"),
        (httpx.ReadTimeout(""), DirectusUnavailable, "ReadTimeout"),
    ],
)
def test_a_read_fails_after_the_last_attempt(
    settings: Settings, answer: Answer, kind: type[SyncError], message: str
) -> None:
    wire = Wire(answer)
    with pytest.raises(kind) as caught:
        over(wire, settings).version()
    assert message in str(caught.value)
    assert len(wire.requests) == channel.RETRY_ATTEMPTS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 500, 502])
def test_a_permanent_error_is_not_retried(settings: Settings, status: int) -> None:
    wire = Wire(errors(status))
    with pytest.raises(SyncError):
        over(wire, settings).diff(UPLOAD)
    assert len(wire.requests) == 1


def test_a_retry_prints_nothing(settings: Settings) -> None:
    over(Wire(errors(503), data({"version": "11.17.4"})), settings).version()
    # By default stamina logs each retry.
    assert instrumentation.get_on_retry_hooks() == ()


# An apply is sent once

NO_ANSWER = [
    httpx.ReadTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.WriteTimeout("slow"),
    httpx.RemoteProtocolError("Server disconnected without sending a response."),
]
NOT_SENT = [REFUSED, httpx.ConnectTimeout("slow")]
REFUSALS = [errors(status) for status in (400, 403, 409, 413, 429, 500, 503)]
OF_A_PROXY = [httpx.Response(502, html="<h1>Bad Gateway</h1>"), httpx.Response(504, html="<h1>Gateway Timeout</h1>")]

# Envoy's 503 for a connection that broke after the request was sent, Cloudflare's 520 and 524, and a web page.
BETWEEN = [
    httpx.Response(503, text="upstream connect error or disconnect/reset before headers"),
    httpx.Response(520, html="<h1>Unknown error</h1>"),
    httpx.Response(524, html="<h1>A timeout occurred</h1>"),
    HTML,
]


def name(answer: object) -> str:
    return str(answer.status_code) if isinstance(answer, httpx.Response) else type(answer).__name__


FAILED = [(answer, ApplyFailed) for answer in REFUSALS if answer.status_code < 500]
UNCLEAR = [(answer, ApplyUnclear) for answer in (*NO_ANSWER, *OF_A_PROXY, *BETWEEN, errors(500), errors(503))]
OTHERS = [*((answer, DirectusUnavailable) for answer in NOT_SENT), (errors(401, "Token expired."), DirectusDenied)]


@pytest.mark.parametrize(("answer", "kind"), [*FAILED, *UNCLEAR, *OTHERS], ids=name)
def test_an_apply_is_sent_once_and_unclear_if_it_may_have_happened(
    settings: Settings, answer: Answer, kind: type[SyncError]
) -> None:
    wire = Wire(answer, httpx.Response(204))
    with pytest.raises(kind) as caught:
        over(wire, settings).apply("hash", {})
    assert len(wire.requests) == 1
    assert ("nothing was changed" in str(caught.value)) is (kind is ApplyFailed)
    assert isinstance(caught.value, ApplyUnclear) is (kind is ApplyUnclear)
    if isinstance(caught.value, ApplyUnclear):
        # After the transaction, caches and hooks may still fail, with the same answer from Directus itself.
        answered = name(answer) in {"500", "503"} and answer not in BETWEEN
        assert (caught.value.exit_code, caught.value.answered) == (1, answered)
        assert ("run again" in str(caught.value)) is not answered


def test_an_apply_with_an_expired_session_is_sent_again_after_a_new_login(by_password: Settings) -> None:
    # Directus refuses such an apply before it reads it.
    first, second = (data({"access_token": token}) for token in ("first", "second"))
    wire = Wire(first, errors(401, "Token expired."), errors(503), second, httpx.Response(204))
    over(wire, by_password).apply("hash", {})
    login, sent, busy, renewed, again = wire.requests
    assert {request.url.path for request in (login, busy, renewed)} == {"/auth/login"}
    assert sent.url == again.url
    assert sent.read() == again.read()
    assert again.headers["Authorization"] == "Bearer second"


@pytest.mark.parametrize("answer", [errors(403), *NO_ANSWER, *OF_A_PROXY], ids=name)
def test_an_apply_is_not_unclear_if_the_session_cannot_be_renewed(by_password: Settings, answer: Answer) -> None:
    wire = Wire(data({"access_token": "first"}), errors(401, "Token expired."), answer)
    with pytest.raises((DirectusUnavailable, DirectusDenied, RequestFailed)) as caught:
        over(wire, by_password).apply("hash", {})
    assert "appl" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [(400, "no", 4), (400, "Please generate a new diff", 1), (403, "no", 1)],
)
def test_an_apply_that_directus_will_always_refuse_exits_4(
    settings: Settings, status: int, message: str, code: int
) -> None:
    with pytest.raises(ApplyFailed) as caught:
        over(Wire(errors(status, message)), settings).apply("hash", {})
    assert (caught.value.exit_code, caught.value.id == "apply-refused") == (code, code == 4)


def test_a_refused_apply_shows_the_messages_of_directus(settings: Settings) -> None:
    answer = httpx.Response(400, json={"errors": [{"message": "first"}, {"message": "second"}]})
    with pytest.raises(ApplyFailed, match="first; second"):
        over(Wire(answer), settings).apply("hash", {})


# The requests


def part(request: httpx.Request) -> EmailMessage:
    """Return the only part of a multipart form."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    form = message_from_bytes(head + request.read(), policy=policy.HTTP)
    assert form.get_content_type() == "multipart/form-data"
    (only,) = list(form.iter_parts())
    return cast(EmailMessage, only)


def test_a_diff_sends_one_file_and_is_retried_like_any_read(settings: Settings) -> None:
    wire = Wire(httpx.Response(503), httpx.Response(204))
    assert over(wire, settings).diff(UPLOAD) is None
    for request in wire.requests:
        assert (request.method, request.url.path) == ("POST", "/schema/diff")
        found = part(request)
        assert (found.get_filename(), found.get_payload(decode=True), found.get_content_type()) == UPLOAD
    assert len(wire.requests) == 2


def test_an_apply_sends_hash_and_diff_in_one_file_of_json(settings: Settings) -> None:
    wire = Wire(httpx.Response(204))
    difference = {"collections": [], "fields": [{"collection": "ä", "field": "b", "diff": []}]}
    over(wire, settings).apply("abc", difference)
    (request,) = wire.requests
    assert (request.method, request.url.path) == ("POST", "/schema/apply")
    assert part(request).get_content_type() == "application/json"
    body = part(request).get_payload(decode=True)
    assert isinstance(body, bytes)
    assert json.loads(body) == {"hash": "abc", "diff": difference}


def everything(client: DirectusClient) -> None:
    client.wait(0)
    client.version()
    client.shown("/shares/info/1", "item")
    client.clear_cache()
    client.snapshot()
    client.schema()
    client.diff(UPLOAD)
    client.apply("hash", {})


def lenient(requests: list[httpx.Request]) -> Callable[[httpx.Request], httpx.Response]:
    """Return a handler that answers every request and records it."""
    answers = {
        "/server/ping": httpx.Response(200, text="pong"),
        "/server/info": data({"version": "11.17.4"}),
        "/auth/login": data({"access_token": "session-token"}),
        **dict.fromkeys(("/schema/diff", "/schema/apply"), httpx.Response(204)),
        **dict.fromkeys(("/collections", "/fields", "/relations"), httpx.Response(200, json=[])),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = answers.get(request.url.path, data({}))
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    return answer


def test_no_request_has_the_parameter_force(by_password: Settings) -> None:
    # Its presence alone turns off Directus's checks, even as `force=false`.
    requests: list[httpx.Request] = []
    everything(over(lenient(requests), by_password))
    assert {request.url.path for request in requests} >= {"/schema/diff", "/schema/apply", "/schema/snapshot"}
    for request in requests:
        assert "force" not in str(request.url)
        assert b"force" not in request.read()


def test_an_apply_may_take_longer_than_a_read(settings: Settings) -> None:
    wire = Wire(httpx.Response(204))
    with over(wire, settings) as client:
        client.diff(UPLOAD)
        client.apply("hash", {})
    read, apply = (request.extensions["timeout"] for request in wire.requests)
    assert (read["read"], apply["read"]) == (33, 777)
    assert read["connect"] == apply["connect"] == 10


# Logging in


def test_one_login_exchanges_email_and_password_for_a_token(by_password: Settings) -> None:
    requests: list[httpx.Request] = []
    with over(lenient(requests), by_password) as client:
        client.version()
        client.clear_cache()
        client.diff(UPLOAD)
    login, *rest = requests
    assert (login.method, login.url.path, login.url.query) == ("POST", "/auth/login", b"")
    assert json.loads(login.read()) == {"email": "admin@example.com", "password": "pw-123", "mode": "json"}
    assert "Authorization" not in login.headers
    assert [request.url.path for request in rest] == ["/server/info", "/utils/cache/clear", "/schema/diff"]
    assert {request.headers["Authorization"] for request in rest} == {"Bearer session-token"}


def test_a_static_token_is_used_instead_of_a_login(load: Load) -> None:
    both = load(ADMIN_TOKEN="the-token", ADMIN_EMAIL="admin@example.com", ADMIN_PASSWORD="pw-123")
    wire = Wire(data({"version": "11.17.4"}))
    over(wire, both).version()
    (request,) = wire.requests
    assert (request.url.path, request.headers["Authorization"]) == ("/server/info", "Bearer the-token")


def test_a_login_answer_without_a_token_is_a_failure(by_password: Settings) -> None:
    with pytest.raises(RequestFailed, match="no access token"):
        over(Wire(data({})), by_password).version()


def test_a_wrong_password_is_tried_once(by_password: Settings) -> None:
    wire = Wire(errors(401, "Invalid user credentials."))
    client = over(wire, by_password)
    for ask in (client.version, client.clear_cache):
        with pytest.raises(DirectusDenied, match="Invalid user credentials"):
            ask()
    assert [request.url.path for request in wire.requests] == ["/auth/login"]


def test_a_login_is_retried_while_directus_is_busy(by_password: Settings) -> None:
    wire = Wire(errors(503), data({"access_token": "session"}), data({"version": "11.17.4"}))
    assert over(wire, by_password).version() == "11.17.4"
    assert [request.url.path for request in wire.requests] == ["/auth/login", "/auth/login", "/server/info"]


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"ADMIN_TOKEN": "the-token"}, "DIRECTUS_TOKEN or ADMIN_TOKEN"),
        ({"ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": "pw-123"}, "ADMIN_EMAIL and ADMIN_PASSWORD"),
    ],
)
def test_wrong_credentials_name_the_variables_to_check(load: Load, variables: dict[str, str], names: str) -> None:
    with pytest.raises(DirectusDenied) as caught:
        over(Wire(errors(401, "Invalid user credentials.")), load(**variables)).version()
    assert caught.value.exit_code == 2
    assert f"check {names}" in str(caught.value)
    assert "Invalid user credentials." in str(caught.value)
    assert "pw-123" not in str(caught.value)


@pytest.mark.parametrize("answer", [errors(403), data({"project": {}}), data([])])
def test_a_user_who_is_not_an_administrator_is_denied(settings: Settings, answer: httpx.Response) -> None:
    with pytest.raises(DirectusDenied, match="not an administrator's") as caught:
        over(Wire(answer), settings).version()
    assert caught.value.exit_code == 2


# Unusable answers


@pytest.mark.parametrize(
    "answer", [HTML, httpx.Response(200, text=""), httpx.Response(200, json=[]), httpx.Response(200, json={"a": 1})]
)
def test_an_answer_of_something_else_than_directus_is_recognised(settings: Settings, answer: httpx.Response) -> None:
    with pytest.raises(DirectusUnavailable, match="the server is not Directus") as caught:
        over(Wire(answer), settings).version()
    assert caught.value.where == f"{URL}/server/info"
    assert "check DIRECTUS_URL" in str(caught.value)


@pytest.mark.parametrize("value", [{}, {"hash": "x"}, {"diff": {}}, {"hash": "x", "diff": []}, []])
def test_a_diff_without_hash_or_diff_is_a_failure(settings: Settings, value: object) -> None:
    with pytest.raises(RequestFailed, match="no hash or no diff"):
        over(Wire(data(value)), settings).diff(UPLOAD)


@pytest.mark.parametrize(
    ("status", "advice"), [(400, "do not fit together"), (404, "names Directus itself"), (413, "size of uploads")]
)
def test_a_failed_read_shows_the_reason_and_advice(settings: Settings, status: int, advice: str) -> None:
    with pytest.raises(RequestFailed) as caught:
        over(Wire(errors(status, "the reason")), settings).diff(UPLOAD)
    assert f"HTTP {status}: the reason" in str(caught.value)
    assert advice in str(caught.value)
    assert f"POST {URL}/schema/diff" in str(caught.value)


def test_a_long_web_page_in_an_error_is_cut(settings: Settings) -> None:
    with pytest.raises(RequestFailed) as caught:
        over(Wire(httpx.Response(500, html="<p>" + "x" * 5000)), settings).snapshot()
    assert len(str(caught.value)) < 500


# What reads return


def test_a_diff_returns_hash_and_differences(settings: Settings) -> None:
    assert over(Wire(data({"hash": "abc", "diff": {"fields": []}})), settings).diff(UPLOAD) == ("abc", {"fields": []})


def test_a_snapshot_returns_the_received_bytes(settings: Settings, station: bytes) -> None:
    wire = Wire(httpx.Response(200, content=station))
    assert over(wire, settings).snapshot() == station
    assert wire.requests[0].url.params["export"] == "yaml"


@pytest.mark.parametrize(
    ("answer", "found"), [(data({"item": "s"}), "s"), (data({}), None), (data(None), None), (errors(403), None)]
)
def test_public_data_is_requested_without_credentials(
    settings: Settings, answer: httpx.Response, found: str | None
) -> None:
    wire = Wire(answer)
    assert over(wire, settings).shown("/shares/info/1", "item") == found
    assert "the-token" not in str(wire.requests[0].headers)


def test_clearing_the_cache_includes_the_schema(settings: Settings) -> None:
    wire = Wire(httpx.Response(204))
    over(wire, settings).clear_cache()
    assert (wire.requests[0].method, wire.requests[0].url.path) == ("POST", "/utils/cache/clear")
    assert "system" in wire.requests[0].url.params


# Waiting


@pytest.mark.parametrize(("answer", "reason"), [(httpx.Response(502), "HTTP 502"), (HTML, "HTTP 200")])
def test_only_a_pong_ends_the_wait(settings: Settings, answer: httpx.Response, reason: str) -> None:
    with pytest.raises(DirectusUnavailable) as caught:
        over(Wire(answer), settings).wait(0)
    assert reason in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_wait_keeps_to_its_deadline(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(DirectusUnavailable, match="within 7 s"):
        over(Wire(REFUSED), settings).wait(7)
    assert now == pytest.approx(1007, abs=0.2)


def test_a_wait_is_announced_once(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    wire = Wire(REFUSED, REFUSED, httpx.Response(200, text="pong"))
    over(wire, settings).wait(30)
    assert (capsys.readouterr().err, len(wire.requests)) == ("Waiting for Directus\n", 3)


def test_a_wait_ends_when_directus_has_died(settings: Settings) -> None:
    wire = Wire(REFUSED)
    looks = iter([None, RuntimeError("died")])

    def alive() -> None:
        if (problem := next(looks)) is not None:
            raise problem

    with pytest.raises(RuntimeError, match="died"):
        over(wire, settings).wait(60, alive=alive)
    assert len(wire.requests) == 1


# Writes of rows are sent once


def test_a_write_returns_the_rows_of_directus_s_answer(settings: Settings) -> None:
    wire = Wire(data([{"id": 1}]))
    assert over(wire, settings).write("POST", "/items/clubs", [{"slug": "a"}]) == [{"id": 1}]
    (request,) = wire.requests
    assert (request.method, request.url.path, json.loads(request.content)) == ("POST", "/items/clubs", [{"slug": "a"}])


def test_a_write_is_retried_while_directus_is_busy(settings: Settings) -> None:
    wire = Wire(httpx.Response(503), data([]))
    over(wire, settings).write("POST", "/items/clubs", [])
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    ("answer", "unclear", "reason"),
    [
        (httpx.ReadError("reset"), True, "the connection was lost before Directus answered"),
        (httpx.ReadTimeout("slow"), True, "before Directus answered"),
        (httpx.Response(504, text="gateway timeout"), True, "HTTP 504"),
        (httpx.Response(302, text="log in"), True, "HTTP 302: log in"),
        (httpx.Response(401, text="log in"), True, "HTTP 401"),
        (httpx.Response(403, text="forbidden"), True, "HTTP 403"),
        (httpx.Response(408, text="timeout"), True, "HTTP 408"),
        (httpx.Response(200, text="<html>"), True, "HTTP 200: <html>"),
        (httpx.Response(200, json=[]), True, "HTTP 200"),
        (errors(500), False, "HTTP 500"),
        (errors(400, "has to be unique"), False, "HTTP 400: has to be unique"),
        # A proxy answers this instead of passing the request on.
        (httpx.Response(413, text="too large"), False, "HTTP 413"),
    ],
)
def test_a_write_is_sent_once_and_unclear_if_directus_itself_did_not_answer(
    settings: Settings, answer: Answer, unclear: bool, reason: str
) -> None:
    wire = Wire(answer)
    with pytest.raises(RequestFailed, match=reason) as caught:
        over(wire, settings).write("POST", "/items/clubs", [])
    assert (caught.value.unclear, len(wire.requests)) == (unclear, 1)


def test_a_write_logs_in_again_if_the_session_has_expired(by_password: Settings) -> None:
    session = data({"access_token": "session", "refresh_token": "again"})
    wire = Wire(session, errors(401, "Token expired."), session, data([]))
    over(wire, by_password).write("POST", "/items/clubs", [])
    paths = [request.url.path for request in wire.requests]
    assert paths == ["/auth/login", "/items/clubs", "/auth/login", "/items/clubs"]


# The connection


@pytest.mark.parametrize(
    ("url", "checked"), [(URL, False), ("https://directus.example", True), ("HTTPS://d.example", True)]
)
def test_certificates_are_verified_for_https_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str, checked: bool
) -> None:
    given = Mock(wraps=httpx.Client)
    monkeypatch.setattr(httpx, "Client", given)
    DirectusClient(url, settings)
    assert given.call_args.kwargs["verify"] is checked


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_requests_to_this_machine_do_not_use_a_proxy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        # Nothing listens on port 1.
        with DirectusClient(f"http://{host}:1", settings) as client, pytest.raises(DirectusUnavailable):
            client.wait(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()
