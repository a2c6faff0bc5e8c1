"""`pull`: writes Directus's schema, the catalog, access and resources to their files. Keeps unpushed file changes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import rich_click as click

from directus_sync import files, output
from directus_sync.catalog import Catalog, Difference, compare, ledger, upkeep
from directus_sync.catalog import file as catalog_file
from directus_sync.commands import options
from directus_sync.directus import installation
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import InvalidSnapshot, SyncError
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.probes import hidden_properties
from directus_sync.report import results
from directus_sync.report.outcome import Captured
from directus_sync.revisions import branches
from directus_sync.revisions.branches import BRANCHES
from directus_sync.schema import comparison, guard, rebuilding, snapshot
from directus_sync.schema.diff import Change
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import fingerprint, history
from directus_sync.steps import families, planning, sessions
from directus_sync.steps.parts import EVERYTHING, Part


@click.command()
@options.with_snapshot
@options.with_only
@click.option("--overwrite", is_flag=True, help="Overwrite file changes that were never pushed or deployed.")
@options.with_dry_run
@options.with_json
def command(snapshot: Path | None, only: frozenset[Part], *, overwrite: bool, dry_run: bool, as_json: bool) -> None:
    """Write Directus's schema, access and resources, and the catalog of the database, to the files."""
    loaded = options.load(snapshot)
    done = run(loaded, Progress(), only, overwrite=overwrite, dry_run=dry_run)
    output.json_or_text(results.captured_document(done), _text(done, loaded, only), as_json=as_json)
    options.finish(3 if dry_run and done.anything else 0)


def _text(done: Captured, settings: Settings, only: frozenset[Part]) -> str:
    if not done.anything:
        folder = settings.snapshot.with_name(min(part.value for part in only))
        source = settings.snapshot if Part.SCHEMA in only else folder
        return f"Nothing to pull: {source} equals Directus"
    lines = results.captured(done)
    if done.dry_run:
        return "\n".join(["A pull would change:", *(lines or [f"  ~ {path}" for path in done.files])])
    files = " and ".join(str(path) for path in done.files)
    what = results.contents(done.live) if done.live else " and ".join(sorted(part.value for part in only))
    return "\n".join([*lines, f"Pulled {what}; commit {files}"])


def run(
    settings: Settings,
    progress: Progress,
    parts: frozenset[Part] = EVERYTHING,
    *,
    overwrite: bool,
    dry_run: bool = False,
) -> Captured:
    """Write the snapshot file, the catalog and the files of resources, record them as the base; return what changed.

    Writes nothing if any part is refused. dry_run: write nothing, and record no base.
    """
    # Hash the files before anything else: the record of a pull is about the files that it compared.
    inputs = fingerprint.inputs(settings)
    session = sessions.reading(settings, "pull") if dry_run else sessions.writing(settings, "pull", progress)
    with session as connection:
        known = fingerprint.is_conclusive(settings)
        if known and _is_pulled(connection, inputs, installation.version(settings)):
            return Captured((), dry_run=dry_run)
        captured = _CapturedSchema()
        if Part.SCHEMA in parts:
            with sessions.directus(settings, connection, progress) as client:
                if not known and _is_pulled(connection, inputs, client.version()):
                    return Captured((), dry_run=dry_run)
                captured = _capture_schema(settings, connection, client, progress, overwrite=overwrite)
        schema = captured.live or planning.read_wanted(settings)
        pulled_families = families.pulled(settings, connection, schema, parts, overwrite=overwrite)
        if dry_run:
            items = tuple(item for each in pulled_families for item in each.differing)
            changed = (*captured.contents, *(path for each in pulled_families for path in each.changed))
            return Captured(changed, captured.moved, captured.drift, items, captured.live, dry_run=True)
        done = _write(connection, captured, pulled_families)
        if settings.snapshot in captured.contents:
            _note_faults(connection, schema, progress)
        if parts == EVERYTHING and not done.files:
            fingerprint.record_pull(connection, fingerprint.with_version(inputs, schema.directus))
        return done


