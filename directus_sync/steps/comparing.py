"""Compares files with database and Directus: for a push, or for a whole deploy. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from directus_sync import catalog, roles
from directus_sync.catalog import upkeep
from directus_sync.directus import extensions, installation, upgrading
from directus_sync.errors import WrongSettings
from directus_sync.output import Progress
from directus_sync.postgres import database, limits
from directus_sync.report.outcome import Checked, Compared
from directus_sync.resources.forms import Wanted
from directus_sync.revisions import branches
from directus_sync.revisions.branches import BRANCHES
from directus_sync.roles import granting
from directus_sync.schema import comparison, guard, saved_plan, snapshot
from directus_sync.schema.diff import NO_DIFFERENCE, SchemaDiff
from directus_sync.schema.plan import Approvals, Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import applied_revisions, fingerprint
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
    """Return what a push would do. If `out` is given, save the plan there."""
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
        planning.note_unused_approvals(settings, progress, found.schema.unmatched, wanted.ids)
        if out is not None:
            plans = {plan.family: resources.saved(plan) for plan in found.families}
            saved_plan.write(out, found.schema, wanted.sha256, approved, plans)
    return found


def unmoved(of_families: Iterable[Wanted], approved: Approvals, parts: frozenset[Part] = EVERYTHING) -> Compared:
    """Return the plans of a push for a database that equals the files: no changes, and approvals that match nothing."""
    schema = guard.unchanged(planning.schema_approvals(approved)) if Part.SCHEMA in parts else None
    return Compared(schema, families.unchanged(of_families, approved))


def check(settings: Settings, request: Request, progress: Progress) -> Checked:
    """Return everything that a deploy would change, as far as it can be known before pending revisions run."""
    wanted = planning.preflight(settings)
    approved = planning.approved(settings, request)
    of_families = families.read_wanted(settings, wanted, progress)
    with sessions.reading(settings, "check") as connection:
        database.require_extensions(connection)
        applied_revisions.require_unedited(connection)
        pending = {branch: branches.pending(connection, branch) for branch in BRANCHES}
        if not installation.is_in_database(connection):
            everything = _plan_of_everything(wanted, planning.schema_approvals(approved))
            family_plans = families.judged(connection, of_families, approved)
            return Checked(pending, True, everything, families=family_plans)
        if settings.directus_url is None and installation.needs_bootstrap(connection, settings):
            missing = upgrading.missing_migrations(connection, settings)
            return Checked(pending, True, Plan(NO_DIFFERENCE), migrations=missing)
        ours = extensions.read(settings.extensions)
        inactive = extensions.switched_off(connection, ours)
        if fingerprint.unmoved(connection, settings):
            judged = guard.unchanged(planning.schema_approvals(approved))
            family_plans = families.unchanged(of_families, approved)
        else:
            family_plans = families.judged(connection, of_families, approved)
            with sessions.directus(settings, connection, progress) as client:
                judged = planning.plan(settings, connection, client, wanted, approved)
                inactive += extensions.not_loaded(client, ours) if settings.directus_url is not None else ()
        settled = not judged and not any(pending.values())
        # Skip what will still change: all objects if revisions are pending, and tables that the push changes.
        expected = None if any(pending.values()) else upkeep.read_expected(settings.catalog)
        pushed = {catalog.identifier(item.change.collection) for item in judged.items}
        for warning in limits.near_lock_limit(connection):
            progress.note(f"note: {warning}")
        found = upkeep.repairs(connection, expected)
        repairs = tuple(repair for repair in found if repair.difference.object.parts[0] not in pushed)
        wrong = granting.plan(connection, roles.read(settings.roles)) if settled else ()
        return Checked(pending, False, judged, repairs, inactive, family_plans, wrong)


def _plan_of_everything(wanted: Snapshot, approved: Approvals) -> Plan:
    """Return the plan for a database that has no Directus yet: everything in the snapshot is new."""
    nothing = snapshot.empty(wanted)
    difference = SchemaDiff(comparison.between(nothing, wanted))
    verdicts = guard.judge(difference, base=None, wanted=wanted, live=nothing)
    return guard.decide(difference, verdicts, {}, approved)
