"""Text and JSON of comparisons, deploys, checks, pulls and the status. Pure; prints nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final

from directus_sync.catalog import Drift
from directus_sync.directus.extensions import State
from directus_sync.output import duration, nothing_to_do
from directus_sync.report import plans, resources
from directus_sync.report.outcome import Adopted, Captured, Checked, Compared, Deployed, Status
from directus_sync.resources.families import FAMILIES
from directus_sync.resources.plan import ResourcePlan
from directus_sync.schema.diff import NO_DIFFERENCE
from directus_sync.schema.plan import Mover, Plan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.text.wording import count

# How a pull changes catalog.yaml for each kind of difference.
_DRIFT_SIGNS: Final = {Drift.MISSING: "-", Drift.CHANGED: "~", Drift.UNEXPECTED: "+"}


def compared(found: Compared, *, in_colour: bool = False) -> str:
    """Return the text of a comparison."""
    if found.differs:
        schema = [plans.plan(found.schema, in_colour=in_colour)] if found.schema else []
        of_families = (resources.plan(plan, in_colour=in_colour) for plan in found.families if plan.differs)
        return "\n".join([*schema, *of_families])
    if found.schema is None and not found.families:
        return "Nothing to compare: this part is not kept in files"
    return "Nothing differs: Directus equals the " + ("snapshot" if found.schema is not None else "files")


def compared_document(found: Compared) -> dict[str, Any]:
    """Return what a push would do, or did, as JSON. Parts that were left out are missing."""
    document = plans.plan_document(found.schema) if found.schema is not None else {}
    return document | {plan.family: resources.document(plan) for plan in found.families}


def captured(done: Captured) -> list[str]:
    """Return the lines of a pull: what it changed in the files, or would change in a dry run."""
    lines = [f"  {line.sign} {line.item}  {line.detail}" for line in plans.change_lines(done.schema)]
    lines += [f"  {_DRIFT_SIGNS[found.kind]} {found.object}" for found in done.catalog]
    return lines + [f"  ~ {name}" for name in done.resources]


def captured_document(done: Captured) -> dict[str, Any]:
    """Return what a pull changed as JSON."""
    return {
        "dry_run": done.dry_run,
        "files": [] if done.dry_run else [str(path) for path in done.files],
        "changes": [{"action": change.action.value, "id": change.id} for change in done.schema],
        "catalog": [str(found.object) for found in done.catalog],
        "entered": list(done.resources),
    }


def adopted(done: Adopted) -> str:
    """Return what adopt recorded, and what a push would do now."""
    found = contents(done.live)
    first = f"Adopted {found}" if done.recorded else f"Nothing to adopt: {found} are recorded already"
    would_do = Compared(done.plan, done.families)
    return "\n".join([first, compared(would_do)] if would_do.differs else [first])


def adopted_document(done: Adopted) -> dict[str, Any]:
    """Return what adopt recorded, and what a push would do now, as JSON."""
    found = compared_document(Compared(done.plan, done.families))
    return {"recorded": done.recorded, "contents": contents(done.live), "plan": found}


def deployed(done: Deployed) -> str:
    """Return the last line of a deploy. It must make sense alone."""
    took = duration(done.seconds)
    if done.is_idle and done.pushed is None:
        return f"Nothing to do in the database; Directus's schema was not compared ({took})"
    if done.is_idle:
        return nothing_to_do(done.seconds, notes=bool(done.verified.notes))
    pushed = done.pushed or Plan(NO_DIFFERENCE)
    text = f"Deployed in {took}: {len(done.pre)} pre, {plans.changes(pushed)}, {len(done.post)} post"
    text += "".join(f", {resources.changes(plan)}" for plan in done.families if plan)
    if done.verified.restored:
        text += f", {len(done.verified.restored)} put back"
    if done.switched_on:
        text += f", {len(done.switched_on)} switched on"
    if done.rights:
        text += f", {count(len(done.rights), 'right')} corrected"
    return f"{text}; {count(pushed.rows_at_risk, 'row')} at risk"


def deployed_document(done: Deployed) -> dict[str, Any]:
    """Return what a deploy did as JSON."""
    return {
        "seconds": round(done.seconds, 3),
        "pre": [revision.id for revision in done.pre],
        "bootstrapped": done.bootstrapped,
        "directus": done.directus,
        "pushed": plans.plan_document(done.pushed) if done.pushed is not None else None,
        **_families(done.families),
        "post": [revision.id for revision in done.post],
        "restored": list(done.verified.restored),
        "switched_on": list(done.switched_on),
        "rights": list(done.rights),
        "notes": list(done.verified.notes),
    }


def checked(found: Checked, *, in_colour: bool = False) -> str:
    """Return the differences between database, Directus and checkout, who made them, and what to run."""
    if found.equal:
        return "Nothing differs: database and Directus equal the checkout"
    lines = []
    for branch, todo in found.pending.items():
        if todo:
            names = ", ".join(revision.id for revision in todo)
            lines.append(f"{branch}: {count(len(todo), 'revision')} pending ({names})")
    if found.bootstrap:
        lines.append("Directus's own tables are missing, or older than the installed version")
        lines += [f"  {name}" for name in found.migrations]
    if found.plan:
        lines.append(plans.plan(found.plan, in_colour=in_colour))
    lines += [resources.plan(plan, in_colour=in_colour) for plan in found.families if plan.differs]
    for repair in found.drift:
        lines.append(f"{repair.difference.kind.value}: {repair.difference.object}")
        lines += [f"  {line}" for line in repair.sql.splitlines()]
        if repair.refused is not None:
            lines.append(f"  is not put back: {repair.refused}")
    lines += [f"{part.state.value}: {part.name}, a part of Directus's extensions" for part in found.inactive]
    lines += [f"rights: {statement}" for statement in found.rights]
    return "\n".join([*lines, "next: " + "\n      ".join(_steps(found))])


def checked_document(found: Checked) -> dict[str, Any]:
    """Return the differences as JSON."""
    return {
        "equal": found.equal,
        "pending": {branch: [revision.id for revision in todo] for branch, todo in found.pending.items()},
        "bootstrap": found.bootstrap,
        "directus_migrations": list(found.migrations),
        "schema": plans.plan_document(found.plan),
        **_families(found.families),
        "catalog": [
            {
                "object": str(repair.difference.object),
                "drift": repair.difference.kind.value,
                "sql": repair.sql,
                "refused": repair.refused,
            }
            for repair in found.drift
        ],
        "extensions": [{"name": part.name, "state": part.state.value} for part in found.inactive],
        "rights": list(found.rights),
    }


def status(found: Status) -> str:
    """Return the text of a status, one line per fact."""
    lines = [f"database   {found.database}"]
    for branch, (applied, head) in found.heads.items():
        lines.append(
            f"{branch:<10} {applied or 'nothing applied'}{'' if applied == head else f', checkout has {head}'}"
        )
    same = found.recorded_sha256 == found.snapshot_sha256
    recorded = "as recorded" if same else "differs from the recorded" if found.recorded_sha256 else "none recorded"
    lines.append(f"snapshot   {found.snapshot_sha256[:12]}, {recorded}")
    for name, same in found.families.items():
        lines.append(f"{name:<10} {'as recorded' if same else 'differs from the recorded'}")
    if found.deploy is not None:
        when = f"{found.deploy.finished_at:%Y-%m-%d %H:%M:%S %Z}"
        who = f"{found.deploy.account} on {found.deploy.host}" if found.deploy.account else found.deploy.host
        commit = f", commit {found.deploy.commit[:12]}" if found.deploy.commit else ""
        lines.append(f"deployed   {when} by {who}, in {duration(found.deploy.duration.total_seconds())}{commit}")
    else:
        lines.append("deployed   never")
    if found.failure is not None:
        when = f"{found.failure.failed_at:%Y-%m-%d %H:%M:%S %Z}"
        lines.append(f"failed     {when} on {found.failure.host}: {found.failure.error}")
    lines += [f"note       {note}" for note in (found.deploy.notes if found.deploy else ())]
    return "\n".join([*lines, f"lock       {found.lock_holder or 'free'}"])


def status_document(found: Status) -> dict[str, Any]:
    """Return a status as JSON; durations in seconds."""
    document = dataclasses.asdict(found)
    document |= {family.name: document["families"].get(family.name) for family in FAMILIES}
    del document["families"]
    if found.deploy is not None:
        document["deploy"]["duration"] = found.deploy.duration.total_seconds()
    return document


def contents(live: Snapshot) -> str:
    """Return the size of a snapshot: how many collections, fields and relations."""
    sections = (("collections", "collection"), ("fields", "field"), ("relations", "relation"))
    return ", ".join(count(len(live.section(section)), noun) for section, noun in sections)


def _families(plans_: Iterable[ResourcePlan]) -> dict[str, Any]:
    """Return the plan of each family as JSON, None if the family is not kept in files."""
    by_name = {plan.family: resources.document(plan) for plan in plans_}
    return {family.name: by_name.get(family.name) for family in FAMILIES}


def _steps(found: Checked) -> list[str]:
    """Return what to run for each kind of difference."""
    movers = {item.verdict.mover for item in found.plan.items if item.rule is not None}
    movers |= {item.mover for plan in found.families for item in plan.refused}
    steps = []
    if Mover.SERVER in movers:
        steps.append("directus-sync pull captures what was changed in Directus")
    if Mover.BOTH in movers:
        steps.append("directus-sync push lists what git and Directus both changed, and how to keep either side")
    if Mover.GIT in movers:
        steps.append("directus-sync push lists what needs approval, and how to approve it")
    if any(repair.difference.kind is not Drift.UNEXPECTED for repair in found.drift):
        steps.append("directus-sync deploy puts back what the catalog lists and the database lacks")
    if any(repair.difference.kind is Drift.UNEXPECTED for repair in found.drift):
        steps.append("directus-sync pull adds to the catalog what only the database has")
    if any(plan.unknown for plan in found.families):
        steps.append("directus-sync pull adds to the files what is in no file; or delete it in Directus")
    if any(part.state is State.OFF for part in found.inactive):
        steps.append("directus-sync deploy switches on the parts of extensions that were switched off")
    if any(part.state is State.NOT_LOADED for part in found.inactive):
        steps.append("start the Directus at DIRECTUS_URL again, with the built extension in its EXTENSIONS_PATH")
    return steps or ["directus-sync deploy brings the checkout to the database"]
