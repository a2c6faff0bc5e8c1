"""What a deploy installs in the database besides the schema: Directus's own tables, and this project's extensions."""

from __future__ import annotations

from directus_sync.directus import bootstrap, extensions, installation
from directus_sync.directus.client import DirectusClient
from directus_sync.directus.server import Loaded
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.settings import Settings


def bootstrap_directus(settings: Settings, connection: Connection, progress: Progress, loaded: Loaded | None) -> bool:
    """Create or upgrade Directus's own tables if needed; return whether it was needed. loaded: see `preloading`."""
    if settings.directus_url is not None or not installation.needs_bootstrap(connection, settings):
        return False
    if not installation.is_in_database(connection):
        settings.require_credentials()  # the bootstrap creates the first administrator with them
    name = f"Directus {installation.version(settings)}"
    with installation.bootstrapping(connection):
        if loaded and loaded.choice.bundle and bootstrap.is_prepared(settings, connection):
            with progress.step(f"Bootstrapping {name}", f"Bootstrapped {name} from its prepared tables"):
                bootstrap.from_file(settings, connection, loaded)
        else:
            with progress.step(f"Bootstrapping {name}", f"Bootstrapped {name}"):
                bootstrap.bootstrap(settings)
    progress.done.append("bootstrap")
    return True


def switch_on(
    settings: Settings, connection: Connection, progress: Progress, client: DirectusClient | None
) -> tuple[str, ...]:
    """Enable this project's extensions in Directus. Return the names of those that it enabled."""
    if not installation.is_in_database(connection):
        return ()
    bundles = extensions.read(settings.extensions)
    names = extensions.switch_on(connection, bundles)
    for name in names:
        progress.note(f"Switched on: {name}")
        progress.done.append(f"{name} switched on")
    if names and client is not None and settings.directus_url is not None:
        # This makes the running Directus and its replicas load their extensions again.
        for bundle in bundles:
            client.write("PATCH", f"/extensions/{bundle.id}", {"meta": {"enabled": True}})
    return names
