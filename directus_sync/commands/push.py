"""`push`: makes Directus equal the snapshot file."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import options, planning, sessions
from directus_sync.commands.diff import show_plan
from directus_sync.commands.planning import Request
from directus_sync.commands.pushing import Pushing
from directus_sync.errors import WrongSettings
from directus_sync.output import Progress
from directus_sync.report import plans
from directus_sync.schema import saved_plan
from directus_sync.schema.plan import Plan
from directus_sync.settings import Mode, Settings
from directus_sync.state import fingerprint


@click.command()
@options.with_snapshot
@options.with_mode
@options.with_approvals
@options.with_attic
@click.option("--plan", type=options.FILE, metavar="FILE", help="Apply exactly the plan that diff --out saved.")
def command(
    snapshot: Path | None,
    mode: Mode | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    plan: Path | None,
    *,
    no_attic: bool,
) -> None:
    """Make Directus equal the snapshot file; refuse what would undo work that nobody captured."""
    loaded = options.load(snapshot, mode)
    if plan is not None:
        _require_plain(loaded.mode, allow_destroy | discard_live)
    if loaded.mode is Mode.SKIP:
        output.result("Nothing pushed: DIRECTUS_SCHEMA_APPLY_MODE is skip")
    elif loaded.mode is Mode.DRY_RUN:
        show_plan(loaded, Request(allow_destroy, discard_live))
    else:
        saved = saved_plan.read(plan) if plan is not None else None
        pushed = run(loaded, Request(allow_destroy, discard_live, keep=not no_attic, saved=saved), Progress())
        text = f"Pushed {plans.changes(pushed)}" if pushed else "Nothing to push: Directus equals the snapshot"
        output.result(text)


def run(settings: Settings, request: Request, progress: Progress) -> Plan:
    """Make Directus equal the snapshot file, and record it; return what was changed."""
    wanted = planning.read_wanted(settings)
    with sessions.writing(settings, "push", progress) as connection:
        pushing = Pushing(settings, request, progress, connection, "push")
        if request.saved is None and fingerprint.unmoved(connection, settings):
            return pushing.nothing(wanted)
        with sessions.directus(settings, connection, progress) as client:
            return pushing.run(client, wanted)


def _require_plain(mode: Mode, approved: frozenset[str]) -> None:
    """Raise WrongSettings for an option that contradicts --plan."""
    if mode is not Mode.AUTO:
        raise WrongSettings(
            "--plan applies a plan, and the mode forbids it", next="use --mode auto, or leave out --plan"
        )
    if approved:
        raise WrongSettings(
            "--plan applies what was approved when it was saved",
            next="save it again: directus-sync diff --out PATH --allow-destroy or --discard-live ...",
        )
