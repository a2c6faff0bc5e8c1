"""`seed`: creates and updates the rows of the seed files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.catalog import upkeep
from directus_sync.commands import options
from directus_sync.directus import worker
from directus_sync.output import Progress
from directus_sync.report import seeds
from directus_sync.report.outcome import Seeded
from directus_sync.seed import model, reading, store, writing
from directus_sync.seed import planning as seed_planning
from directus_sync.settings import Mode, Settings
from directus_sync.steps import planning, sessions


@click.command()
@click.argument("files", nargs=-1, type=options.FILE, metavar="[FILE]...", help="[default: snapshots/seeds/*.yaml]")
@options.with_snapshot
@click.option("--force", is_flag=True, help="Overwrite rows that were edited in Directus.")
@options.with_dry_run
@options.with_json
def command(files: tuple[Path, ...], snapshot: Path | None, *, force: bool, dry_run: bool, as_json: bool) -> None:
    """Create missing rows of the seed files, and update changed ones. Each file is written completely or not at all."""
    loaded = options.load(snapshot)
    dry_run = dry_run or loaded.mode is Mode.DRY_RUN
    done = run(loaded, files, Progress(), force=force, dry_run=dry_run)
    output.json_or_text(seeds.seeded_document(done), seeds.seeded(done), as_json=as_json)
    options.finish(3 if dry_run and done.writes else 0)


def run(settings: Settings, files: Sequence[Path], progress: Progress, *, force: bool, dry_run: bool) -> Seeded:
    """Create missing rows, and update rows that changed in their file. Starts Directus only if a row must be written.

    files: in place of the seed files beside the snapshot. force: also overwrite values that were edited in Directus.

    Raises InvalidSeed before anything is written, and SeedFailed after the rows of the failed file are undone.
    """
    started = time.monotonic()
    seed_files = [reading.read(path) for path in files or settings.seeds]
    wanted = planning.read_wanted(settings)
    expected = upkeep.read_expected(settings.catalog)
    session = sessions.reading(settings, "seed") if dry_run else sessions.writing(settings, "seed", progress)
    with session as connection:
        rows = store.Store(connection)
        known = model.collections(wanted, expected, store.tables(connection))
        planned = seed_planning.plan(seed_files, known, rows, force=force)
        if not dry_run:
            rows.record(planned.to_record)
        if planned.writes and not dry_run:
            with sessions.directus(settings, connection, progress, choice=worker.WHOLE) as client:
                writer = writing.Writer(client, rows, planned)
                for file in planned.files:
                    if file.writes:
                        writer.write(file)
                        progress.done.append(file.path)
    return Seeded(tuple(planned.rows), dry_run, time.monotonic() - started)
