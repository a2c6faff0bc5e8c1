"""Two organisations in the database of the Directus that has the project's extension."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import OUTBOX_SECONDS, RunningDirectus, emptied, extension_settings, running_directus, wipe
from tests.extension import rally
from tests.redis import Redis
from tests.serving import client_of


@dataclasses.dataclass(frozen=True)
class Rally:
    """The server, as one of its users."""

    directus: RunningDirectus

    def as_user(self, name: str) -> httpx.Client:
        """Return a client of the user with this name."""
        return client_of(self.directus.http.base_url, name)


@pytest.fixture(scope="session")
def replica(extended: RunningDirectus, stream: Redis) -> Iterator[Rally]:
    """A second Directus on the same database: it sends too, has no token for answers, and no time for a preview."""
    settings = {
        "TRM_REDIS": stream.url,
        "TRM_OUTBOX_SECONDS": OUTBOX_SECONDS,
        "TRM_COMMANDS_TOKEN": "",
        "TRM_PREVIEW_SECONDS": "0.001",
    }
    with running_directus(extended.tool, **extension_settings(), **settings) as running:
        yield Rally(running)


@pytest.fixture(scope="module")
def peopled(extended: RunningDirectus) -> Iterator[RunningDirectus]:
    """The server, with users who log in with their names as tokens."""
    wipe(extended.database)
    extended.database.execute(rally.people())
    extended.forget()
    with extended.database.connect() as session:
        yield dataclasses.replace(extended, database=dataclasses.replace(extended.database, session=session))


@pytest.fixture
def rally_of(peopled: RunningDirectus) -> Rally:
    """The server, with nothing in its database but what the tests start from."""
    reset(peopled)
    return Rally(peopled)


def reset(directus: RunningDirectus) -> None:
    """Delete all rows, and create those that the tests start from."""
    emptied(directus.database, rally.rows())
