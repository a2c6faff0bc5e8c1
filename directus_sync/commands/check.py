"""`check`: compares database and Directus with this checkout, and changes nothing."""

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
from directus_sync.steps.planning import Request


@click.command()
@options.with_snapshot
@options.with_approvals
@options.with_json
def command(
    snapshot: Path | None, allow_destroy: frozenset[str], discard_live: frozenset[str], *, as_json: bool
) -> None:
    """Compare database and Directus with this checkout. Changes nothing; exits 3 if anything differs."""
    show(options.load(snapshot), Request(allow_destroy, discard_live), as_json=as_json)


def show(settings: Settings, request: Request, *, as_json: bool) -> None:
    """Print what a deploy would do. Exit 3 if anything differs."""
    checked = comparing.check(settings, request, Progress())
    text = results.checked(checked, in_colour=output.in_colour(sys.stdout))
    output.json_or_text(results.checked_document(checked), text, as_json=as_json)
    options.finish(0 if checked.equal else 3)
