"""`diff`: shows what a push would change, and saves it as a plan."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import options
from directus_sync.output import Progress
from directus_sync.report import results
from directus_sync.settings import Settings
from directus_sync.steps import comparing
from directus_sync.steps.parts import Part
from directus_sync.steps.planning import Request


@click.command()
@options.with_snapshot
@options.with_approvals
@click.option("--out", type=options.FILE, metavar="FILE", help="Save the plan, for push --plan FILE.")
@options.with_only
@options.with_json
def command(
    snapshot: Path | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    out: Path | None,
    only: frozenset[Part],
    *,
    as_json: bool,
) -> None:
    """Show what a push would change in Directus, who changed it, and the rows at risk. Exits 3 if anything differs."""
    show(options.load(snapshot), Request(allow_destroy, discard_live), only, out, as_json=as_json)


def show(
    settings: Settings, request: Request, parts: frozenset[Part], out: Path | None = None, *, as_json: bool
) -> None:
    """Print what a push would do, and save the plan to `out` if given. Exit 3 if anything differs."""
    found = comparing.compare(settings, request, Progress(), parts, out)
    text = results.compared(found, in_colour=output.in_colour(sys.stdout))
    output.json_or_text(results.compared_document(found), text, as_json=as_json)
    options.finish(3 if found.differs else 0)
