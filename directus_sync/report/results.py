"""The text and the JSON of results: plans, checks, deploys, status. Pure; prints nothing."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from directus_sync.catalog import Drift
from directus_sync.errors import WrongSettings
from directus_sync.output import coloured, count, duration, nothing_to_do
from directus_sync.schema.diff import ABSENT, NO_DIFFERENCE, Action, Change, Kind
from directus_sync.schema.guard import Item, Mover, Plan
from directus_sync.seed import Action as RowAction

if TYPE_CHECKING:
    from directus_sync.attic import Copy, Restored
    from directus_sync.report.outcome import Checked, Deployed, Seeded, Status
    from directus_sync.schema.snapshot import Snapshot
    from directus_sync.seed.planning import Judged

_REJECTED_SHOWN: Final = 20
_AGE_DIGITS: Final = 5
_COLOURS: Final = {"+": "32", "~": "33", "-": "31"}


def plan(judged: Plan, *, in_colour: bool = False) -> str:
    """Return the plan: a line of counts, then a line an item."""
    lines = list(plan_lines(judged))
    counts = Counter(line.sign for line in lines)
    risk = f"; {count(judged.rows_at_risk, 'row')} at risk" if judged.rows_at_risk else ""
    text = [f"Plan: {counts['+']} to add, {counts['~']} to change, {counts['-']} to remove{risk}"]
    width = max((len(line.item) for line in lines), default=0)
    for line in lines:
        sign = coloured(line.sign, _COLOURS[line.sign]) if in_colour else line.sign
        text.append(f"  {sign} {line.item:<{width}}  {line.detail}".rstrip())
    return "\n".join(text)


def changes(judged: Plan) -> str:
    """Return how many lines the plan has, as words: `17 changes`."""
    return count(sum(1 for _ in plan_lines(judged)), "change")


def plan_document(judged: Plan) -> dict[str, Any]:
    """Return the plan for machines, as docs/plan.md describes it; one item for each entry of the server's diff."""
    difference = judged.difference
    return {
        "add": difference.count(Action.ADD),
        "change": difference.count(Action.CHANGE),
        "remove": difference.count(Action.REMOVE),
        "rows_at_risk": judged.rows_at_risk,
        "refused": bool(judged.refused),
        "items": [_document(item) for item in judged.items],
        "unmatched_approvals": list(judged.unmatched),
    }


@dataclass(frozen=True)
class PlanLine:
    """One line of a plan."""

    sign: str
    item: str
    detail: str


def plan_lines(judged: Plan) -> Iterator[PlanLine]:
    """Yield the lines of a plan. A new collection stands for its fields and relations."""
    added = [item.verdict.change for item in judged.items if item.verdict.change.action is Action.ADD]
    created = {change.collection for change in added if change.kind is Kind.COLLECTION}
    fields = Counter(change.collection for change in added if change.kind is Kind.FIELD)
    for item in judged.items:
        change = item.verdict.change
        if change.kind is Kind.COLLECTION and change.action is Action.ADD:
            number = fields[change.collection]
            detail = count(number, "field") if number else "folder"
        elif change.collection in created:
            continue
        else:
            detail = _detail(change)
        yield PlanLine(change.action.sign, change.id, "; ".join([detail, *_remarks(item)]))


def deployed(done: Deployed) -> str:
    """Return the last line of a deploy, which can be read alone."""
    took = duration(done.seconds)
    if done.nothing and done.pushed is None:
        return f"Nothing to do in the database; Directus's schema was not compared ({took})"
    if done.nothing:
        return nothing_to_do(done.seconds, notes=bool(done.verified.notes))
    pushed = done.pushed or Plan(NO_DIFFERENCE)
    text = f"Deployed in {took}: {len(done.pre)} pre, {changes(pushed)}, {len(done.post)} post"
    if done.verified.restored:
        text += f", {len(done.verified.restored)} put back"
    return f"{text}; {count(pushed.rows_at_risk, 'row')} at risk"


def deployed_document(done: Deployed) -> dict[str, Any]:
    """Return what a deploy did, for machines."""
    return {
        "seconds": round(done.seconds, 3),
        "pre": [revision.id for revision in done.pre],
        "bootstrapped": done.bootstrapped,
        "pushed": plan_document(done.pushed) if done.pushed is not None else None,
        "post": [revision.id for revision in done.post],
        "restored": list(done.verified.restored),
        "notes": list(done.verified.notes),
    }


def checked(found: Checked, *, in_colour: bool = False) -> str:
    """Return what differs between database, Directus and checkout, who moved, and what to run."""
    if found.equal:
        return "Nothing differs: database and Directus equal the checkout"
    lines = []
    for branch, todo in found.pending.items():
        if todo:
            names = ", ".join(revision.id for revision in todo)
            lines.append(f"{branch}: {count(len(todo), 'revision')} pending ({names})")
    if found.bootstrap:
        lines.append("Directus's own tables are missing, or older than the installed version")
    if found.plan:
        lines.append(plan(found.plan, in_colour=in_colour))
    lines += [f"{drift.kind.value}: {drift.object}" for drift in found.drift]
    return "\n".join([*lines, "next: " + "\n      ".join(_steps(found))])


