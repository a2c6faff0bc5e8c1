"""`diff`: shows what a push would change, and saves it as a plan."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import options
from directus_sync.commands.options import EVERYTHING, Part
from directus_sync.errors import WrongSettings
from directus_sync.output import Progress
from directus_sync.report import plans, results
from directus_sync.report import resources as report
from directus_sync.report.outcome import Compared
from directus_sync.schema import guard, saved_plan
from directus_sync.settings import Settings
from directus_sync.state import fingerprint
from directus_sync.steps import families, planning, resources, sessions
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
    """Show what a push would change in Directus, who changed it, and the rows at risk. Exits 3 when anything would."""
    show_plan(options.load(snapshot), Request(allow_destroy, discard_live), only, out, as_json=as_json)


def show_plan(
    settings: Settings,
    request: Request,
    parts: frozenset[Part] = EVERYTHING,
    out: Path | None = None,
    *,
    as_json: bool = False,
) -> None:
    """Print the plan, and exit 3 when it is not empty."""
    found = run(settings, request, Progress(), parts, out)
    if as_json:
        output.document(results.compared_document(found))
    elif found.differs:
        output.result(_text(found, in_colour=output.in_colour(sys.stdout)))
    elif found.schema is None and not found.families:
        output.result("Nothing to compare: that is not kept in files here")
    else:
        output.result("Nothing differs: Directus equals the " + ("snapshot" if found.schema is not None else "files"))
    options.finish(3 if found.differs else 0)


def run(
    settings: Settings,
    request: Request,
    progress: Progress,
    parts: frozenset[Part] = EVERYTHING,
    out: Path | None = None,
) -> Compared:
    """Return what a push would do, and save it to `out`."""
    if out is not None and parts != EVERYTHING:
        raise WrongSettings("--out saves the whole plan, and --only leaves a part out", next="leave out one of them")
    wanted, given = planning.read_wanted(settings), planning.approved(settings, request)
    of_families = families.read_wanted(settings, wanted, progress, options.families(parts))
    with sessions.reading(settings, "diff", progress) as connection:
        schema = None
        if fingerprint.unmoved(connection, settings):
            schema = guard.nothing(planning.of_schema(given)) if Part.SCHEMA in parts else None
            judged = families.nothing(of_families, given)
        else:
            judged = families.judged(connection, of_families, given)
            if Part.SCHEMA in parts:
                with sessions.directus(settings, connection, progress) as client:
                    schema = planning.plan(settings, connection, client, wanted, given)
    if schema is not None:
        planning.note_pointless(settings, schema, wanted, progress)
    found = Compared(schema, judged)
    if out is not None and schema is not None:
        saved_plan.write(out, schema, wanted.sha256, given, {plan.family: resources.saved(plan) for plan in judged})
    return found


def _text(found: Compared, *, in_colour: bool) -> str:
    texts = []
    if found.schema:
        texts.append(plans.plan(found.schema, in_colour=in_colour))
    texts += [report.plan(plan, in_colour=in_colour) for plan in found.families if plan.differs]
    return "\n".join(texts)
