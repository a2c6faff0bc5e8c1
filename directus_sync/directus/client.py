"""Directus's API over HTTP: its schema, and rows. Retries only what is safe to repeat.

What it imports takes a fifth of all the loading: imported where a client is made, and not where nothing is asked.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import httpx

from directus_sync.errors import (
    ApplyFailed,
    ApplyUnclear,
    DirectusDenied,
    DirectusUnavailable,
    RequestFailed,
    SyncError,
)
from directus_sync.process import background
from directus_sync.process.retries import retry_context
from directus_sync.schema import export
from directus_sync.schema.snapshot import Upload
from directus_sync.settings import Settings

# The first wait of a retry; stamina doubles it and adds jitter.
RETRY_SECONDS: Final = 0.25
RETRY_ATTEMPTS: Final = 6


class _Busy(Exception):
    """503 or 429: Directus asks to come back later."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class _Session(httpx.Auth):
    """Sends the token; by e-mail and password logs in for one, and again when it is accepted no more.

    login: sends what logs in, and raises where that fails. Any thread may send.
    """

    # A refused request has its connection free for the login then.
    requires_response_body = True

    def __init__(self, settings: Settings, login: Callable[[Mapping[str, str | None]], httpx.Response]) -> None:
        self._settings = settings
        self._login = login
        self._lock = threading.Lock()
        self._token = settings.token
        self._denied: DirectusDenied | None = None
        self.refresh_token: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request with the token; yields what is to be sent, and is given the answers."""
        token = self._token or self._renewed(None)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        # A session by e-mail and password lasts for minutes, an apply may take longer.
        if response.status_code == 401 and self._settings.token is None:
            request.headers["Authorization"] = f"Bearer {self._renewed(token)}"
            yield request

    def _renewed(self, refused: str | None) -> str:
        """Log in, unless another thread has done so, or was refused; return the token."""
        with self._lock:
            if self._denied is not None:
                raise self._denied  # each more would count as another try to guess the password
            if self._token is None or self._token == refused:
                self._settings.require_credentials()
                body = {"email": self._settings.email, "password": self._settings.password, "mode": "json"}
                try:
                    response = self._login(body)
                except DirectusDenied as error:
                    self._denied = error
                    raise
                data = _data(response)
                if not isinstance(data, dict) or not isinstance(data.get("access_token"), str):
                    raise _no_answer("/auth/login has no access token", str(response.request.url))
                self._token = data["access_token"]
                self.refresh_token = data.get("refresh_token")
            return self._token


class DirectusClient:
    """One Directus, as an administrator. Use as a context manager; `transport` replaces the network in tests.

    Every method raises DirectusUnavailable when no Directus answers, DirectusDenied when it does not accept the
    credentials, and RequestFailed for any other unusable answer.
    """

    def __init__(self, url: str, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._settings = settings
        self._session = _Session(settings, lambda body: self._read("POST", "/auth/login", json=body, auth=None))
        self._http = httpx.Client(
            base_url=url,
            auth=self._session,
            timeout=httpx.Timeout(settings.request_timeout, connect=10.0),
            transport=transport,
            # Reading the certificates of all authorities takes longer than most requests.
            verify=not url.startswith("http:"),
            headers={"User-Agent": "directus-sync", "Cache-Control": "no-store"},
        )
        self._version: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session.refresh_token is not None:
            # A session of ours would stay in directus_sessions for days.
            body = {"refresh_token": self._session.refresh_token, "mode": "json"}
            with contextlib.suppress(httpx.HTTPError):
                self._http.request("POST", "/auth/logout", json=body, auth=None, timeout=1.0)
        self._http.close()

    def wait(
        self, seconds: float, *, alive: Callable[[], None] = lambda: None, waiting: Callable[[], None] | None = None
    ) -> None:
        """Return when /server/ping answers.

        alive: called before each attempt; may raise to end the wait, as when the server's process has ended.
        waiting: called once, when the first attempt fails.

        Raises DirectusUnavailable after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            alive()
            try:
                response = self._http.get("/server/ping", auth=None, timeout=5.0)
                if response.status_code == 200 and response.text == "pong":
                    return
                reason = f"HTTP {response.status_code}"
            except httpx.TransportError as error:
                reason = _cause(error)
            if time.monotonic() >= deadline:
                raise DirectusUnavailable(
                    f"no Directus answered within {seconds:g} s: {reason}",
                    where=self.url,
                    next="start it (`make up` starts the local one), or check DIRECTUS_URL",
                )
            if waiting is not None:
                waiting()
                waiting = None
            time.sleep(0.03)

    def version(self) -> str:
        """Return the server's version, such as `11.17.4`.

        Raises DirectusDenied when it does not know who asks. Who is no administrator is refused by `clear_cache`.
        """
        if self._version is not None:
            return self._version
        data = _data(self._read("GET", "/server/info"))
        version = data.get("version") if isinstance(data, dict) else None
        if not isinstance(version, str):
            # Directus tells its version to those it knows.
            raise self._not_admin()
        self._version = version
        return version

    def project_id(self) -> str | None:
        """Return the id that Directus gave its project when it was installed, or None where it has none."""
        data = _data(self._read("GET", "/settings?fields=project_id"))
        return data.get("project_id") if isinstance(data, dict) else None

    def clear_cache(self) -> None:
        """Make Directus forget what it knows of the schema; after raw DDL a snapshot may be out of date."""
        self._read("POST", "/utils/cache/clear?system")

    def snapshot(self) -> bytes:
        """Return the schema snapshot as YAML, the same bytes that `directus schema snapshot` writes."""
        return self._read("GET", "/schema/snapshot?export=yaml").content

    def schema(self) -> dict[str, object]:
        """Return what the snapshot holds, in no order of its own; from three requests at once, in half of its time.

        Only for who may clear the cache: anybody else is told a part of it.
        """
        version = self.version()
        lists = [background.start(partial(self._list, name)) for name in ("collections", "fields", "relations")]
        try:
            return export.assemble(version, *(result() for result in lists))
        except (KeyError, TypeError, AttributeError) as error:
            raise _no_answer("/collections, /fields or /relations has no schema", self.url) from error

    def system_fields(self) -> frozenset[tuple[str, str]]:
        """Return the fields that are Directus's own, and columns."""
        try:
            return frozenset(
                (entry["collection"], entry["field"])
                for entry in self._list("fields")
                if export.is_system(entry) and entry["schema"] is not None
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise _no_answer("/fields has no fields", self.url) from error

    def diff(self, snapshot: Upload) -> tuple[str, dict[str, Any]] | None:
        """Return (hash, diff) of what would make the server equal the snapshot, or None when nothing would."""
        response = self._read("POST", "/schema/diff", files=_multipart(snapshot))
        # 204: Directus sends no body when the schemas match.
        if response.status_code == 204:
            return None
        data = _data(response)
        if not isinstance(data, dict) or not isinstance(data.get("diff"), dict) or "hash" not in data:
            raise _no_answer("/schema/diff has no hash or no diff", self.url)
        return str(data["hash"]), data["diff"]

    def apply(self, digest: str, diff: Mapping[str, Any]) -> None:
        """Send one /schema/apply, and again only where Directus refused the session. It runs in one transaction.

        Raises ApplyFailed when Directus refused it, and ApplyUnclear when no answer came.
        """
        body = json.dumps({"hash": digest, "diff": diff}).encode()
        try:
            response = self._http.post(
                "/schema/apply",
                files=_multipart(("diff.json", body, "application/json")),
                timeout=httpx.Timeout(self._settings.apply_timeout, connect=10.0),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._unavailable(error) from error
        except httpx.TransportError as error:
            raise ApplyUnclear(
                f"the connection was lost while Directus applied the schema: {_cause(error)}",
                where=self.url,
                next="run again: it looks at what is there before it sends anything",
            ) from error
        # A proxy in front answers by itself for a server that may still be at work; Directus answers in JSON.
        if response.status_code != 204 and not _is_of_directus(response):
            raise ApplyUnclear(
                f"the apply was answered with HTTP {response.status_code}, which says nothing of its outcome",
                where=self.url,
                next="run again: it looks at what is there before it sends anything",
            )
        if response.status_code == 401:
            raise self._denied(response)
        if response.status_code >= 500:
            # Its transaction may be committed by then: caches and hooks come after it.
            failed = ApplyUnclear(
                f"Directus failed to apply the schema: {_reason(response)}",
                where=f"{self.url}/schema/apply",
                next="look at what is there: directus-sync diff; its log says more; running again is safe",
            )
            failed.answered = True
            raise failed
        if response.status_code != 204:
            raise ApplyFailed(
                f"Directus refused the apply: {_reason(response)}",
                where=f"{self.url}/schema/apply",
                next="nothing was changed, because Directus applies in one transaction;\n"
                "if somebody else changed the schema meanwhile, run again",
            )

    def write(self, method: str, path: str, body: object) -> object:
        """Send a change of rows, once, and return what Directus says of them; None where it says nothing.

        Raises RequestFailed; where Directus itself did not answer it is `unclear`, and the change may still happen.
        """
        try:
            response = self._written(method, path, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._unavailable(error) from error
        except httpx.TransportError as error:
            failed = RequestFailed(
                f"the connection was lost before Directus answered: {_cause(error)}",
                where=f"{method} {self.url}{path}",
                next="run again: it looks at what is there before it sends anything",
            )
            failed.unclear = True
            raise failed from error
        if response.status_code == 401:
            raise self._denied(response)
        if not response.is_success:
            failed = RequestFailed(
                f"HTTP {response.status_code}: {_reason(response)}",
                where=f"{method} {self.url}{path}",
                next="correct what it names; the log of Directus may say more",
            )
            # A proxy in front answers by itself for a server that may still be at work.
            failed.unclear = response.status_code >= 500 and not _is_of_directus(response)
            raise failed
        return None if response.status_code == 204 else _data(response)

    def _written(self, method: str, path: str, body: object) -> httpx.Response:
        """Send a change, repeating it only while Directus is too busy to take it."""
        try:
            for attempt in retry_context(on=_Busy, attempts=RETRY_ATTEMPTS, wait_initial=RETRY_SECONDS, timeout=None):
                with attempt:
                    response = _unless_busy(self._http.request(method, path, json=body))
        except _Busy as error:
            response = error.response
        return response

    def _read(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request that changes nothing that matters, repeating it while Directus is away or busy."""
        try:
            for attempt in retry_context(
                on=(httpx.TransportError, _Busy),
                attempts=RETRY_ATTEMPTS,
                wait_initial=RETRY_SECONDS,
                timeout=None,
            ):
                with attempt:
                    response = _unless_busy(self._http.request(method, path, **options))
        except _Busy as error:
            response = error.response
        except httpx.TransportError as error:
            raise self._unavailable(error) from error
        return self._checked(response)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        """Return a good answer, and raise for any other."""
        if response.is_success:
            return response
        # A login with what can be no e-mail address is a bad request to Directus.
        login = response.request.url.path.endswith("/auth/login")
        if response.status_code == 401 or (login and response.status_code == 400):
            raise self._denied(response)
        if response.status_code == 403:
            raise self._not_admin()
        raise RequestFailed(
            f"Directus answered HTTP {response.status_code}: {_reason(response)}",
            where=f"{response.request.method} {response.request.url.copy_with(query=None)}",
            next=_ADVICE.get(response.status_code, "look for the cause in the log of Directus"),
        )

    def _list(self, name: str) -> list[Any]:
        # As an export: Directus never keeps one, where it keeps other answers (CACHE_ENABLED) and gives them again.
        response = self._read("GET", f"/{name}?export=json")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, list):
            raise _no_answer(f"/{name} is no list", self.url)
        return answer

    def _unavailable(self, error: httpx.TransportError) -> SyncError:
        return DirectusUnavailable(
            f"Directus does not answer: {_cause(error)}",
            where=self.url,
            next="start it (`make up` starts the local one), or check DIRECTUS_URL",
        )

    def _denied(self, response: httpx.Response) -> SyncError:
        used = "token" if self._settings.token is not None else "e-mail and password"
        names = "DIRECTUS_TOKEN or ADMIN_TOKEN" if used == "token" else "ADMIN_EMAIL and ADMIN_PASSWORD"
        return DirectusDenied(
            f"Directus does not accept the {used}: {_reason(response)}", where=self.url, next=f"check {names}"
        )

    def _not_admin(self) -> SyncError:
        return DirectusDenied(
            "Directus accepts the credentials, but they are not an administrator's",
            where=self.url,
            next="use a token of a user whose role or policy has admin access",
        )


_ADVICE: Final = {
    400: "the snapshot and this server do not fit together; `directus-sync diff` shows more",
    404: "check that DIRECTUS_URL names Directus itself, not a page in front of it",
    413: "a proxy in front of Directus limits the size of uploads; raise its limit",
    503: "Directus is under load; run again in a while",
}


def _is_of_directus(response: httpx.Response) -> bool:
    try:
        return isinstance(response.json()["errors"], list)
    except (ValueError, KeyError, TypeError):
        return False


def _unless_busy(response: httpx.Response) -> httpx.Response:
    if response.status_code in {429, 503}:
        raise _Busy(response)
    return response


def _data(response: httpx.Response) -> object:
    try:
        return response.json()["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise DirectusUnavailable(
            "what answers is not Directus: no JSON with `data`",
            where=str(response.request.url.copy_with(query=None)),
            next="check DIRECTUS_URL",
        ) from error


def _multipart(upload: Upload) -> dict[str, Upload]:
    # Such a file is not held to MAX_PAYLOAD_SIZE, as a JSON body is (1 MB, about 100 collections).
    return {"file": upload}


def _no_answer(what: str, url: str) -> RequestFailed:
    return RequestFailed(
        f"the answer of {what}", where=url, next="check that DIRECTUS_URL names Directus itself, of version 11"
    )


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__


def _reason(response: httpx.Response) -> str:
    try:
        return "; ".join(str(error["message"]) for error in response.json()["errors"])
    except (ValueError, KeyError, TypeError):
        return response.text.strip()[:200] or response.reason_phrase
