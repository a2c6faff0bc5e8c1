"""What a command works with: the database, to read or with the lock to write, and a Directus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from directus_sync.directus import installation, server
from directus_sync.errors import PrivateServerFailed, SyncError, WrongSettings
from directus_sync.output import Progress
from directus_sync.postgres import database, lock
from directus_sync.process import background
from directus_sync.settings import Settings
from directus_sync.state import revisions

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

    from directus_sync.directus.client import DirectusClient


@contextmanager
def reading(settings: Settings, purpose: str, progress: Progress) -> Iterator[Connection]:
    """Yield a connection that can't change anything."""
    with database.connect(settings, purpose, waiting=progress.waiting_for_database) as connection:
        connection.set_session(readonly=True, autocommit=True)
        yield connection


@contextmanager
def writing(settings: Settings, purpose: str, progress: Progress) -> Iterator[Connection]:
    """Yield a connection that holds the lock, on a server that can take the migrations of this checkout.

    An error that passes through is told what was finished before it.
    """
    try:
        with database.connect(settings, purpose, waiting=progress.waiting_for_database) as connection:
            database.require_extensions(connection)
            with lock.exclusive(connection, settings.lock_wait, waiting=progress.waiting_for_lock):
                revisions.require_known(connection)
                yield connection
    except SyncError as error:
        error.done = tuple(progress.done)
        raise


@contextmanager
def directus(
    settings: Settings, connection: Connection, progress: Progress, loaded: server.Loaded | None = None
) -> Iterator[DirectusClient]:
    """Yield a client of the Directus at DIRECTUS_URL, or of a private one that is stopped afterwards.

    While one loads or can't be reached yet, what is to be done meanwhile is done.

    Raises WrongSettings where the database has no Directus yet, for a private one to work with; this and
    PrivateServerFailed where what answers works on another database.
    """
    with ExitStack() as stack:
        if settings.directus_url is not None:
            from directus_sync.directus.client import DirectusClient  # noqa: PLC0415 - see there

            client = stack.enter_context(DirectusClient(settings.directus_url, settings))
            client.wait(settings.directus_wait, waiting=progress.waiting_for_directus)
        else:
            settings.require_credentials()
            installation.require_in_database(connection, settings)
            name = f"a private Directus {installation.version(settings)}"
            with progress.step(f"Starting {name}", f"Started {name}"):
                loaded = loaded or stack.enter_context(server.loading(settings))
                progress.meanwhile()
                client = stack.enter_context(server.private(settings, loaded))
        # Whatever comes next asks for the version, too.
        project = background.start(client.project_id)
        client.version()
        if not _on_same_database(project(), connection):
            raise _elsewhere(settings, client, connection)
        yield client


def _on_same_database(project: str | None, connection: Connection) -> bool:
    """Tell whether the Directus with this project's id, or with none, works on the database of the connection."""
    ((table,),) = database.query(connection, "SELECT to_regclass('public.directus_settings')")
    here = (
        database.query(connection, "SELECT to_jsonb(s) ->> 'project_id' FROM public.directus_settings s")
        if table
        else []
    )
    return project is None or (str(project),) in here


def _elsewhere(settings: Settings, client: DirectusClient, connection: Connection) -> SyncError:
    if settings.directus_url is None:
        return PrivateServerFailed(
            "another Directus answers at the port that was meant for the private one",
            where=client.url,
            next="run again, which takes another port",
        )
    return WrongSettings(
        "DIRECTUS_URL and DB_* do not belong together: that Directus works on another database",
        where=f"{client.url} and {connection.info.host}:{connection.info.port}/{connection.info.dbname}",
        next="correct DIRECTUS_URL or DB_*; without DIRECTUS_URL a private Directus is started on this database",
    )
