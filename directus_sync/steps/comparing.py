"""Everything that a push would do, schema and families, for `diff` and for a push that only shows. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from directus_sync.errors import WrongSettings
from directus_sync.output import Progress
from directus_sync.report.outcome import Compared
from directus_sync.resources.forms import Wanted
from directus_sync.schema import guard, saved_plan
from directus_sync.schema.plan import Approvals
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
    with sessions.reading(settings, "diff") as connection:
        if fingerprint.unmoved(connection, settings):
            found = unmoved(of_families, approved, parts)
        else:
            judged, schema = families.judged(connection, of_families, approved), None
            if Part.SCHEMA in parts:
                with sessions.directus(settings, connection, progress) as client:
                    schema = planning.plan(settings, connection, client, wanted, approved)
            found = Compared(schema, judged)
    if found.schema is not None:
        planning.note_pointless(settings, progress, found.schema.unmatched, wanted.ids)
        if out is not None:
            plans = {plan.family: resources.saved(plan) for plan in found.families}
            saved_plan.write(out, found.schema, wanted.sha256, approved, plans)
    return found


def unmoved(of_families: Iterable[Wanted], approved: Approvals, parts: frozenset[Part] = EVERYTHING) -> Compared:
    """Return what a push would do where nothing moved since database and files were equal."""
    schema = guard.unchanged(planning.of_schema(approved)) if Part.SCHEMA in parts else None
    return Compared(schema, families.unchanged(of_families, approved))
