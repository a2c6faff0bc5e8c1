"""A Directus with the project's extension, one for each worker, and two organisations in its database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Cloning, RunningDirectus, Tool, extension_settings, running_directus
from tests.extension import rally


@dataclasses.dataclass(frozen=True)
class Rally:
    """The server, as one of its users."""

    directus: RunningDirectus

    def as_user(self, name: str) -> httpx.Client:
        """Return a client of the user with this name."""
        http = self.directus.http
        return httpx.Client(base_url=http.base_url, headers={"Authorization": f"Bearer {name}"}, timeout=60)


@pytest.fixture(scope="session")
def extended(clone: Cloning) -> Iterator[RunningDirectus]:
    """A Directus with the extension."""
    tool = Tool(clone("deployed"))
    tool.database.execute(rally.people())
    with running_directus(tool, **extension_settings(), WEBSOCKETS_ENABLED="true") as running:
        yield running


@pytest.fixture
def rally_of(extended: RunningDirectus) -> Rally:
    """The server, with nothing in its database but what the tests start from."""
    extended.database.execute(rally.rows())
    return Rally(extended)
