"""`wait`: waits until the servers answer."""

from __future__ import annotations

import rich_click as click

from directus_sync import output
from directus_sync.commands import options
from directus_sync.directus.client import DirectusClient
from directus_sync.postgres import database
from directus_sync.settings import Settings


@click.command()
@options.with_json
def command(*, as_json: bool) -> None:
    """Wait until PostgreSQL answers, and Directus too if DIRECTUS_URL is set."""
    loaded = options.load()
    run(loaded)
    if as_json:
        output.document({"database": loaded.database.label, "directus": loaded.directus_url})


def run(settings: Settings) -> None:
    """Wait until PostgreSQL accepts a connection and the Directus at DIRECTUS_URL, if set, answers."""
    with database.connect(settings, "wait"):
        pass
    if settings.directus_url is not None:
        with DirectusClient(settings.directus_url, settings) as client:
            client.wait(settings.directus_wait)
