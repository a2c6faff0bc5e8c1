"""The attic of one test database, used through a connection like the tool's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

from directus_sync import attic
from directus_sync.attic import AtticItem, Copy
from directus_sync.postgres import database
from tests.conftest import Database, Tool

RUN = UUID("6d0c9f5e-0f0b-4a3c-8f53-0d9a3c1f7b11")

# Objects that may exist only during a push.
TEMPORARY = (
    "SELECT relname::text FROM pg_class WHERE relnamespace = 'attic'::regnamespace AND relname ~ '^log_[0-9]+$'"
    " UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'attic'::regnamespace"
    " UNION ALL SELECT tgname::text FROM pg_trigger WHERE tgname ~ '^attic_'"
)


# Drops what a test made: all tables, functions and copies created after the recorded oid.
RESET = """
DO $$
DECLARE statement text;
BEGIN
  FOR statement IN
    SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
    WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'attic'::regnamespace) AND oid::int8 > {0}
    UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
    WHERE pronamespace IN ('public'::regnamespace, 'attic'::regnamespace) AND oid::int8 > {0}
  LOOP
    EXECUTE statement;
  END LOOP;
END $$;
TRUNCATE directus_sync.attic_copies RESTART IDENTITY"""


@contextmanager
def resetting(database: Database) -> Iterator[None]:
    """After the block, drop the tables and functions that it created."""
    made = database.value(
        "SELECT greatest((SELECT max(oid::int8) FROM pg_class), (SELECT max(oid::int8) FROM pg_proc))"
    )
    yield
    database.execute(RESET.format(made))


@dataclass(frozen=True)
class Attic:
    """Call keep and finish as a push does, with shorter arguments."""

    connection: Connection
    database: Database

    def keep(self, *items: AtticItem) -> tuple[Copy, ...]:
        definitions = {item.id: {"note": "as it was"} for item in items}
        return attic.keep(self.connection, items, attic.Taking(RUN, "push", "0" * 64, definitions))

    def keep_one(self, collection: str, field: str | None = None) -> Copy:
        (copy,) = self.keep(AtticItem(collection, field))
        return copy

    def finish(self, copy: Copy) -> Copy:
        (finished,) = attic.finish(self.connection, [copy])
        return finished

    def taken(self, collection: str, field: str | None = None) -> Copy:
        return self.finish(self.keep_one(collection, field))

    def rows(self, copy: Copy) -> list[tuple[Any, ...]]:
        return self.database.rows(f"SELECT * FROM attic.{copy.table} ORDER BY 1")

    def restore(self, copy: Copy, *, over_default: bool = False) -> attic.Restored:
        return attic.restore(self.connection, copy.id, over_default=over_default)

    def temporary(self) -> list[str]:
        return [str(row[0]) for row in self.database.rows(TEMPORARY)]


@contextmanager
def open_attic(tool: Tool) -> Iterator[Attic]:
    with database.connect(tool.settings, "test") as connection, tool.database.connect() as session:
        yield Attic(connection, dataclasses.replace(tool.database, session=session))
