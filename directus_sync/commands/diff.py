"""`diff`: shows what a push would change, and saves it as a plan."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import options, planning, sessions
from directus_sync.commands.planning import Request
from directus_sync.output import Progress
from directus_sync.report import plans
from directus_sync.schema import guard, saved_plan
from directus_sync.schema.plan import Plan
from directus_sync.settings import Settings
from directus_sync.state import fingerprint


@click.command()
@options.with_snapshot
@options.with_approvals
@click.option("--out", type=options.FILE, metavar="FILE", help="Save the plan, for push --plan FILE.")
@options.with_json
def command(
    snapshot: Path | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show what a push would change in Directus, who changed it, and the rows at risk. Exits 3 when anything would."""
    show_plan(options.load(snapshot), Request(allow_destroy, discard_live), out, as_json=as_json)


def show_plan(settings: Settings, request: Request, out: Path | None = None, *, as_json: bool = False) -> None:
    """Print the plan, and exit 3 when it is not empty."""
    judged = run(settings, request, Progress(), out)
    if as_json:
        output.document(plans.plan_document(judged))
    elif judged:
        output.result(plans.plan(judged, in_colour=sys.stdout.isatty()))
    else:
        output.result("Nothing differs: Directus equals the snapshot")
    options.finish(3 if judged else 0)


def run(settings: Settings, request: Request, progress: Progress, out: Path | None = None) -> Plan:
    """Return what a push would do, and save it to `out`."""
    wanted, given = planning.read_wanted(settings), planning.approved(settings, request)
    with sessions.reading(settings, "diff", progress) as connection:
        if fingerprint.unmoved(connection, settings):
            judged = guard.nothing(given)
        else:
            with sessions.directus(settings, connection, progress) as client:
                judged = planning.plan(settings, connection, client, wanted, given)
    if out is not None:
        saved_plan.write(out, judged, wanted.sha256, given)
    return judged
