"""Text and JSON of seeding. Pure; prints nothing."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from directus_sync.output import duration
from directus_sync.report.outcome import Seeded
from directus_sync.report.plans import short
from directus_sync.seed import Action
from directus_sync.text.wording import count

if TYPE_CHECKING:
    from directus_sync.seed.planning import PlannedRow


def seeded(done: Seeded) -> str:
    """Return the text: new rows by collection, one line for each row that differs, and a line of counts."""
    new = Counter((file, planned.row.collection.name) for file, planned in done.rows if planned.action is Action.CREATE)
    width = max((len(collection) for _, collection in new), default=0)
    lines = [f"  + {collection:<{width}}  {count(number, 'row')}" for (_, collection), number in new.items()]
    lines += [line for _, planned in done.rows for line in _edited(planned)]
    return "\n".join([*lines, _seeded_in_short(done)])


def seeded_document(done: Seeded) -> dict[str, Any]:
    """Return the result as JSON. Rows that equal their file are only counted."""
    return {
        "dry_run": done.dry_run,
        "created": done.count(Action.CREATE),
        "updated": done.count(Action.UPDATE),
        "overwritten": done.count(Action.OVERWRITE),
        "left_alone": done.left,
        "unchanged": done.count(Action.NONE),
        "rows": [
            {
                "file": file,
                "line": int(planned.row.where.rpartition(":")[2]),
                "collection": planned.row.collection.name,
                "key": planned.row.label,
                "action": planned.action.value,
                "edits": [dataclasses.asdict(edit) for edit in planned.edits],
            }
            for file, planned in done.rows
            if planned.action is not Action.NONE
        ],
    }


def _edited(planned: PlannedRow) -> Iterator[str]:
    for left, fate in (False, ""), (True, "; edited in Directus, left alone"):
        edits = ", ".join(
            f"{edit.field}: {short(edit.before)} -> {short(edit.after)}" for edit in planned.edits if edit.left is left
        )
        if edits:
            yield f"  ~ {planned.row.collection.name} {planned.row.label}  {edits}{fate}"


def _seeded_in_short(done: Seeded) -> str:
    created, overwritten = done.count(Action.CREATE), done.count(Action.OVERWRITE)
    updated = done.count(Action.UPDATE)
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
