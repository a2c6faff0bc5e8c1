"""Directus's HTTP API for schema and rows. Retries only requests that are safe to repeat."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from directus_sync import output, project
from directus_sync.directus.answers import cause_of, data_of, is_of_directus, reason_of, refused_apply, unusable
from directus_sync.directus.channel import PRIVATE_URL, Channel
from directus_sync.directus.worker import Choice
from directus_sync.errors import ApplyFailed, ApplyUnclear, DirectusUnavailable, RequestFailed
from directus_sync.schema.snapshot import Upload
from directus_sync.settings import Settings


class DirectusClient:
    """A client of one Directus, as an administrator. Use it as a context manager.

    transport: replaces the network. session: replaces the credentials in the settings.

    Every method raises DirectusUnavailable if Directus does not answer, DirectusDenied if it does not accept the
    credentials, and RequestFailed for any other unusable answer.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        transport: httpx.BaseTransport | None = None,
        session: httpx.Auth | None = None,
    ) -> None:
        self._channel = Channel(url, settings, transport, session)
        self.url = url
        self.name = self._channel.name
        self._settings = settings
        self._version: str | None = None
        # What this tool started for this client; None if it started nothing.
        self.choice: Choice | None = None

    @classmethod
    def on_socket(cls, socket: Path, settings: Settings, session: httpx.Auth, choice: Choice) -> Self:
        """Return a client of a Directus that listens on a Unix socket. It uses no proxy."""
        client = cls(PRIVATE_URL, settings, httpx.HTTPTransport(uds=str(socket)), session)
        client.choice = choice
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def wait(self, seconds: float, *, alive: Callable[[], None] | None = None) -> None:
        """Wait until /server/ping answers. Prints a note if the first attempt fails.

        alive: for a server that this process started; called before each attempt, and raises if the server has ended.
        No note is printed then, because the start was already announced.

        Raises DirectusUnavailable after `seconds`.
        """
        deadline = time.monotonic() + seconds
        announced = alive is not None
        while True:
            if alive is not None:
                alive()
            try:
                response = self._channel.http.get("/server/ping", auth=None, timeout=5.0)
                if response.status_code == 200 and response.text == "pong":
                    return
                reason = f"HTTP {response.status_code}"
            except httpx.TransportError as error:
                reason = cause_of(error)
            if time.monotonic() >= deadline:
                raise DirectusUnavailable(
                    f"no Directus answered within {seconds:g} s: {reason}",
                    where=self.name,
                    next="start it (`make up` starts the local one), or check DIRECTUS_URL",
                )
            if not announced:
                output.note("Waiting for Directus")
                announced = True
            time.sleep(0.03)

    def version(self) -> str:
        """Return the server's version, such as `11.17.4`.

        Raises DirectusDenied if it does not accept the credentials. Does not check for an administrator; `clear_cache`
        does.
        """
        if self._version is not None:
            return self._version
        data = data_of(self._channel.read("GET", "/server/info"))
        version = data.get("version") if isinstance(data, dict) else None
        if not isinstance(version, str):
            # Directus returns its version only to known users.
            raise self._channel.not_admin()
        self._version = version
        return version

    def shown(self, path: str, field: str, token: str | None = None) -> object:
        """Return a field that Directus shows without a log-in, or to the owner of `token`; None if it refuses.

        Does not send the credentials of the settings.
        """
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = self._channel.ask("GET", path, auth=None, headers=headers)
        if response.status_code in {401, 403}:
            return None
        data = data_of(self._channel.checked(response))
        return data.get(field) if isinstance(data, dict) else None

    def clear_cache(self) -> None:
        """Clear Directus's cache of the schema, which is out of date after DDL."""
        self._channel.read("POST", "/utils/cache/clear?system")

    def hashed(self, text: str) -> str:
        """Return the hash of a password in the form that Directus stores."""
        return str(self.write("POST", "/utils/hash/generate", {"string": text}))

    def snapshot(self) -> bytes:
        """Return the schema snapshot as YAML, byte for byte as `directus schema snapshot` writes it."""
        return self._channel.read("GET", "/schema/snapshot?export=yaml").content

    def schema(self) -> Any:
        """Return the schema snapshot as JSON, unchecked."""
        return self._exported("/schema/snapshot")

    def system_fields(self) -> frozenset[tuple[str, str]]:
        """Return Directus's own fields that have a column, as (collection, field)."""
        fields = self._exported("/fields")
        own = (entry for entry in fields if (entry["meta"] or {}).get("system") is True and entry["schema"] is not None)
        return frozenset((entry["collection"], entry["field"]) for entry in own)

    def _exported(self, path: str) -> Any:
        # With CACHE_ENABLED, Directus may answer from its cache unless an export is requested.
        try:
            return self._channel.read("GET", f"{path}?export=json").json()
        except ValueError as error:
            raise unusable(f"{path} is not JSON", self.name) from error

    def diff(self, snapshot: Upload) -> tuple[str, dict[str, Any]] | None:
        """Return (hash, diff), where the diff makes the server equal the snapshot; None if it already is."""
        response = self._channel.read("POST", "/schema/diff", files=_multipart(snapshot))
        # 204: Directus sends no body when the schemas match.
        if response.status_code == 204:
            return None
        data = data_of(response)
        if not isinstance(data, dict) or not isinstance(data.get("diff"), dict) or "hash" not in data:
            raise unusable("/schema/diff has no hash or no diff", self.name)
        return str(data["hash"]), data["diff"]

    def apply(self, digest: str, diff: Mapping[str, Any]) -> None:
        """Send one /schema/apply, which runs in one transaction. Retries only if the log-in had expired.

        Raises ApplyRefused or ApplyFailed if Directus refused it, and ApplyUnclear if it may have been applied.
        """
        body = json.dumps({"hash": digest, "diff": diff}).encode()
        try:
            response = self._channel.http.post(
                "/schema/apply",
                files=_multipart(("diff.json", body, "application/json")),
                timeout=httpx.Timeout(self._settings.apply_timeout, connect=10.0),
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._channel.unavailable(error) from error
        except httpx.TransportError as error:
            raise self._unclear(
                f"the connection was lost while Directus applied the schema: {cause_of(error)}"
            ) from error
        self._require_applied(response)

    def _require_applied(self, response: httpx.Response) -> None:
        if response.status_code == 204:
            return
        # A proxy may answer while Directus is still working; Directus itself answers in JSON.
        if not is_of_directus(response):
            raise self._unclear(
                f"the apply was answered with HTTP {response.status_code}, which does not say whether it happened"
            )
        if response.status_code == 401:
            raise self._channel.denied(response)
        if response.status_code >= 500:
            # The transaction may be committed: caches and hooks come after it.
            failed = ApplyUnclear(
                f"Directus failed to apply the schema: {reason_of(response)}",
                where=f"{self.name}/schema/apply",
                next="see what was applied: directus-sync diff; the log of Directus says more; running again is safe",
            )
            failed.answered = True
            # Any other status means that Directus is busy, and may accept the apply later.
            failed.reason = reason_of(response) if response.status_code == 500 else ""
            raise failed
        reason = reason_of(response)
        if response.status_code == 400 and "generate a new diff" not in reason:
            raise refused_apply(reason, f"{self.name}/schema/apply")
        raise ApplyFailed(
            f"Directus refused the apply: {reason}",
            where=f"{self.name}/schema/apply",
            next="nothing was changed, because Directus applies in one transaction;\n"
            "if somebody else changed the schema meanwhile, run again",
        )

    def _unclear(self, what: str) -> ApplyUnclear:
        return ApplyUnclear(what, where=self.name, next="run again: it first compares, and sends only what differs")

    def registered(self) -> frozenset[str]:
        """Return the parts of this project's extensions that the server has registered."""
        try:
            response = self._channel.http.get(project.HEALTH, auth=None)
        except httpx.TransportError as error:
            raise self._channel.unavailable(error) from error
        # 503: some parts are missing. 404: all are missing, or the extension on the server is too old for this route.
        try:
            return frozenset(str(name) for name in response.json()["registered"])
        except (ValueError, KeyError, TypeError):
            return frozenset()

    def write(self, method: str, path: str, body: object) -> object:
        """Send a change of rows and return Directus's answer; None if it is empty.

        Raises RequestFailed. If Directus itself did not answer, the error is `unclear`: the change may still happen.
        """
        try:
            response = self._channel.send(method, path, body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._channel.unavailable(error) from error
        except httpx.TransportError as error:
            failed = RequestFailed(
                f"the connection was lost before Directus answered: {cause_of(error)}",
                where=f"{method} {self.url}{path}",
                next="run again: it first compares, and sends only what differs",
            )
            failed.unclear = True
            raise failed from error
        if response.status_code == 204:
            return None
        with suppress(DirectusUnavailable):
            if response.is_success:
                return data_of(response)
        own = is_of_directus(response)
        if response.status_code == 401 and own:
            raise self._channel.denied(response)
        failed = RequestFailed(
            f"HTTP {response.status_code}: {reason_of(response)}",
            where=f"{method} {self.url}{path}",
            next="fix the cause and run again; the log of Directus may say more",
        )
        # A proxy may answer while Directus is still working. With 413 it did not pass the request on.
        failed.unclear = not own and response.status_code != 413
        raise failed


def _multipart(upload: Upload) -> dict[str, Upload]:
    # MAX_PAYLOAD_SIZE (1 MB, about 100 collections) limits JSON bodies, but not files.
    return {"file": upload}
