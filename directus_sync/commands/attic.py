"""`attic`: lists the copies of what was destroyed, puts them back, deletes them."""

from __future__ import annotations

from collections.abc import Sequence

import rich_click as click

from directus_sync import attic, output, settings
from directus_sync.commands import options, sessions
from directus_sync.errors import AtticUnknownCopy, WrongSettings, count
from directus_sync.output import Progress
from directus_sync.report import copies as report


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
            progress.note("note: a Directus that runs now sees what came back when it starts again")
    if as_json:
        output.document(report.restored_document(restored))
    else:
        output.result(report.restored(restored))
    options.finish(1 if restored.rejected else 0)


@command.command()
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...", help="The copies, as attic list numbers them.")
@click.option("--older-than", metavar="AGE", help="Such as 90d, 12h or 4w; 0d deletes every copy.")
@click.option("--item", metavar="ITEM", help="A collection with its fields, or one field: vehicles, vehicles.plate.")
def purge(ids: tuple[int, ...], older_than: str | None, item: str | None) -> None:
    """Delete copies for good: by number, by age, or those of an item. Together they narrow the choice."""
    span = None if older_than is None else settings.age(older_than, "--older-than")
    if not ids and span is None and item is None:
        raise WrongSettings("nothing says which copies", next="give their numbers, --older-than AGE or --item ITEM")
    with sessions.writing(options.load(), "attic purge", Progress()) as connection:
        chosen = [copy.id for copy in attic.listing(connection) if item in {None, copy.item.collection, copy.item.id}]
        _require_known(ids, attic.listing(connection))
        for narrower in (ids or None, None if span is None else attic.overdue(connection, span)):
            chosen = chosen if narrower is None else [each for each in chosen if each in narrower]
        purged = attic.purge(connection, sorted(chosen))
    for copy in purged:
        output.note(f"Purged {report.copy_line(copy)}")
    output.result(f"Purged {count(len(purged), 'copy', 'copies')}")


def _require_known(ids: Sequence[int], copies: Sequence[attic.Copy]) -> None:
    unknown = sorted(set(ids) - {copy.id for copy in copies})
    if unknown:
        raise AtticUnknownCopy(
            f"the attic has no copy {', '.join(map(str, unknown))}", next="list them: directus-sync attic list"
        )
