"""Two organisations in the database of the Directus that has the project's extension."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

from tests.conftest import RunningDirectus, truncation, wipe
from tests.extension import rally


@dataclasses.dataclass(frozen=True)
class Rally:
    """The server, as one of its users."""

    directus: RunningDirectus

    def as_user(self, name: str) -> httpx.Client:
        """Return a client of the user with this name."""
        http = self.directus.http
        return httpx.Client(base_url=http.base_url, headers={"Authorization": f"Bearer {name}"}, timeout=60)


@pytest.fixture(scope="module")
def peopled(extended: RunningDirectus) -> RunningDirectus:
    """The server, with users who log in with their names as tokens."""
    wipe(extended.database)
    extended.database.execute(rally.people())
    extended.forget()
    return extended


@pytest.fixture
def rally_of(peopled: RunningDirectus) -> Rally:
    """The server, with nothing in its database but what the tests start from."""
    reset(peopled)
    return Rally(peopled)


def reset(directus: RunningDirectus) -> None:
    """Delete all rows, and create those that the tests start from."""
    directus.database.execute(f"{truncation(directus.database)}; {rally.rows()}")
