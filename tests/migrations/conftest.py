"""Databases for tests of revisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Cloning, Database
from tests.migrations.revising import Revised, Standing


@pytest.fixture
def standing_at(request: pytest.FixtureRequest) -> Standing:
    """Return a function that makes a database at a revision. At a post revision it has Directus's schema."""

    def make(revision: str) -> Revised:
        made = Revised(request.getfixturevalue("deployed" if revision.startswith("post") else "bootstrapped"))
        made.downgrade(revision)
        return made

    return make


@pytest.fixture(scope="session")
def unchanged(clone: Cloning) -> Database:
    """A deployed database that tests share, so they must not commit."""
    return clone("deployed")


@pytest.fixture
def session(unchanged: Database) -> Iterator[psycopg.Connection[Any]]:
    """A session in a deployed database, rolled back at the end."""
    with unchanged.connect() as connection, connection.transaction(force_rollback=True):
        yield connection
