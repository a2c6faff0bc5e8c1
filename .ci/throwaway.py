"""A new database on the server that is set, for as long as a block runs. Refuses settings that name no server."""

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
    """Yield an environment that leads to a new, empty database, named after the one that is set and the purpose."""
    loaded = settings.load()
    output.hide(loaded.secrets)
    if loaded.database.connection_string is not None:
        raise WrongSettings(
            f"{purpose} needs a database of its own", next="set DB_HOST and the rest in place of DB_CONNECTION_STRING"
        )
    name = f"{loaded.database.name}_{purpose}_{os.getpid()}"
    # template0: template1 may have connections, which forbid a copy, and extensions.
    create = SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name))
    drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
    with database.connect(loaded, purpose) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(create)
            yield {**loaded.environ, "DB_DATABASE": name, "DIRECTUS_URL": ""}
        finally:
            cursor.execute(drop)
