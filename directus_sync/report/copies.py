"""Text and JSON of the attic's copies and of restores. Pure; prints nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from directus_sync import output
from directus_sync.attic import Copy, Restored
from directus_sync.text.wording import LINES, count


def copy_line(copy: Copy) -> str:
    """Return the line of a copy in `attic list`."""
    restored = ", restored" if copy.restored_at else ""
    when = f"{copy.taken_at:%Y-%m-%d %H:%M}"
    made = f"{when} by {copy.command} on {copy.host}, run {str(copy.run)[:8]}"
    return f"{copy.id:>4}  {copy.item.id}  {count(copy.rows, 'row')}, {made}{restored}"


def copy_document(copy: Copy) -> dict[str, Any]:
    """Return a copy as JSON."""
    return {**dataclasses.asdict(copy), "item": copy.item.id}


def restored(done: Restored, *, dry_run: bool = False) -> str:
    """Return how many rows a restore put back, and which rows did not fit and why."""
    lines = [
        f"{'Would restore' if dry_run else 'Restored'} {count(done.restored, 'row')} of {done.copy.item.id};"
        f" {done.already_there} existed already, {len(done.rejected)} did not fit"
    ]
    if done.missing_columns:
        lines.append(f"columns that no longer exist: {', '.join(done.missing_columns)}")
    shown = done.rejected[:LINES]
    lines += [f"  {output.value(rejected.key)}: {output.masked(rejected.reason)}" for rejected in shown]
    if len(done.rejected) > LINES:
        lines.append(f"  and {len(done.rejected) - LINES} more; --json lists all")
    return "\n".join(lines)


def restored_document(done: Restored) -> dict[str, Any]:
    """Return the result of a restore as JSON."""
    document = dataclasses.asdict(done)
    document["access"] = document.pop("has_companions")
    return {**document, "copy": copy_document(done.copy)}
