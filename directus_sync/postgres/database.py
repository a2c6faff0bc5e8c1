"""Connections to PostgreSQL. Turns libpq's failures into errors that say what to do. Writes nothing."""

from __future__ import annotations

import dataclasses
import functools
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import extensions
from psycopg2.sql import Composable

from directus_sync import output
from directus_sync.errors import DatabaseFailed, DatabaseUnavailable, ExtensionUnavailable, WrongSettings
from directus_sync.postgres import messages
from directus_sync.settings import DatabaseSettings, Settings

# The name of psycopg2's class is in lower case.
Connection = extensions.connection

LOCK_MILLISECONDS: Final = 4000
# The settings of all sessions of the tool itself.
# lock_timeout: DDL queues behind readers, and everybody else queues behind the DDL.
# statement_timeout, idle_...: a role may have such limits, for Directus. A deploy may need longer, or be idle while it
# holds its lock.
# search_path: an unqualified name must never call a function or operator that somebody else created in `public`.
SESSION_OPTIONS: Final = (
    f"-c lock_timeout={LOCK_MILLISECONDS} -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    " -c search_path=pg_catalog,pg_temp"
)
# For revisions, which use names of `public` without the schema. PostgreSQL searches pg_catalog before it.
IN_PUBLIC: Final = "SET search_path TO public, pg_temp"
# With these settings the server notices a killed client within half a second, and a lost network within a minute. With
# its defaults it would keep the client's locks for two hours.
WHEN_CLIENT_IS_GONE: Final = (
    "-c client_connection_check_interval=500"
    " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60000"
)
# The client also notices a lost network within a minute. connect_timeout: libpq does not notice signals while it
# connects, so connecting must end before a clean-up is cut off.
_CONNECTING: Final = {
    "connect_timeout": 4,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

POLL_SECONDS: Final = 0.2

# These settings are sent in one string with a query, and end with that query.
# A reader may wait for a lock longer than DDL may, because only DDL queues behind it.
READING: Final = "SET LOCAL lock_timeout TO '1min';"
# These settings determine how PostgreSQL prints definitions. With only pg_catalog on the path it qualifies every name.
FORMS: Final = """
SET LOCAL search_path TO pg_catalog; SET LOCAL quote_all_identifiers TO off; SET LOCAL timezone TO 'UTC';
SET LOCAL datestyle TO 'ISO'; SET LOCAL intervalstyle TO 'postgres'; SET LOCAL extra_float_digits TO 1;
SET LOCAL bytea_output TO 'hex';
"""
PRINTING: Final = f"{READING}{FORMS}"

# The extensions that the revisions of the pre branch need.
_EXTENSIONS: Final = {"timescaledb": "TimescaleDB", "postgis": "PostGIS"}

# Errors that waiting cannot fix, with advice. They are recognised by libpq's message, because a failed connection has
# no SQLSTATE.
_PERMANENT: Final = (
    ("password authentication failed", "check DB_USER and DB_PASSWORD"),
    ("no password supplied", "set DB_PASSWORD"),
    ("no pg_hba.conf entry", "allow this host and user in the server's pg_hba.conf, or set DB_SSL=true"),
    ("authentication method requirement", "use TLS with DB_SSL__CA, or require_auth in DB_CONNECTION_STRING"),
    ("certificate verify failed", "correct DB_SSL__CA: it has not signed this server's certificate"),
    ('" does not exist', "check DB_DATABASE and DB_USER, or create what is missing: CREATE DATABASE ..."),
)

# Parameters of a connection string that are part of the address, or choose among several hosts.
_IN_ADDRESS: Final = frozenset(
    {"user", "password", "host", "hostaddr", "port", "dbname", "target_session_attrs", "load_balance_hosts"}
)

_UNREADABLE: Final = ("invalid ", "missing ", "unexpected ")


@contextmanager
def connect(settings: Settings, purpose: str) -> Iterator[Connection]:
    """Yield an autocommit connection. Waits up to `settings.database_wait` seconds for a server that is starting.

    Prints a note if the first attempt fails for a temporary reason.

    purpose: what the session is for. It appears in pg_stat_activity and in the messages of lock time-outs.

    Raises DatabaseUnavailable: at once for errors that waiting cannot fix, otherwise when the time is over.
    """
    connection = _opened(settings, purpose)
    extensions.set_wait_callback(_wait)
    try:
        yield connection
    except psycopg2.Error as error:
        what = "ended the session" if connection.closed else "failed a statement"
        raise DatabaseFailed(
            f"PostgreSQL {what}: {messages.reason(error)}",
            where=settings.database.label,
            next="look into the log of PostgreSQL; finished work stays, and running again is safe",
        ) from error
    finally:
        connection.close()
        # The callback is global to the process, and COPY does not work with it.
        extensions.set_wait_callback(None)


def _wait(connection: Connection) -> None:
    """Wait in Python for a statement to end, because libpq does not notice signals while it waits."""
    while (state := connection.poll()) != extensions.POLL_OK:
        reading = [connection] if state == extensions.POLL_READ else []
        writing = [connection] if state == extensions.POLL_WRITE else []
        select.select(reading, writing, [])


def _opened(settings: Settings, purpose: str) -> Connection:
    announced = False
    deadline = time.monotonic() + settings.database_wait
    while True:
        try:
            return _connect(settings.database, purpose)
        except psycopg2.Error as error:
            message = str(error).strip()
            if isinstance(error, psycopg2.ProgrammingError) or message.startswith(_UNREADABLE):
                raise _unreadable() from error
            signs = () if "starting up" in message else _PERMANENT
            advice = next((advice for sign, advice in signs if sign in message), None)
            if advice or time.monotonic() >= deadline:
                raise DatabaseUnavailable(
                    f"PostgreSQL does not accept the connection: {messages.cause(message)}",
                    where=settings.database.label,
                    next=advice
                    or "start the database, or check DB_HOST and DB_PORT; `make migrate` starts a local one",
                ) from error
        if not announced:
            output.note("Waiting for PostgreSQL")
            announced = True
        time.sleep(POLL_SECONDS)


def _connect(database: DatabaseSettings, purpose: str) -> Connection:
    string = database.connection_string
    given = extensions.parse_dsn(string) if string is not None else {}
    options: dict[str, Any] = {
        **{name: value for name, value in _CONNECTING.items() if name not in given},
        "application_name": f"directus-sync {purpose} {socket.gethostname()}:{os.getpid()}"[:63],
        "options": " ".join((given.get("options", ""), SESSION_OPTIONS, WHEN_CLIENT_IS_GONE)).strip(),
    }
    if string is None:
        options |= {"host": database.host, "port": database.port, "dbname": database.name, "user": database.user}
        options |= {"password": database.password}
        options |= _encryption(database)
    # An unverified server could ask for the password in plain text.
    if "require_auth" not in given and not _is_verified({**given, **options}):
        options["require_auth"] = "!password"
    connection = _established(string, options)
    connection.autocommit = True
    return connection


def _is_verified(options: Mapping[str, Any]) -> bool:
    """Return whether libpq verifies the server's certificate with these options."""
    mode = options.get("sslmode")
    # With a certificate authority `require` verifies, too: https://www.postgresql.org/docs/current/libpq-ssl.html
    return mode in {"verify-ca", "verify-full"} or (mode == "require" and "sslrootcert" in options)


def _established(string: str | None, options: Mapping[str, Any]) -> Connection:
    """Connect without the wait callback, because connect_timeout only applies while libpq itself waits."""
    waiting = extensions.get_wait_callback()
    extensions.set_wait_callback(None)
    try:
        connection: Connection = psycopg2.connect(string, **options)
    finally:
        extensions.set_wait_callback(waiting)
    return connection


def _encryption(database: DatabaseSettings) -> dict[str, str]:
    """Return libpq's options for TLS. libpq reads certificates from files, so they are put into files in memory."""
    options = {} if database.sslmode is None else {"sslmode": database.sslmode}
    # Given a certificate authority, libpq would verify the server even if verification is off.
    ca = database.ca if database.sslmode == "verify-full" else None
    for name, content in (("sslrootcert", ca), ("sslcert", database.certificate), ("sslkey", database.key)):
        if content is not None:
            options[name] = _in_memory(content)
    return options


@functools.cache
def _in_memory(content: str) -> str:
    """Return the path of a file in memory with this content. No other user can read it; it ends with this process."""
    number = os.memfd_create("directus-sync")
    os.fchmod(number, 0o600)  # libpq refuses a key that others may read
    os.write(number, content.encode())
    return f"/proc/self/fd/{number}"


def second_session(connection: Connection, name: str) -> Connection:
    """Open a second session on the same server as the same user. It has this name and is not in autocommit mode."""
    info = connection.info
    options: dict[str, Any] = {**info.dsn_parameters, "host": info.host, "port": info.port, "password": info.password}
    return _established(None, {**options, "application_name": name})


def for_directus(settings: Settings, connection: Connection) -> Settings:
    """Return the settings with a connection string that Directus's driver reads as libpq does.

    The driver supports neither several hosts nor key=value strings, and `options` in the string would replace
    PGOPTIONS. Of several hosts, the new string names the one that this connection reached.
    """
    string = settings.database.connection_string or ""
    given = dict(extensions.parse_dsn(string)) if string else {}
    plain = "://" in string and "," not in given.get("host", "") and "options" not in given
    if not string or plain:
        return settings
    info, options = connection.info, given.pop("options", "")
    host = f"[{info.host}]" if ":" in info.host else quote(info.host, safe="")
    who = ":".join(quote(part, safe="") for part in (info.user, info.password) if part)
    rest = urlencode({name: value for name, value in given.items() if name not in _IN_ADDRESS})
    address = f"postgresql://{who}@{host}:{info.port}/{quote(info.dbname, safe='')}"
    pgoptions = f"{options} {settings.environ.get('PGOPTIONS', '')}".strip()
    environ = {**settings.environ, "DB_CONNECTION_STRING": f"{address}?{rest}" if rest else address}
    if pgoptions:
        environ["PGOPTIONS"] = pgoptions
    return dataclasses.replace(settings, environ=MappingProxyType(environ))


def query(
    connection: Connection, sql: str | Composable, parameters: Sequence[object] | Mapping[str, object] = ()
) -> list[tuple[Any, ...]]:
    """Run one statement and return all its rows."""
    with connection.cursor() as cursor:
        # None instead of no parameters: otherwise psycopg2 takes each % for a placeholder, also in a name.
        try:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall()
        finally:
            if connection.readonly and not connection.closed:
                connection.rollback()  # otherwise later queries would see the data as of the first one


def has(connection: Connection, relation: str) -> bool:
    """Return whether the database has this table or view. relation: written as in SQL, with its schema."""
    ((found,),) = query(connection, "SELECT to_regclass(%s)", (relation,))
    return found is not None


def label(connection: Connection) -> str:
    """Return the database's name for messages: host, port and database."""
    info = connection.info
    return f"{info.host}:{info.port}/{info.dbname}"


def require_direct(connection: Connection) -> None:
    """Raise WrongSettings behind a connection pooler: another client could get the session that holds the lock.

    A pooler tells the client a made-up process id, which differs from that of the session that answers.
    """
    ((answering,),) = query(connection, "SELECT pg_backend_pid()")
    if answering != connection.info.backend_pid:
        raise WrongSettings(
            "the database is behind a connection pooler, which cannot hold the lock of a deploy",
            where=label(connection),
            next="set DIRECTUS_SYNC_DB_HOST and DIRECTUS_SYNC_DB_PORT to PostgreSQL itself; Directus may keep DB_HOST",
        )


def require_extensions(connection: Connection) -> None:
    """Raise ExtensionUnavailable unless the server has TimescaleDB and PostGIS, and preloads TimescaleDB.

    Only TimescaleDB's loader defines the setting `timescaledb.disable_load`. Every user may read it, unlike
    `shared_preload_libraries`.
    """
    ((available, preloaded),) = query(
        connection,
        "SELECT ARRAY(SELECT name::text FROM pg_available_extensions WHERE name = ANY (%s)),"
        " current_setting('timescaledb.disable_load', true) IS NOT NULL",
        (list(_EXTENSIONS),),
    )
    missing = [title for name, title in _EXTENSIONS.items() if name not in available]
    if missing:
        what = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not installed on the database server"
        step = "install what is missing, or use an image that has it (timescale/timescaledb-ha:*-all)"
    elif not preloaded:
        what = "TimescaleDB is installed on the database server, but not preloaded"
        step = "add timescaledb to shared_preload_libraries in postgresql.conf, then restart PostgreSQL"
    else:
        return
    raise ExtensionUnavailable(what, where=f"{connection.info.host}:{connection.info.port}", next=step)


def _unreadable() -> DatabaseUnavailable:
    # Without libpq's own message, which quotes the part that it cannot read: that may be the password.
    return DatabaseUnavailable(
        "libpq cannot read the connection string",
        where="DB_CONNECTION_STRING",
        next="write it as postgresql://user:password@host:port/database, special characters percent-encoded",
    )
