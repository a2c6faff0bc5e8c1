"""Everything that a push would do, schema and families, for `diff` and for a push that only shows. Changes nothing."""

from __future__ import annotations

from pathlib import Path

from directus_sync.errors import WrongSettings
from directus_sync.output import Progress
from directus_sync.report.outcome import Compared
from directus_sync.schema import guard, saved_plan
from directus_sync.settings import Settings
from directus_sync.state import fingerprint
from directus_sync.steps import families, planning, resources, sessions
from directus_sync.steps.parts import EVERYTHING, Part
from directus_sync.steps.planning import Request


def compare(
    settings: Settings,
    request: Request,
    progress: Progress,
    parts: frozenset[Part] = EVERYTHING,
    out: Path | None = None,
) -> Compared:
    """Return what a push would do, and save it to `out`."""
    if out is not None and parts != EVERYTHING:
        raise WrongSettings("--out saves the whole plan, and --only leaves a part out", next="leave out one of them")
    wanted, approved = planning.read_wanted(settings), planning.approved(settings, request)
    of_families = families.read_wanted(settings, wanted, progress, parts)
    with sessions.reading(settings, "diff", progress) as connection:
        schema = None
        if fingerprint.unmoved(connection, settings):
            schema = guard.unchanged(planning.of_schema(approved)) if Part.SCHEMA in parts else None
            judged = families.unchanged(of_families, approved)
        else:
            judged = families.judged(connection, of_families, approved)
            if Part.SCHEMA in parts:
                with sessions.directus(settings, connection, progress) as client:
                    schema = planning.plan(settings, connection, client, wanted, approved)
    if schema is not None:
        planning.note_pointless(settings, progress, schema.unmatched, wanted.ids)
    found = Compared(schema, judged)
    if out is not None and schema is not None:
        saved_plan.write(out, schema, wanted.sha256, approved, {plan.family: resources.saved(plan) for plan in judged})
    return found
