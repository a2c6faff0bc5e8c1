"""Alembic's entry point: connects, takes the lock of a deploy, and runs one branch. Refuses to mix the branches."""

from __future__ import annotations

import logging.config
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from alembic import command, context
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from directus_sync import settings
from directus_sync.errors import SyncError
from directus_sync.postgres import database, lock, patience
from directus_sync.postgres.database import Connection
from directus_sync.revisions import branches
from directus_sync.state import applied_revisions
from migrations import operations  # noqa: F401 - its operations become part of `op`

config = context.config


def asked_for() -> tuple[Any, str]:
    """Return the function of the `alembic` command and its target; None and "" if directus-sync calls Alembic."""
    options = config.cmd_opts
    return getattr(options, "cmd", (None,))[0], str(getattr(options, "revision", ""))


def refuse_unsupported() -> None:
    """Refuse commands that this project replaces by its own, and revision files that can't be used."""
    asked, target = asked_for()
    if asked is command.merge:
        raise CommandError(
            "`alembic merge` is not supported: pre and post stay separate, and `make renumber` orders two new revisions"
            " of one branch"
        )
    if asked is command.revision:
        raise CommandError(
            "`alembic revision` is not supported, because it names the file after a random id:"
            ' run `make pre m="..."` or `make post m="..."`'
        )
    if asked is command.upgrade and target.rpartition(":")[2] in {"head", "heads"}:
        # `upgrade heads` would run post before pre, when Directus has not created its tables yet.
        raise CommandError(
            f"`upgrade {target}` is not supported, because Directus's schema belongs between the"
            " branches: run `directus-sync deploy`, or `alembic upgrade pre@head`, `directus-sync push`,"
            " `alembic upgrade post@head`"
        )
    try:
        for branch in branches.BRANCHES:
            branches.ordered(branch)
    except SyncError as error:
        raise CommandError(str(error)) from error


def refuse_base_below_post(raw: Connection) -> None:
    """Refuse to undo all of pre before post, because post uses objects of pre, such as PostGIS's types."""
    asked, target = asked_for()
    if asked is not command.downgrade or target not in {"base", "pre@base"}:
        return
    post = [head for head in branches.applied_heads(raw) if head.startswith("post_")]
    if post:
        raise CommandError(
            f"`downgrade {target}` is not supported while {post[0]} is applied:"
            " run `alembic downgrade post@base`, then `alembic downgrade pre@base`"
        )


def run_offline() -> None:
    """Print SQL instead of running it (`--sql`)."""
    context.configure(
        dialect_name="postgresql",
        literal_binds=True,
        transaction_per_migration=True,
        version_table_schema=branches.SCHEMA,
    )
    output = context.get_context().impl.static_output
    output("SET lock_timeout = '4s';")
    output(f"{database.IN_PUBLIC};")
    output(f"CREATE SCHEMA IF NOT EXISTS {branches.SCHEMA};")
    context.run_migrations()


def run_online() -> None:
    """Run on the connection of the caller, which holds the lock, or on its own connection."""
    given = config.attributes.get("connection")
    if given is not None:
        run_on(given)
        return
    try:
        loaded = settings.load()
        with database.connect(loaded, "alembic") as connection:
            run_on(connection, lock_wait=loaded.lock_wait)
    except SyncError as error:
        raise CommandError(str(error)) from error


def run_on(raw: Connection, lock_wait: float | None = None) -> None:
    """Run the command on a psycopg2 connection. lock_wait: seconds, or None if the caller holds the lock."""
    raw.autocommit = False
    # The owner of the connection cleans up. SQLAlchemy would print a traceback if the session has ended.
    options = {"poolclass": StaticPool, "pool_reset_on_return": None}
    engine = create_engine("postgresql+psycopg2://", creator=lambda: raw, **options)
    with engine.connect() as connection:
        # No transaction may be open here: Alembic would take it for the caller's, and commit nothing.
        connection.rollback()
        context.configure(
            connection=connection,
            transaction_per_migration=True,
            version_table_schema=branches.SCHEMA,
            on_version_apply=partial(record, raw),
        )
        if context.get_context().opts.get("dont_mutate"):
            context.run_migrations()
            return
        with prepared(raw, lock_wait):
            # An attempt does not repeat finished revisions, because each one is committed.
            for attempt in patience.attempts():
                with attempt:
                    connection.rollback()
                    context.run_migrations()


def record(raw: Connection, *_: Any, step: Any, heads: set[str], **__: Any) -> None:
    """Record the checksum of a revision in the transaction that applies it; delete it in the one that undoes it."""
    applied_revisions.record(raw, heads, step.up_revision_id if step.is_upgrade and not step.is_stamp else None)
    tell = config.attributes.get("on_version_apply")
    if tell is not None:
        tell()


@contextmanager
def prepared(raw: Connection, lock_wait: float | None) -> Iterator[None]:
    """Check the server, take the lock, and create the schema of the version table, all outside any transaction."""
    raw.autocommit = True
    database.require_direct(raw)
    database.require_extensions(raw)
    with raw.cursor() as cursor:
        cursor.execute(database.IN_PUBLIC)
    with nullcontext() if lock_wait is None else lock.exclusive(raw, lock_wait):
        branches.prepare(raw)
        refuse_base_below_post(raw)
        if asked_for()[0] in {None, command.upgrade}:
            applied_revisions.require_unedited(raw)
        raw.autocommit = False
        try:
            yield
        finally:
            # The lock must be released outside any transaction. A caller that holds the lock cleans up itself.
            if lock_wait is not None and not raw.closed:
                raw.rollback()
                raw.autocommit = True


if config.config_file_name is not None and config.cmd_opts is not None:
    logging.config.fileConfig(config.config_file_name, disable_existing_loggers=False)
refuse_unsupported()
if context.is_offline_mode():
    run_offline()
else:
    run_online()
