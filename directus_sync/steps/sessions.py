"""Opens what a command needs: a read-only connection, a connection that holds the lock, and a Directus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from directus_sync.directus import installation, proof, server, worker
from directus_sync.directus.client import DirectusClient
from directus_sync.directus.worker import Choice
from directus_sync.errors import SyncError
from directus_sync.output import Progress
from directus_sync.postgres import database, lock
from directus_sync.postgres.database import Connection
from directus_sync.resources.requests import RowRequest
from directus_sync.revisions import branches
from directus_sync.settings import Settings


@contextmanager
def reading(settings: Settings, purpose: str) -> Iterator[Connection]:
    """Yield a connection that cannot change anything."""
    with database.connect(settings, purpose) as connection:
        # Sends BEGIN READ ONLY. A session setting would remain for the next client of a pooler.
        connection.set_session(readonly=True, autocommit=False)
        yield connection


@contextmanager
def writing(settings: Settings, purpose: str, progress: Progress) -> Iterator[Connection]:
    """Yield a connection that holds the lock. Check first that the database can take this checkout's migrations.

    Sets `done` of a SyncError that the block raises.
    """
    try:
        with database.connect(settings, purpose) as connection:
            database.require_direct(connection)
            database.require_extensions(connection)
            with lock.exclusive(connection, settings.lock_wait):
                branches.require_known(connection)
                yield connection
    except SyncError as error:
        error.done = tuple(progress.done)
        raise


@contextmanager
def directus(
    settings: Settings,
    connection: Connection,
    progress: Progress,
    loaded: server.Loaded | None = None,
    *,
    choice: Choice | None = None,
) -> Iterator[DirectusClient]:
    """Yield a client of the Directus at DIRECTUS_URL, or of a private one that is stopped afterwards.

    loaded: a private Directus that already loads; it is used if it fits `choice`.
    choice: which private Directus to start; by default the one that work on the schema needs.

    Raises WrongSettings if the database has no Directus yet, or if the one at DIRECTUS_URL works on another database.
    """
    if settings.directus_url is not None:
        with DirectusClient(settings.directus_url, settings) as client:
            client.wait(settings.directus_wait)
            proof.require(client, connection)
            client.version()
            yield client
        return
    installation.require_in_database(connection, settings)
    settings = database.for_directus(settings, connection)
    administrator = installation.administrator(connection, settings)
    choice = choice or worker.choose(settings, connection)
    name = choice.name(installation.version(settings))
    with ExitStack() as stack:
        with progress.step(f"Starting {name}", f"Started {name}"):
            client = stack.enter_context(server.private(settings, administrator, choice, loaded))
            client.version()
        progress.directus = name
        yield client


@contextmanager
def for_rows(
    settings: Settings, connection: Connection, progress: Progress, running: DirectusClient | None = None
) -> Iterator[Callable[[tuple[RowRequest, ...]], DirectusClient]]:
    """Yield a function that returns a client for requests that write rows. It starts a Directus on first use.

    running: a Directus that is already started; it is used if it can send the requests.
    """
    with ExitStack() as stack:
        started: dict[Choice | None, DirectusClient] = {}

        def client(requests: tuple[RowRequest, ...]) -> DirectusClient:
            choice = None
            if settings.directus_url is None:
                choice = worker.choose_for_rows(settings, connection, [(each.method, each.path) for each in requests])
            if running is not None and running.choice == choice:
                # Revisions may have changed the schema since it was read.
                running.clear_cache()
                return running
            if choice not in started:
                started[choice] = stack.enter_context(directus(settings, connection, progress, choice=choice))
            return started[choice]

        yield client
