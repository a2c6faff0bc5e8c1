"""Lets a deploy's Directus load its code, which takes longer than the steps before it is needed."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack

from directus_sync.directus import bootstrap, installation, server, worker
from directus_sync.errors import SyncError
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.settings import Mode, Settings
from directus_sync.state import fingerprint


def load(settings: Settings, inputs: str, stack: ExitStack) -> server.Loaded | None:
    """Return a schema worker that loads while the files are checked; None unless the database says that there is work.

    What it can't find out is for the steps after it to say. inputs: hash of the files. stack: ends the worker.
    """
    if settings.directus_url is not None or settings.mode is not Mode.AUTO:
        return None
    quick = dataclasses.replace(settings, database_wait=0.0)
    try:
        with database.connect(quick, "deploy") as connection:
            inputs = fingerprint.with_version(inputs, installation.version(settings))
            # Of several hosts it must be the one that the deploy's own connection reaches, which does not exist yet.
            reached = database.for_directus(quick, connection)
            if reached is not quick or not fingerprint.expects_work(connection, inputs):
                return None
            choice = worker.choose(quick, connection)
    except SyncError:
        return None
    return stack.enter_context(server.loading(settings, choice)) if choice.bundle else None


def loaded(
    settings: Settings, connection: Connection, loading: server.Loaded | None, stack: ExitStack
) -> server.Loaded | None:
    """Return the Directus that the deploy needs, as it loads; None where it is to be started later.

    loading: what `load` returned, which is taken if it still is what is needed.
    """
    if settings.directus_url is not None or settings.mode is not Mode.AUTO:
        return None
    choice = worker.choose(settings, connection)
    if loading is not None and loading.choice == choice:
        return loading
    missing = installation.needs_bootstrap(connection, settings)
    if choice.bundle is None and missing and not bootstrap.has_room_for_two():
        return None
    return stack.enter_context(server.loading(settings, choice))
