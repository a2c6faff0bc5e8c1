"""How a client authenticates: with a static token, with a log-in that is renewed, or with a token that it signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Generator, Mapping
from typing import Final

import httpx

from directus_sync.directus.answers import data_of, unusable
from directus_sync.errors import DirectusDenied
from directus_sync.settings import Settings

TOKEN_SECONDS: Final = 60


class Signed(httpx.Auth):
    """Signs a token for each request with Directus's own SECRET, so that no wrong password can lock the user.

    user, role: the ids of an administrator and of its role, if it has one.
    """

    def __init__(self, secret: str, user: str, role: str | None) -> None:
        self._secret = secret.encode()
        self._claims = {"id": user, "role": role, "app_access": True, "admin_access": True, "iss": "directus"}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request with a token (a JSON Web Token, RFC 7519, HS256) that is valid for a minute."""
        now = int(time.time())
        head = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        claims = _encoded(json.dumps({**self._claims, "iat": now, "exp": now + TOKEN_SECONDS}).encode())
        signature = _encoded(hmac.digest(self._secret, f"{head}.{claims}".encode(), hashlib.sha256))
        request.headers["Authorization"] = f"Bearer {head}.{claims}.{signature}"
        yield request


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Session(httpx.Auth):
    """Sends the token of the settings, or logs in for a token and logs in again when Directus rejects it.

    login: sends the log-in, and raises if it fails.
    """

    # The response must be read, so that the connection is free for another log-in.
    requires_response_body = True

    def __init__(self, settings: Settings, login: Callable[[Mapping[str, str | None]], httpx.Response]) -> None:
        self._settings = settings
        self._login = login
        self._token = settings.token
        self._denied: DirectusDenied | None = None
        self.refresh_token: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request with the token. As httpx requires, yields requests and receives their responses."""
        if self._token is None:
            self._renew()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        # A log-in is valid for minutes, and an apply may take longer.
        if response.status_code == 401 and self._settings.token is None:
            self._renew()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _renew(self) -> None:
        if self._denied is not None:
            raise self._denied  # another attempt would count as guessing the password
        self._settings.require_credentials()
        body = {"email": self._settings.email, "password": self._settings.password, "mode": "json"}
        try:
            response = self._login(body)
        except DirectusDenied as error:
            self._denied = error
            raise
        data = data_of(response)
        if not isinstance(data, dict) or not isinstance(data.get("access_token"), str):
            raise unusable("/auth/login has no access token", str(response.request.url))
        self._token = data["access_token"]
        self.refresh_token = data.get("refresh_token")
