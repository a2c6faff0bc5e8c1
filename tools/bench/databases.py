"""Databases of the bench's PostgreSQL. Creates, copies, drops and checks them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import psycopg2

from tools.bench.errors import BenchError


class Databases:
    """The databases on the server that `environ` names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self._numbers = itertools.count(1)

    @contextmanager
    def fresh(self, template: str | None = None) -> Iterator[str]:
        """Yield the name of a new database, which is empty or a copy of a template, and drop it afterwards."""
        name = f"bench_{next(self._numbers)}"
        self.create(name, template)
        try:
            yield name
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def create(self, name: str, template: str | None = None) -> None:
        """Create a database."""
        self._execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))

    def freeze(self, name: str) -> None:
        """Refuse connections to a database, so that it can be copied."""
        self._execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self._execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")

    def value(self, name: str, sql: str) -> object:
        """Return the single value of a query."""
        with closing(self.connect(name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            ((value,),) = cursor.fetchall()
            return value

    def require(self, name: str, sql: str, wanted: object) -> None:
        """Raise BenchError unless the query gives this value. A command that does nothing would win otherwise."""
        found = self.value(name, sql)
        if found != wanted:
            raise BenchError(f"{sql!r} gives {found}, not {wanted}: the work was not done")

    def connect(self, name: str) -> psycopg2.extensions.connection:
        """Return a connection to a database, in autocommit mode; the caller closes it."""
        connection = psycopg2.connect(
            host=self.environ["DB_HOST"],
            port=self.environ["DB_PORT"],
            user=self.environ["DB_USER"],
            password=self.environ["DB_PASSWORD"],
            dbname=name,
        )
        connection.autocommit = True
        return connection

    def _execute(self, sql: str) -> None:
        with closing(self.connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
