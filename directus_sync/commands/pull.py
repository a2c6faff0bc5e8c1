"""`pull`: writes Directus's schema to the snapshot file, and the catalog beside it; protects both files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import rich_click as click

from directus_sync import files, output
from directus_sync.catalog import Difference, upkeep
from directus_sync.commands import options
from directus_sync.directus import installation
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import InvalidSnapshot, SyncError, UnpushedFileChanges, count
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.probes import hidden_properties
from directus_sync.report import refusal, results
from directus_sync.report.outcome import Captured
from directus_sync.revisions import branches
from directus_sync.revisions.branches import BRANCHES
from directus_sync.schema import comparison, guard, rebuilding, snapshot
from directus_sync.schema.plan import Approvals
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import fingerprint, history
from directus_sync.steps import families, planning, sessions
from directus_sync.steps.parts import EVERYTHING, Part


@click.command()
@options.with_snapshot
@options.with_only
@click.option("--overwrite", is_flag=True, help="Overwrite changes of the files that were never pushed or deployed.")
@options.with_dry_run
@options.with_json
def command(snapshot: Path | None, only: frozenset[Part], *, overwrite: bool, dry_run: bool, as_json: bool) -> None:
    """Write what Directus has to the files: the schema byte for byte, the catalog, access and resources."""
    loaded = options.load(snapshot)
    done = shown(loaded, Progress(), only) if dry_run else run(loaded, Progress(), only, overwrite=overwrite)
    output.either(results.captured_document(done), _text(done, loaded, only), as_json=as_json)
    options.finish(3 if dry_run and done.anything else 0)


def _text(done: Captured, settings: Settings, only: frozenset[Part]) -> str:
    if not done.anything:
        folder = settings.snapshot.with_name(min(part.value for part in only))
        source = settings.snapshot if Part.SCHEMA in only else folder
        return f"Nothing to pull: {source} equals Directus"
    lines = results.captured(done)
    if done.dry_run:
        return "\n".join(["A pull would change:", *lines])
    files = " and ".join(str(path) for path in done.files)
    what = results.contents(done.live) if done.live else " and ".join(sorted(part.value for part in only))
    return "\n".join([*lines, f"Pulled {what}; commit {files}"])


def shown(settings: Settings, progress: Progress, parts: frozenset[Part] = EVERYTHING) -> Captured:
    """Return what a pull would change. Writes nothing, not even what the base is."""
    wanted = planning.read_wanted(settings)
    kept = families.read_wanted(settings, wanted, progress, parts)
    with sessions.reading(settings, "pull", progress) as connection:
        entered = tuple(item.id for plan in families.judged(connection, kept, Approvals()) for item in plan.items)
        if Part.SCHEMA not in parts:
            return Captured((), entered=entered, dry_run=True)
        drift = upkeep.differences(connection, upkeep.read_expected(settings.catalog))
        with sessions.directus(settings, connection, progress) as client:
            live = planning.read_live(client)
    return Captured((), comparison.between(wanted, live), drift, entered, live, dry_run=True)


def run(settings: Settings, progress: Progress, parts: frozenset[Part] = EVERYTHING, *, overwrite: bool) -> Captured:
    """Write the snapshot file, the catalog and the files of resources, record them as the base; return what changed."""
    # First: a pull is recorded with the files as they were before it compared them.
    inputs = fingerprint.inputs(settings)
    with sessions.writing(settings, "pull", progress) as connection:
        known = fingerprint.can_tell(settings)
        if known and _is_pulled(connection, inputs, installation.version(settings)):
            return Captured(())
        if Part.SCHEMA not in parts:
            schema = planning.read_wanted(settings)
            written = families.pull(settings, connection, schema, parts, overwrite=overwrite)
            return Captured(written, entered=_names(written))
        with sessions.directus(settings, connection, progress) as client:
            if not known and _is_pulled(connection, inputs, client.version()):
                return Captured(())
            done, live = _pulled(settings, connection, client, progress, overwrite=overwrite)
        history.record_base(connection, live, "pull")
        written = families.pull(settings, connection, live, parts, overwrite=overwrite)
        done = dataclasses.replace(done, files=(*done.files, *written), entered=_names(written))
        if not done.files and parts == EVERYTHING:
            fingerprint.record_pull(connection, fingerprint.with_version(inputs, live.directus))
        return done


def _names(files: Iterable[Path]) -> tuple[str, ...]:
    return tuple(path.name for path in files)


def _is_pulled(connection: Connection, inputs: str, directus: str) -> bool:
    return fingerprint.is_pulled(connection, fingerprint.with_version(inputs, directus))


def _pulled(
    settings: Settings, connection: Connection, client: DirectusClient, progress: Progress, *, overwrite: bool
) -> tuple[Captured, Snapshot]:
    write_catalog = None
    drift: tuple[Difference, ...] = ()
    if any(branches.pending(connection, branch) for branch in BRANCHES):
        # The file lists what the pending revisions will make, which the database does not have yet.
        progress.note(f"note: {settings.catalog.name} is left alone, because revisions are pending: deploy, then pull")
    else:
        write_catalog = upkeep.regenerate(connection, settings.catalog, overwrite=overwrite)
        drift = upkeep.differences(connection, upkeep.read_expected(settings.catalog))
    with progress.step("Reading Directus's schema", "Read Directus's schema"):
        live = planning.read_live(client)
    before = _readable(settings.snapshot)
    changed = [settings.snapshot] if write(live, settings.snapshot, connection, overwrite=overwrite) else []
    if settings.snapshot in changed:
        _note_faults(connection, live, progress)
    if write_catalog is not None and write_catalog():
        changed.append(settings.catalog)
    moved = comparison.between(before, live) if settings.snapshot in changed and before is not None else ()
    return Captured(tuple(changed), moved, drift, live=live), live


def _readable(path: Path) -> Snapshot | None:
    """Return the file as it is, if it is a snapshot: it may be about to be overwritten because it is none."""
    with suppress(SyncError):
        return snapshot.read(path)
    return None


def _note_faults(connection: Connection, live: Snapshot, progress: Progress) -> None:
    """Say at once what no push will make elsewhere, while it is cheap to change."""
    made = sorted(branches.VERSIONS.glob("*/*.py"))
    faults = [*rebuilding.all_faults(live), *hidden_properties.faults(connection, live, made)]
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
