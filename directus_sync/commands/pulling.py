"""What a pull does, in its order. What compares is loaded while Directus writes its schema, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from directus_sync import files
from directus_sync.commands import sessions
from directus_sync.directus import installation
from directus_sync.errors import InvalidSnapshot, SyncError, UnpushedFileChanges
from directus_sync.output import Progress, count
from directus_sync.process import background
from directus_sync.schema import snapshot
from directus_sync.schema.snapshot import Reading, Snapshot
from directus_sync.settings import ALEMBIC_TABLES, Settings
from directus_sync.state import fingerprint, history, revisions
from directus_sync.state.revisions import BRANCHES

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

    from directus_sync.directus.client import DirectusClient


def run(settings: Settings, progress: Progress, *, overwrite: bool) -> tuple[Snapshot, tuple[Path, ...]] | None:
    """Write Directus's schema to the snapshot file, and record it; the catalog beside it with it.

    Return the schema and the files that changed, or None when none did.
    """
    # First: a pull is remembered with the files as they were before it compared them.
    inputs = fingerprint.inputs(settings)
    with ExitStack() as stack:
        connection = stack.enter_context(sessions.writing(settings, "pull", progress))
        if fingerprint.can_tell(settings):
            given = fingerprint.with_version(inputs, installation.version(settings))
            if fingerprint.is_pulled(connection, given):
                return None
        client = stack.enter_context(sessions.directus(settings, connection, progress))
        given = fingerprint.with_version(inputs, client.version())
        if fingerprint.is_pulled(connection, given):
            return None
        live, changed = _pulled(settings, connection, client, progress, overwrite=overwrite)
        history.record_base(connection, live, "pull")
        if changed:
            return live, changed
        fingerprint.record_pull(connection, given)
        return None


def _pulled(
    settings: Settings, connection: Connection, client: DirectusClient, progress: Progress, *, overwrite: bool
) -> tuple[Snapshot, tuple[Path, ...]]:
    catalogs: list[Callable[[], bool]] = []

    def regenerate() -> None:
        from directus_sync.state import verify  # noqa: PLC0415 - see above

        if not pending:
            catalogs.append(verify.regenerate(connection, settings.catalog, overwrite=overwrite))

    pending = any(revisions.pending(connection, branch) for branch in BRANCHES)
    if pending:
        # What the pending ones will make is not there yet, and would be missing from the file.
        progress.note(f"note: {settings.catalog.name} is left alone, because revisions are pending: deploy, then pull")
    with progress.step("Reading Directus's schema", "Read Directus's schema"):
        base = partial(history.base, connection)
        live, changed = write(client, settings.snapshot, base, overwrite=overwrite, meanwhile=regenerate)
    written = [settings.snapshot] if changed else []
    written += [settings.catalog for write_catalog in catalogs if write_catalog()]
    return live, tuple(written)


def write(
    client: DirectusClient,
    path: Path,
    base: Callable[[], Reading | None],
    *,
    overwrite: bool,
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[Snapshot, bool]:
    """Write the server's snapshot to `path`; return it, and whether the file changed.

    The file is replaced as a whole or not at all.
    base: called where a file is not to be overwritten blindly.
    meanwhile: called once while Directus writes its schema; what it raises ends the pull before anything is written.

    Raises UnpushedFileChanges when the file holds something that neither base nor server has, unless `overwrite`, and
    InvalidSnapshot when the server has no collections.
    """
    client.clear_cache()
    exported = background.start(client.snapshot)
    meanwhile()
    file = snapshot.read(path) if path.is_file() else None
    recorded = None if file is None or overwrite else base()
    if file is not None:
        # Directus mostly writes the same bytes, which takes it longer than to parse them, and they are parsed once.
        # What is wrong with it is told below, unless it is overwritten.
        with suppress(SyncError):
            file.result()
    live = snapshot.parse(exported(), client.url, ALEMBIC_TABLES, may_be_empty=True)
    if not live.section("collections"):
        raise InvalidSnapshot(
            "this Directus has no collections, and pushing a snapshot without any deletes every collection",
            where=client.url,
            next="to put the snapshot's collections into it: directus-sync push",
        )
    if file is not None and file.content == live.content:
        return live, False
    if file is not None and not overwrite:
        _require_nothing_unpushed(file, recorded, live)
    files.replace(path, live.content)
    return live, True


def _require_nothing_unpushed(file: Reading, base: Reading | None, live: Snapshot) -> None:
    if base is not None and base.content == file.content:
        return
    from directus_sync.report import refusal  # noqa: PLC0415 - not needed where a pull wrote the file
    from directus_sync.schema import guard  # noqa: PLC0415 - not needed where a pull wrote the file

    unpushed = guard.unpushed(file.result(), base.result() if base else None, live)
    if not unpushed:
        return
    number = count(len(unpushed), "change")
    was, it = ("was", "it") if len(unpushed) == 1 else ("were", "them")
    raise UnpushedFileChanges(
        f"the file holds {number} that {was} never pushed to this Directus, and a pull would lose {it}",
        where="\n".join([file.result().source, *refusal.shortened(unpushed)]),
        next="keep them: directus-sync push, then pull\nlose them: directus-sync pull --overwrite",
    )
