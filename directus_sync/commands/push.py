"""`push`: makes Directus equal the snapshot, the access files and the resource files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import rich_click as click

from directus_sync import attic, output
from directus_sync.commands import diff, options
from directus_sync.errors import WrongSettings
from directus_sync.output import Progress
from directus_sync.report import plans, results
from directus_sync.report import resources as report
from directus_sync.report.outcome import Compared
from directus_sync.schema import saved_plan
from directus_sync.settings import Mode, Settings
from directus_sync.state import fingerprint
from directus_sync.steps import comparing, families, planning, sessions
from directus_sync.steps.parts import EVERYTHING, Part
from directus_sync.steps.planning import Request
from directus_sync.steps.pushing import Pushing
from directus_sync.steps.resources import ResourcePushing


@click.command()
@options.with_snapshot
@options.with_mode
@options.with_approvals
@options.with_attic
@options.with_only
@click.option("--plan", type=options.FILE, metavar="FILE", help="Apply exactly the plan that diff --out saved.")
@options.with_dry_run
@options.with_json
def command(
    snapshot: Path | None,
    mode: Mode | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    only: frozenset[Part],
    plan: Path | None,
    *,
    no_attic: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make Directus equal the files: schema, access, resources. Refuses to undo uncaptured work."""
    loaded = options.load(snapshot, Mode.DRY_RUN if dry_run else mode)
    otherwise = {
        f"DIRECTUS_SCHEMA_APPLY_MODE or an option says {loaded.mode.value}": loaded.mode is not Mode.AUTO,
        "--only leaves out a part": only != EVERYTHING,
        "the command approves more": bool(allow_destroy | discard_live),
    }
    if plan is not None and any(otherwise.values()):
        raise WrongSettings(
            f"--plan applies the plan as it was saved, and {next(what for what, said in otherwise.items() if said)}",
            next="use --mode auto, and leave out --dry-run, --only, --allow-destroy and --discard-live;\n"
            "to approve more, save it again: directus-sync diff --out PATH --allow-destroy or --discard-live ...",
        )
    if loaded.mode is Mode.SKIP:
        nothing = "Nothing pushed: the mode is skip"
        output.json_or_text(results.compared_document(Compared(None)), nothing, as_json=as_json)
    elif loaded.mode is Mode.DRY_RUN:
        diff.show(loaded, Request(allow_destroy, discard_live), only, as_json=as_json)
    else:
        saved = saved_plan.read(plan) if plan is not None else None
        request = Request(allow_destroy, discard_live, keep=not no_attic, saved=saved)
        pushed = run(loaded, request, Progress(), only)
        output.json_or_text(results.compared_document(pushed), _text(pushed), as_json=as_json)


def run(settings: Settings, request: Request, progress: Progress, parts: frozenset[Part] = EVERYTHING) -> Compared:
    """Make Directus equal the files, and record the base. Return what was changed."""
    wanted = planning.read_wanted(settings)
    of_families = families.read_wanted(settings, wanted, progress, parts)
    with sessions.writing(settings, "push", progress) as connection:
        if request.saved is None and fingerprint.unmoved(connection, settings):
            found = comparing.unmoved(of_families, planning.approved(settings, request), parts)
            if found.schema is not None:
                planning.note_unused_approvals(settings, progress, found.schema.unmatched, wanted.ids)
                attic.sweep(connection)
            return found
        resource_pushes = [
            ResourcePushing(each, settings, request, progress, connection, "push") for each in of_families
        ]
        for each in resource_pushes:
            each.require_possible()
        with ExitStack() as stack:
            schema, client = None, None
            if Part.SCHEMA in parts:
                client = stack.enter_context(sessions.directus(settings, connection, progress))
                schema = Pushing(settings, request, progress, connection, "push").run(client, wanted)
            client_for = stack.enter_context(sessions.for_rows(settings, connection, progress, client))
            pushed_families = tuple(each.run(client_for) for each in resource_pushes)
        return Compared(schema, pushed_families)


def _text(pushed: Compared) -> str:
    done = [plans.changes(pushed.schema)] if pushed.schema else []
    done += [report.changes(plan) for plan in pushed.families if plan]
    return f"Pushed {' and '.join(done)}" if done else "Nothing to push: Directus equals the files"
