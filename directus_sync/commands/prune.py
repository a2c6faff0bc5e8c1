"""`prune`: removes spent approvals from removals.yaml."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import options
from directus_sync.output import Progress
from directus_sync.schema import approvals
from directus_sync.settings import Settings
from directus_sync.steps import families, planning, sessions


@click.command()
@options.with_snapshot
@options.with_dry_run
@options.with_json
def command(snapshot: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Remove approvals from removals.yaml whose item is in neither the files nor Directus."""
    pruned = run(options.load(snapshot), Progress(), dry_run=dry_run)
    done = "Would prune {}" if dry_run else "Pruned {}; commit it"
    text = done.format(", ".join(pruned)) if pruned else "Nothing to prune"
    output.json_or_text({"dry_run": dry_run, "pruned": list(pruned)}, text, as_json=as_json)
    options.finish(3 if dry_run and pruned else 0)


def run(settings: Settings, progress: Progress, *, dry_run: bool = False) -> tuple[str, ...]:
    """Remove the spent approvals, and return their items. Checks only this database; another may still need them."""
    wanted = planning.read_wanted(settings)
    of_families = families.read_wanted(settings, wanted)
    removals = approvals.read(settings.removals)
    with (
        sessions.reading(settings, "prune") as connection,
        sessions.directus(settings, connection, progress) as client,
    ):
        there = families.existing_ids(connection, settings, of_families) | wanted.ids | planning.read_live(client).ids
    spent = [removal for removal in removals if removal.item not in there]
    if spent and not dry_run:
        approvals.prune(settings.removals, spent)
    return tuple(removal.item for removal in spent)
