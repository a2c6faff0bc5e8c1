"""`pull`: writes Directus's schema to the snapshot file, and the catalog beside it; protects both files."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from directus_sync import files, output
from directus_sync.catalog import upkeep
from directus_sync.commands import families, options, planning, sessions
from directus_sync.commands.options import EVERYTHING, Part
from directus_sync.directus import installation
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import InvalidSnapshot, UnpushedFileChanges, count
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.report import refusal, results
from directus_sync.schema import guard, rebuilding, snapshot
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import fingerprint, history, revisions, unseen
from directus_sync.state.revisions import BRANCHES


@click.command()
@options.with_snapshot
@options.with_only
@click.option("--overwrite", is_flag=True, help="Overwrite changes of the files that were never pushed or deployed.")
def command(snapshot: Path | None, only: frozenset[Part], *, overwrite: bool) -> None:
    """Write what Directus has to the files: the schema byte for byte, the catalog, access and resources."""
    loaded = options.load(snapshot)
    pulled = run(loaded, Progress(), only, overwrite=overwrite)
    if pulled is not None:
        live, changed = pulled
        names = " and ".join(str(path) for path in changed)
        what = results.contents(live) if live is not None else " and ".join(sorted(options.families(only)))
        output.result(f"Pulled {what}; commit {names}")
    elif Part.SCHEMA in only:
        output.result(f"Nothing to pull: {loaded.snapshot} equals Directus")
    else:
        (name,) = options.families(only)
        output.result(f"Nothing to pull: {loaded.snapshot.with_name(name)} equals Directus")


def run(
    settings: Settings, progress: Progress, parts: frozenset[Part] = EVERYTHING, *, overwrite: bool
) -> tuple[Snapshot | None, tuple[Path, ...]] | None:
    """Write the snapshot file, the catalog, the access and the resource files, and record them as the base.

    Return the schema and the files that changed, or None when none did.
    """
    # First: a pull is recorded with the files as they were before it compared them.
    inputs = fingerprint.inputs(settings)
    with sessions.writing(settings, "pull", progress) as connection:
        known = fingerprint.can_tell(settings)
        if known and _is_pulled(connection, inputs, installation.version(settings)):
            return None
        if Part.SCHEMA not in parts:
            schema = planning.read_wanted(settings)
            written = families.pull(settings, connection, schema, options.families(parts), overwrite=overwrite)
            return (None, written) if written else None
        with sessions.directus(settings, connection, progress) as client:
            if not known and _is_pulled(connection, inputs, client.version()):
                return None
            live, changed = _pulled(settings, connection, client, progress, overwrite=overwrite)
        history.record_base(connection, live, "pull")
        changed += families.pull(settings, connection, live, options.families(parts), overwrite=overwrite)
        if changed:
            return live, changed
        if parts == EVERYTHING:
            fingerprint.record_pull(connection, fingerprint.with_version(inputs, live.directus))
        return None


def _is_pulled(connection: Connection, inputs: str, directus: str) -> bool:
    return fingerprint.is_pulled(connection, fingerprint.with_version(inputs, directus))


def _pulled(
    settings: Settings, connection: Connection, client: DirectusClient, progress: Progress, *, overwrite: bool
) -> tuple[Snapshot, tuple[Path, ...]]:
    write_catalog = None
    if any(revisions.pending(connection, branch) for branch in BRANCHES):
        # The file lists what the pending revisions will make, which the database does not have yet.
        progress.note(f"note: {settings.catalog.name} is left alone, because revisions are pending: deploy, then pull")
    else:
        write_catalog = upkeep.regenerate(connection, settings.catalog, overwrite=overwrite)
    with progress.step("Reading Directus's schema", "Read Directus's schema"):
        live = planning.read_live(client)
    changed = [settings.snapshot] if write(live, settings.snapshot, connection, overwrite=overwrite) else []
    if settings.snapshot in changed:
        _note_faults(connection, live, progress)
    if write_catalog is not None and write_catalog():
        changed.append(settings.catalog)
    return live, tuple(changed)


def _note_faults(connection: Connection, live: Snapshot, progress: Progress) -> None:
    """Say at once what no push will make elsewhere, while it is cheap to change."""
    faults = [*rebuilding.all_faults(live), *unseen.faults(connection, live)]
    for item, fault in faults:
        progress.note(f"note: another database would not get {item} as it is here: {fault}")
    if faults:
        progress.note("note: change these to what Directus makes and pull again, or make them in a post revision")


def write(live: Snapshot, path: Path, connection: Connection, *, overwrite: bool) -> bool:
    """Write the server's snapshot to `path`, whole or not at all; return whether the file changed.

    Raises UnpushedFileChanges when the file holds something that neither base nor server has, unless `overwrite`, and
    InvalidSnapshot when the server has no collections.
    """
    if not live.section("collections"):
        raise InvalidSnapshot(
            "this Directus has no collections, and pushing a snapshot without collections deletes every collection",
            where=live.source,
            next="push the snapshot's collections to it: directus-sync push",
        )
    if path.is_file():
        content = snapshot.content_of(path)
        if content == live.content:
            return False
        if not overwrite:
            _require_nothing_unpushed(content, path, connection, live)
    files.replace(path, live.content)
    return True


def _require_nothing_unpushed(content: bytes, path: Path, connection: Connection, live: Snapshot) -> None:
    base = history.base(connection)
    if base is not None and base.content == content:
        return
    unpushed = guard.unpushed(snapshot.parse(content, str(path)), base, live)
    if not unpushed:
        return
    number = count(len(unpushed), "change")
    was, it = ("was", "it") if len(unpushed) == 1 else ("were", "them")
    raise UnpushedFileChanges(
        f"the file holds {number} that {was} never pushed to this Directus, and a pull would lose {it}",
        where="\n".join([str(path), *refusal.shortened(unpushed)]),
        next="keep them: directus-sync push, then pull\nlose them: directus-sync pull --overwrite",
    )
