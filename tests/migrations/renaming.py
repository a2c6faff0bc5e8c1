"""Runs rename operations without a revision file, and collects their log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from typing import Any

import psycopg2
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy.pool import NullPool

from migrations.operations import RenameCollection, RenameField, Renaming
from tests import snapshots
from tests.conftest import Database, RunningDirectus


@contextmanager
def transaction(database: Database) -> Iterator[sa.Connection]:
    """Open a transaction as for a revision. Without a commit it is rolled back."""
    engine = sa.create_engine(
        "postgresql+psycopg2://", creator=lambda: psycopg2.connect(database.conninfo), poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection


def invoke(connection: sa.Connection, *operations: MigrateOperation) -> None:
    """Run operations as `op` in a revision does."""
    op = Operations(MigrationContext.configure(connection))
    for operation in operations:
        op.invoke(operation)


def back(*operations: Renaming) -> list[Renaming]:
    """Return the renames that undo these renames."""
    ways = [operation.rename for operation in reversed(operations)]
    return [
        RenameField(way.collection, way.new, way.field) if way.field else RenameCollection(way.new, way.old)
        for way in ways
    ]


def rename(running: RunningDirectus, *operations: MigrateOperation) -> None:
    """Rename in the database of a running Directus."""
    with transaction(running.database) as connection:
        invoke(connection, *operations)
        connection.commit()
    running.forget()


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect the lines that renames log, with their levels."""
    handler, logger = BufferingHandler(1000), logging.getLogger("alembic.renames")
    lines: list[str] = []
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        lines += [f"{record.levelname} {record.getMessage()}" for record in handler.buffer]


def unordered(export: bytes | dict[str, Any]) -> object:
    """Return a snapshot without the order of its entries."""
    document = snapshots.load(export) if isinstance(export, bytes) else export
    for section in ("collections", "fields", "relations"):
        document[section].sort(key=lambda entry: (entry["collection"], entry.get("field", "")))
    return document
