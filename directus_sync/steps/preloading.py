"""Starts a deploy's Directus early: loading its code takes longer than the steps before the deploy needs it."""

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
    """Return a schema worker that loads while the files are checked; None unless the database shows that there is work.

    Returns None on an error, too: a later step raises it again. inputs: hash of the files. stack: ends the worker.
    """
    if settings.directus_url is not None or settings.mode is not Mode.AUTO:
        return None
    quick = dataclasses.replace(settings, database_wait=0.0)
    try:
        with database.connect(quick, "deploy") as connection:
            inputs = fingerprint.with_version(inputs, installation.version(settings))
            # With several hosts, the worker must use the one that the deploy's connection will reach: unknown as yet.
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
    """Return the Directus that the deploy will use and that is already loading; None if it must be started later.

    loading: the result of `load`, which is used if it is the right kind of Directus.
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