def checked_document(found: Checked) -> dict[str, Any]:
    """Return what differs, for machines."""
    return {
        "equal": found.equal,
        "pending": {branch: [revision.id for revision in todo] for branch, todo in found.pending.items()},
        "bootstrap": found.bootstrap,
        "schema": plan_document(found.plan),
        "catalog": [{"object": str(drift.object), "drift": drift.kind.value} for drift in found.drift],
    }


def status(found: Status) -> str:
    """Return what the database has, a line a fact."""
    lines = [f"database   {found.database}"]
    for branch, (applied, head) in found.heads.items():
        lines.append(
            f"{branch:<10} {applied or 'nothing applied'}{'' if applied == head else f', checkout has {head}'}"
        )
    same = found.recorded_sha256 == found.snapshot_sha256
    recorded = "as recorded" if same else "differs from the recorded" if found.recorded_sha256 else "none recorded"
    lines.append(f"snapshot   {found.snapshot_sha256[:12]}, {recorded}")
    if found.deploy is not None:
        when = f"{found.deploy.finished_at:%Y-%m-%d %H:%M:%S %Z}"
        lines.append(f"deployed   {when} by {found.deploy.host}, in {duration(found.deploy.duration.total_seconds())}")
    else:
        lines.append("deployed   never")
    return "\n".join([*lines, f"lock       {found.lock_holder or 'free'}"])


def status_document(found: Status) -> dict[str, Any]:
    """Return what the database has, for machines; durations in seconds."""
    document = dataclasses.asdict(found)
    if found.deploy is not None:
        document["deploy"]["duration"] = found.deploy.duration.total_seconds()
    return document


def seeded(done: Seeded) -> str:
    """Return what became of the rows: new ones by collection, a line each that differs, and a line of counts."""
    new = Counter((file, judged.row.collection.name) for file, judged in done.rows if judged.action is RowAction.CREATE)
    width = max((len(collection) for _, collection in new), default=0)
    lines = [f"  + {collection:<{width}}  {count(number, 'row')}" for (_, collection), number in new.items()]
    lines += [line for _, judged in done.rows for line in _edited(judged)]
    return "\n".join([*lines, _seeded_in_short(done)])


def seeded_document(done: Seeded) -> dict[str, Any]:
    """Return what became of the rows, for machines; of those that are as in the file only the number."""
    return {
        "dry_run": done.dry_run,
        "created": done.count(RowAction.CREATE),
        "updated": done.count(RowAction.UPDATE),
        "overwritten": done.count(RowAction.OVERWRITE),
        "left_alone": done.left,
        "unchanged": done.count(RowAction.NONE),
        "rows": [
            {
                "file": file,
                "line": int(judged.row.where.rpartition(":")[2]),
                "collection": judged.row.collection.name,
                "key": judged.row.label,
                "action": judged.action.value,
                "edits": [dataclasses.asdict(edit) for edit in judged.edits],
            }
            for file, judged in done.rows
            if judged.action is not RowAction.NONE
        ],
    }


def contents(live: Snapshot) -> str:
    """Return what a snapshot has, in numbers."""
    sections = (("collections", "collection"), ("fields", "field"), ("relations", "relation"))
    return ", ".join(count(len(live.section(section)), noun) for section, noun in sections)


def copy_line(copy: Copy) -> str:
    """Return one line of `attic list`."""
    restored = ", restored" if copy.restored_at else ""
    when = f"{copy.taken_at:%Y-%m-%d %H:%M}"
    return f"{copy.id:>4}  {copy.item.id}  {count(copy.rows, 'row')}, {when} by {copy.command} on {copy.host}{restored}"


def copy_document(copy: Copy) -> dict[str, Any]:
    """Return a copy for machines."""
    return {**dataclasses.asdict(copy), "item": copy.item.id}


def restored(done: Restored) -> str:
    """Return what a restore brought back, and what did not fit and why."""
    lines = [
        f"Restored {count(done.restored, 'row')} of {done.copy.item.id};"
        f" {done.already_there} were there already, {len(done.rejected)} did not fit"
    ]
    if done.missing_columns:
        lines.append(f"columns that are gone: {', '.join(done.missing_columns)}")
    lines += [f"  {rejected.key}: {rejected.reason}" for rejected in done.rejected[:_REJECTED_SHOWN]]
    if len(done.rejected) > _REJECTED_SHOWN:
        lines.append(f"  and {len(done.rejected) - _REJECTED_SHOWN} more; --json lists all")
    return "\n".join(lines)