def _is_pulled(connection: Connection, inputs: str, directus: str) -> bool:
    return fingerprint.is_pulled(connection, fingerprint.with_version(inputs, directus))


@dataclass(frozen=True)
class _CapturedSchema:
    """What a pull captured of schema and catalog; None if left alone. contents: of the files that change, by path."""

    live: Snapshot | None = None
    contents: Mapping[Path, bytes] = field(default_factory=dict)
    moved: tuple[Change, ...] = ()
    catalog: Catalog | None = None
    drift: tuple[Difference, ...] = ()


def _capture_schema(
    settings: Settings, connection: Connection, client: DirectusClient, progress: Progress, *, overwrite: bool
) -> _CapturedSchema:
    contents: dict[Path, bytes] = {}
    actual: Catalog | None = None
    drift: tuple[Difference, ...] = ()
    if any(branches.pending(connection, branch) for branch in BRANCHES):
        # The file lists what the pending revisions will make, which the database does not have yet.
        progress.note(f"note: {settings.catalog.name} is left alone, because revisions are pending: deploy, then pull")
    else:
        actual = upkeep.catalog_to_write(connection, settings.catalog, overwrite=overwrite)
        content = catalog_file.dump(actual)
        # With --overwrite the file may be invalid.
        with suppress(SyncError):
            expected = upkeep.read_expected(settings.catalog)
            drift = compare(expected, actual) if expected is not None else ()
        if not files.holds(settings.catalog, content):
            contents[settings.catalog] = content
    with progress.step("Reading Directus's schema", "Read Directus's schema"):
        live = planning.read_live(client)
    moved: tuple[Change, ...] = ()
    if differs(live, settings.snapshot, connection, overwrite=overwrite):
        with suppress(SyncError):
            moved = comparison.between(snapshot.read(settings.snapshot), live)
        contents = {settings.snapshot: live.content, **contents}
    return _CapturedSchema(live, contents, moved, actual, drift)


def _write(connection: Connection, captured: _CapturedSchema, pulled_families: tuple[families.Pulled, ...]) -> Captured:
    """Write the captured files, and record the base."""
    of_families = {path: content for each in pulled_families for path, content in each.changed.items()}
    files.replace_all({**captured.contents, **of_families})
    if captured.catalog is not None:
        # Remember the objects as they are now, so that a deploy can put them back.
        ledger.remember(connection, captured.catalog, ())
    if captured.live is not None:
        history.record_base(connection, captured.live, "pull")
    families.record_pulled(connection, pulled_families)
    names = tuple(path.name for path in of_families)
    return Captured((*captured.contents, *of_families), captured.moved, captured.drift, names, captured.live)


def _note_faults(connection: Connection, live: Snapshot, progress: Progress) -> None:
    """Print what a push could not create in another database: it is cheap to change now."""
    made = sorted(branches.VERSIONS.glob("*/*.py"))
    faults = [*rebuilding.all_faults(live), *hidden_properties.faults(connection, live, made)]
    for item, fault in faults:
        progress.note(f"note: another database would not get {item} as it is here: {fault}")
    if faults:
        progress.note("note: change these to a form that Directus creates and pull again, or use a post revision")


def differs(live: Snapshot, path: Path, connection: Connection, *, overwrite: bool) -> bool:
    """Return whether a pull must write the server's snapshot to `path`.

    Raises UnpushedFileChanges if the file holds changes that neither base nor server has, unless `overwrite`, and
    InvalidSnapshot if the server has no collections.
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
    return True


def _require_nothing_unpushed(content: bytes, path: Path, connection: Connection, live: Snapshot) -> None:
    base = history.base(connection)
    if base is not None and base.content == content:
        return
    lost = guard.unpushed(snapshot.parse(content, str(path)), base, live)
    if lost:
        raise families.unpushed("the file holds", path, lost)
