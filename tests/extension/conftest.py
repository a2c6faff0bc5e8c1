"""Two organisations in the database of a Directus with the project's extension."""

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
    """The server, and clients of its users."""

    directus: RunningDirectus

    def as_user(self, name: str) -> httpx.Client:
        """Return a client of the user with this name."""
        return client_of(self.directus.http.base_url, name)


@pytest.fixture(scope="session")
def replica(extended: RunningDirectus, stream: Redis) -> Iterator[Rally]:
    """A second Directus on the same database. It has no token for answers, and no time for previews."""
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
    """The server, with users whose tokens are their names."""
    wipe(extended.database)
    extended.database.execute(rally.people())
    extended.forget()
    with extended.database.connect() as session:
        yield dataclasses.replace(extended, database=dataclasses.replace(extended.database, session=session))


@pytest.fixture
def rally_of(peopled: RunningDirectus) -> Rally:
    """The server, with only the starting rows in its database."""
    reset(peopled)
    return Rally(peopled)


def reset(directus: RunningDirectus) -> None:
    """Delete all rows, and insert the starting rows."""
    emptied(directus.database, rally.rows())