def restored_document(done: Restored) -> dict[str, Any]:
    """Return what a restore did, for machines."""
    return {**dataclasses.asdict(done), "copy": copy_document(done.copy)}


def age(text: str) -> timedelta:
    """Read a time span such as 90d, 12h or 4w. Raises WrongSettings."""
    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or len(number) > _AGE_DIGITS or unit not in units:
        raise WrongSettings(f"{text[:20]!r} is not an age", where="--older-than", next="write it as 90d, 12h or 4w")
    return timedelta(**{units[unit]: int(number)})


def _steps(found: Checked) -> list[str]:
    """Say what to run for each kind of difference."""
    movers = {item.verdict.mover for item in found.plan.items if item.rule is not None}
    steps = []
    if Mover.SERVER in movers:
        steps.append("directus-sync pull captures what was changed in Directus")
    if Mover.BOTH in movers:
        steps.append("directus-sync push names what git and Directus both changed, and both ways out")
    if Mover.GIT in movers:
        steps.append("directus-sync push names what nobody approved, and how to")
    if any(drift.kind is not Drift.UNEXPECTED for drift in found.drift):
        steps.append("directus-sync deploy puts back what the catalog lists and the database lacks")
    if any(drift.kind is Drift.UNEXPECTED for drift in found.drift):
        steps.append("directus-sync pull lists in the catalog what the database has")
    return steps or ["directus-sync deploy brings the checkout to the database"]


def _edited(judged: Judged) -> Iterator[str]:
    for left, fate in (False, ""), (True, "; edited in Directus, left alone"):
        edits = ", ".join(
            f"{edit.field}: {_short(edit.before)} -> {_short(edit.after)}" for edit in judged.edits if edit.left is left
        )
        if edits:
            yield f"  ~ {judged.row.collection.name} {judged.row.label}  {edits}{fate}"


def _seeded_in_short(done: Seeded) -> str:
    created, overwritten = done.count(RowAction.CREATE), done.count(RowAction.OVERWRITE)
    updated = done.count(RowAction.UPDATE)
    alone = f"{done.left} edited in Directus and left alone (--force overwrites)" if done.left else ""
    if not done.writes:
        there = f"Nothing to seed: {count(len(done.rows), 'row')} there already"
        return ", ".join(filter(None, [there, alone])) + f" ({duration(done.seconds)})"
    if done.dry_run:
        updates = f"{updated} to update" if updated else ""
        parts = [f"Seed: {created} to create", updates, f"{overwritten} to overwrite", alone]
    else:
        updates = f"{updated} updated" if updated else ""
        parts = [f"Seeded in {duration(done.seconds)}: {created} created", updates, f"{overwritten} overwritten", alone]
    return ", ".join(filter(None, parts))


def _document(item: Item) -> dict[str, Any]:
    change = item.verdict.change
    return {
        "action": change.action.value,
        "kind": change.kind.noun,
        "id": change.id,
        "moved_by": item.verdict.mover.value,
        "rows_at_risk": item.rows,
        "refused": item.rule.value if item.rule else None,
        "approved": item.reason or None,
        "takes_along": [found.name for found in item.taken],
        "edits": [
            {"path": edit.name}
            | {name: v for name, v in (("before", edit.before), ("after", edit.after)) if v is not ABSENT}
            for edit in change.edits
        ],
    }


def _remarks(item: Item) -> Iterator[str]:
    """Say who moved, where it was not git alone, and what becomes of the rows."""
    verdict = item.verdict
    if verdict.change.action is Action.ADD and verdict.mover is Mover.SERVER:
        yield "was removed on the server, comes back"
    elif verdict.mover is not Mover.GIT:
        yield f"changed by {'the server' if verdict.mover is Mover.SERVER else 'git and the server'}"
    if verdict.risks:
        yield f"{count(item.rows, 'row')} at risk"
    if item.taken:
        yield f"takes along {', '.join(found.name for found in item.taken)}"
    if item.rule is not None:
        yield f"refused: {item.rule.value}"
    elif item.reason:
        yield f"approved: {item.reason}"


def _detail(change: Change) -> str:
    noun = change.kind.noun
    if change.action is Action.CHANGE:
        edits = [f"{edit.name}: {_short(edit.before)} -> {_short(edit.after)}" for edit in change.edits]
        more = f", and {len(edits) - 3} more" if len(edits) > 3 else ""
        prefix = "" if change.kind is Kind.FIELD else f"{noun}, "
        return prefix + ", ".join(edits[:3]) + more
    if change.kind is Kind.RELATION:
        return f"relation to {change.related}"
    shape = change.after or change.before or {}
    return f"{noun}, {shape['type']}" if "type" in shape else noun


def _short(value: object) -> str:
    if value is ABSENT:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 32 else f"{text[:31]}…"
