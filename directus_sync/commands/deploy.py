"""`deploy`: one run under one lock, from the first revision to the record: pre, push, post, resources, verify."""

from __future__ import annotations

import dataclasses
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import rich_click as click

from directus_sync import attic, output, settings
from directus_sync.catalog.upkeep import Verified
from directus_sync.commands import check, options
from directus_sync.errors import SyncError, WrongSettings
from directus_sync.output import Progress
from directus_sync.postgres import database
from directus_sync.postgres.database import Connection
from directus_sync.process import handover
from directus_sync.report import results
from directus_sync.report.copies import copy_line
from directus_sync.report.outcome import Deployed
from directus_sync.schema.diff import NO_DIFFERENCE
from directus_sync.schema.plan import Plan
from directus_sync.settings import Mode, Settings
from directus_sync.state import fingerprint, history, provenance
from directus_sync.steps import families, planning, preloading, sessions
from directus_sync.steps.deploying import Deploying, Goal
from directus_sync.steps.planning import Request


class _WithCommand(click.RichCommand):
    """Accepts a command, but only after --. So a mistyped argument is not taken for a program."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        own = arguments[: arguments.index("--")] if "--" in arguments else arguments
        context.obj = tuple(arguments[len(own) + 1 :])
        if len(own) + 1 == len(arguments) and not context.resilient_parsing:
            raise click.UsageError("no command after --", context)
        return super().parse_args(context, own)


@click.command(cls=_WithCommand, options_metavar="[OPTIONS] [-- COMMAND [ARG]...]")
@click.pass_obj
@options.with_snapshot
@options.with_mode
@options.with_approvals
@options.with_attic
@click.option(
    "--upgrade-directus", metavar="VERSION", help="Allow the installed Directus, VERSION, to upgrade an older database."
)
@options.with_dry_run
@options.with_json
def command(
    command: tuple[str, ...],
    snapshot: Path | None,
    mode: Mode | None,
    allow_destroy: frozenset[str],
    discard_live: frozenset[str],
    upgrade_directus: str | None,
    *,
    no_attic: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run everything: pre revisions, Directus's own tables, the snapshot, post revisions, access, resources.

    Uses the Directus at DIRECTUS_URL, or starts a temporary one from DIRECTUS_HOME. Safe to run again,
    and safe to run many times at once: one works, the others wait.

    With a COMMAND, replaces itself with that program after a successful deploy, as a container's entrypoint does. The
    program gets the environment, but not the settings from .env.
    """
    if command and shutil.which(command[0]) is None:
        raise WrongSettings(f"{command[0]} is not a program that can be run", next="correct the command after --")
    loaded = options.load(snapshot, Mode.DRY_RUN if dry_run else mode)
    if upgrade_directus is not None:
        loaded = dataclasses.replace(loaded, upgrade_directus=upgrade_directus)
    boot = bool(command) and loaded.serve_on_drift
    request = Request(allow_destroy, discard_live, keep=not no_attic, boot=boot)
    uncaptured: tuple[str, ...] = ()
    if loaded.mode is Mode.DRY_RUN:
        check.show(loaded, request, as_json=as_json)
    else:
        done = run(loaded, request, Progress())
        if done.pushed is None:
            output.note("Nothing was pushed: the mode is skip")
        output.json_or_text(results.deployed_document(done), results.deployed(done), as_json=as_json)
        uncaptured = done.uncaptured
    if command:
        handover.become(command, settings.serving_environment(len(uncaptured)))


def run(settings: Settings, request: Request, progress: Progress) -> Deployed:
    """Make database and Directus equal this checkout.

    First checks everything that can be checked without a change. Any number of deploys can run at once: one works, the
    others wait for the lock and then find nothing to do.

    Raises SyncError. Its `done` lists the finished steps, which are not undone. Running again is safe.
    """
    started = time.monotonic()
    # Hash the files before anything else: later edits must not be recorded as deployed.
    inputs = fingerprint.inputs(settings)
    with ExitStack() as stack:
        loading = preloading.load(settings, inputs, stack)
        wanted = planning.preflight(settings)
        goal = Goal(wanted, families.read_wanted(settings, wanted, progress), inputs)
        # The preloaded Directus must end before the lock is released: it may still be working.
        with sessions.writing(settings, "deploy", progress) as connection, stack.pop_all():
            _purge(settings, connection, progress)
            unmoved = fingerprint.unmoved(connection, settings) if settings.mode is Mode.AUTO else None
            if unmoved is not None:
                # Another deploy did the work while this one waited for the lock.
                verified = Verified(notes=unmoved.notes)
                return Deployed((), False, Plan(NO_DIFFERENCE), (), verified, time.monotonic() - started)
            who, plain = provenance.of(connection, settings), database.for_directus(settings, connection)
            try:
                return Deploying(plain, request, progress, connection, goal, who).run(loading, started)
            except SyncError as error:
                history.record_failure(connection, who, error, request.run)
                raise


def _purge(settings: Settings, connection: Connection, progress: Progress) -> None:
    """Delete copies in the attic that are older than the retention setting."""
    if settings.attic_retention is not None:
        for copy in attic.purge(connection, attic.overdue(connection, settings.attic_retention)):
            progress.note(f"Purged {copy_line(copy)}")
