"""A temporary database on the configured server. Refuses settings without a server, or with DB_CONNECTION_STRING."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg2.sql import SQL, Identifier

from directus_sync import output, settings
from directus_sync.errors import WrongSettings
from directus_sync.postgres import database


@contextmanager
def new_database(purpose: str) -> Iterator[Mapping[str, str]]:
    """Yield the environment for a new, empty database, and drop it afterwards. Its name has the purpose in it."""
    loaded = settings.load()
    output.hide(loaded.secrets)
    if loaded.database.connection_string is not None:
        raise WrongSettings(
            f"{purpose} needs a new database", next="set DB_HOST and the other DB_ settings, not DB_CONNECTION_STRING"
        )
    name = f"{loaded.database.name}_{purpose}_{os.getpid()}"
    # template0: template1 may have extensions, or connections that prevent a copy.
    create = SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name))
    drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
    with database.connect(loaded, purpose) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(create)
            yield {**loaded.environ, "DB_DATABASE": name, "DIRECTUS_URL": ""}
        finally:
            cursor.execute(drop)
