"""The token that the tool signs for its temporary Directus."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import httpx

from directus_sync.directus.session import TOKEN_SECONDS, Signed

SECRET = "the-secret-of-directus"


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_for_the_administrator_is_signed_with_the_secret_and_expires() -> None:
    before = int(time.time())
    session = Signed(SECRET, "a-user", "a-role")
    request = next(session.auth_flow(httpx.Request("GET", "http://private-directus/server/info")))
    scheme, _, token = request.headers["Authorization"].partition(" ")
    head, claims, signature = token.split(".")
    assert scheme == "Bearer"
    assert json.loads(decoded(head)) == {"alg": "HS256", "typ": "JWT"}
    said = json.loads(decoded(claims))
    assert (said["id"], said["role"], said["admin_access"], said["iss"]) == ("a-user", "a-role", True, "directus")
    assert before <= said["iat"] <= said["exp"] - TOKEN_SECONDS <= time.time()
    assert decoded(signature) == hmac.digest(SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256)
