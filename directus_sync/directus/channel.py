"""Sends requests to one Directus: adds credentials, retries, and turns refusals into errors."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import Any, Final

import httpx

from directus_sync.directus.answers import cause_of, reason_of
from directus_sync.directus.session import Session
from directus_sync.errors import DirectusDenied, DirectusUnavailable, RequestFailed, SyncError
from directus_sync.process.retries import retry_context
from directus_sync.settings import Settings

_Errors = type[Exception] | tuple[type[Exception], ...]
# The base URL for the Directus that a command starts for itself; its socket has no address.
PRIVATE_URL: Final = "http://private-directus"
# The wait before the first retry; stamina doubles it each time and adds jitter.
RETRY_SECONDS: Final = 0.25
RETRY_ATTEMPTS: Final = 6
_ADVICE: Final = {
    400: "the snapshot and this server do not fit together; `directus-sync diff` shows more",
    404: "check that DIRECTUS_URL names Directus itself, not a page in front of it",
    413: "a proxy in front of Directus limits the size of uploads; raise its limit",
    503: "Directus is under load; run again later",
}


class _Busy(Exception):
    """Directus answered 503 or 429: retry later."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class Channel:
    """Sends requests to one Directus. The attribute `http` is the plain client, without retries and checks.

    transport: replaces the network. session: replaces the credentials in the settings.
    """

    def __init__(
        self, url: str, settings: Settings, transport: httpx.BaseTransport | None, session: httpx.Auth | None
    ) -> None:
        # For messages. A private Directus is named by its database.
        self.name = f"the Directus of {settings.database.label}" if url == PRIVATE_URL else url
        self._settings = settings
        self._session = session or Session(
            settings, lambda body: self.read("POST", "/auth/login", json=body, auth=None)
        )
        self.http = httpx.Client(
            base_url=url,
            auth=self._session,
            timeout=httpx.Timeout(settings.request_timeout, connect=10.0),
            transport=transport,
            # Plain HTTP needs no certificates, and loading them takes longer than most requests.
            verify=not url.startswith("http:"),
            # No proxy for loopback addresses: it would see the token and cannot reach them anyway.
            trust_env=not _is_loopback(url),
            headers={"User-Agent": "directus-sync", "Cache-Control": "no-store"},
        )

    def close(self) -> None:
        """Log out, if logged in, and close the connections."""
        if isinstance(self._session, Session) and self._session.refresh_token is not None:
            # Otherwise the session stays in directus_sessions for days.
            body = {"refresh_token": self._session.refresh_token, "mode": "json"}
            with contextlib.suppress(httpx.HTTPError):
                self.http.request("POST", "/auth/logout", json=body, auth=None, timeout=1.0)
        self.http.close()

    def read(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request that is safe to repeat. Retries if Directus does not answer or is busy."""
        return self.checked(self.ask(method, path, **options))

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request as `read` does, and return the answer whatever its status."""
        try:
            return self._repeated((httpx.TransportError, _Busy), method, path, **options)
        except httpx.TransportError as error:
            raise self.unavailable(error) from error

    def send(self, method: str, path: str, body: object) -> httpx.Response:
        """Send a change. Retries only if Directus was too busy to accept it. Raises httpx's errors."""
        return self._repeated(_Busy, method, path, json=body)

    def checked(self, response: httpx.Response) -> httpx.Response:
        """Return the answer if it is a success; raise otherwise."""
        if response.is_success:
            return response
        # Directus answers 400 to a log-in with an invalid e-mail address.
        login = response.request.url.path.endswith("/auth/login")
        if response.status_code == 401 or (login and response.status_code == 400):
            raise self.denied(response)
        if response.status_code == 403:
            raise self.not_admin()
        raise RequestFailed(
            f"Directus answered HTTP {response.status_code}: {reason_of(response)}",
            where=f"{response.request.method} {response.request.url.copy_with(query=None)}",
            next=_ADVICE.get(response.status_code, "look for the cause in the log of Directus"),
        )

    def unavailable(self, error: httpx.TransportError) -> SyncError:
        """Return the error for a Directus that does not answer."""
        return DirectusUnavailable(
            f"Directus does not answer: {cause_of(error)}",
            where=self.name,
            next="start it (`make up` starts the local one), or check DIRECTUS_URL",
        )

    def denied(self, response: httpx.Response) -> SyncError:
        """Return the error for credentials that Directus does not accept."""
        if not isinstance(self._session, Session):
            used, step = (
                "token that was signed for it",
                "check whether the Directus at DIRECTUS_HOME reads another SECRET",
            )
        elif self._settings.token is not None:
            used, step = "token", "check DIRECTUS_TOKEN or ADMIN_TOKEN"
        else:
            used, step = "e-mail and password", "check ADMIN_EMAIL and ADMIN_PASSWORD"
        return DirectusDenied(f"Directus does not accept the {used}: {reason_of(response)}", where=self.name, next=step)

    def not_admin(self) -> SyncError:
        """Return the error for credentials that are not an administrator's."""
        return DirectusDenied(
            "Directus accepts the credentials, but they are not an administrator's",
            where=self.name,
            next="use a token of a user whose role or policy has admin access",
        )

    def _repeated(self, on: _Errors, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            for attempt in retry_context(on=on, attempts=RETRY_ATTEMPTS, wait_initial=RETRY_SECONDS, timeout=None):
                with attempt:
                    response = _unless_busy(self.http.request(method, path, **options))
        except _Busy as error:
            return error.response
        return response


def _is_loopback(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _unless_busy(response: httpx.Response) -> httpx.Response:
    if response.status_code in {429, 503}:
        raise _Busy(response)
    return response
