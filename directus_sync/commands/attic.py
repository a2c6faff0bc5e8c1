"""`attic`: lists the copies of what was destroyed, puts them back, deletes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import rich_click as click

from directus_sync import attic, output
from directus_sync.commands import options, sessions
from directus_sync.errors import WrongSettings, count
from directus_sync.output import Progress
from directus_sync.report import copies as report

_AGE_DIGITS: Final = 5


@click.group()
def command() -> None:
    """List the copies of what was destroyed, put them back, delete them."""


@command.command("list")
@options.with_json
def list_(*, as_json: bool) -> None:
    """List the copies, the newest first."""
    with sessions.reading(options.load(), "attic list", Progress()) as connection:
        copies = attic.listing(connection)
    if as_json:
        output.document({"copies": [report.copy_document(copy) for copy in copies]})
    else:
        output.result("\n".join(report.copy_line(copy) for copy in copies) or "The attic is empty")


@command.command()
@click.argument("copy", type=int, metavar="ID", help="The copy, as attic list numbers it.")
@click.option("--over-default", is_flag=True, help="For a field's copy, also overwrite rows that hold the default.")
@options.with_json
def restore(copy: int, *, over_default: bool, as_json: bool) -> None:
    """Put a copy's rows back into its item, once that exists again. Overwrites nothing; exits 1 if rows don't fit."""
    loaded, progress = options.load(), Progress()
    with sessions.writing(loaded, "attic restore", progress) as connection:
        restored = attic.restore(connection, copy, over_default=over_default)
        if restored.access and loaded.directus_url is not None:
            with sessions.directus(loaded, connection, progress) as client:
                client.clear_cache()
        elif restored.access:
            progress.note("note: a Directus that runs now sees the rights that came back when it starts again")
    if as_json:
        output.document(report.restored_document(restored))
    else:
        output.result(report.restored(restored))
    options.finish(1 if restored.rejected else 0)


@command.command()
@click.option("--older-than", required=True, metavar="AGE", help="Such as 90d, 12h or 4w; 0d deletes every copy.")
def purge(older_than: str) -> None:
    """Delete copies for good."""
    span = age(older_than)
    with sessions.writing(options.load(), "attic purge", Progress()) as connection:
        purged = attic.purge(connection, span)
    for copy in purged:
        output.note(f"Purged {report.copy_line(copy)}")
    output.result(f"Purged {count(len(purged), 'copy', 'copies')}")


def age(text: str) -> timedelta:
    """Read a time span such as 90d, 12h or 4w. Raises WrongSettings."""
    units = {"h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or len(number) > _AGE_DIGITS or unit not in units:
        raise WrongSettings(f"{text[:20]!r} is not an age", where="--older-than", next="write it as 90d, 12h or 4w")
    return timedelta(**{units[unit]: int(number)})
