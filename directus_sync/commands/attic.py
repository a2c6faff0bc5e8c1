"""`attic`: lists, restores and deletes the copies of removed rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import rich_click as click
from click.shell_completion import CompletionItem

from directus_sync import attic, output, settings
from directus_sync.commands import options
from directus_sync.errors import AtticUnknownCopy, SyncError, WrongSettings
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.report import copies as report
from directus_sync.settings import Settings
from directus_sync.steps import sessions
from directus_sync.text.wording import count

Completing = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completion_of(named: Callable[[attic.Copy], str]) -> Completing:
    """Return a completion of the names of copies. It completes nothing if the database does not answer at once."""

    def complete(_context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
        found: dict[str, str] = {}
        with suppress(SyncError):
            loaded = dataclasses.replace(options.load(), database_wait=0)
            with sessions.reading(loaded, "completion") as connection:
                found = {named(copy): report.copy_line(copy) for copy in attic.listing(connection)}
        return [CompletionItem(name, help=line) for name, line in found.items() if name.startswith(begun)]

    return complete


_complete_numbers = _completion_of(lambda copy: str(copy.id))


@click.group()
def command() -> None:
    """List, restore and delete the copies of removed rows."""


@command.command("list")
@options.with_json
def list_(*, as_json: bool) -> None:
    """List the copies, newest first."""
    with sessions.reading(options.load(), "attic list") as connection:
        copies = attic.listing(connection)
    text = "\n".join(report.copy_line(copy) for copy in copies) or "The attic is empty"
    output.json_or_text({"copies": [report.copy_document(copy) for copy in copies]}, text, as_json=as_json)


@command.command()
@click.argument(
    "copy",
    type=int,
    required=False,
    metavar="[ID]",
    shell_complete=_complete_numbers,
    help="The number of the copy, as attic list shows it.",
)
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=_completion_of(lambda copy: str(copy.run)),
    help="Restore all copies of this run, as attic list shows it.",
)
@click.option("--over-default", is_flag=True, help="For a field's copy, also overwrite rows that hold the default.")
@options.with_dry_run
@options.with_json
def restore(copy: int | None, run: str | None, *, over_default: bool, dry_run: bool, as_json: bool) -> None:
    """Restore the rows of a copy; its collection or field must exist. Overwrites nothing; exits 1 if rows don't fit."""
    if (copy is None) is (run is None):
        raise WrongSettings(
            "one copy or one run is needed", next="give a number, or --run RUN: directus-sync attic list"
        )
    loaded, progress = options.load(), Progress()
    with sessions.writing(loaded, "attic restore", progress) as connection:
        ids = [copy] if copy is not None else _of_run(connection, str(run))
        with output.note_if_slow(f"Restoring {count(len(ids), 'copy', 'copies')}"):
            restored = attic.restore_all(connection, ids, over_default=over_default, dry_run=dry_run)
        _tell_directus(loaded, connection, progress, restored if not dry_run else ())
    if copy is not None and as_json:
        output.document(report.restored_document(restored[0]))
    else:
        documents = {"restored": [report.restored_document(done) for done in restored]}
        text = "\n".join(report.restored(done, dry_run=dry_run) for done in restored)
        output.json_or_text(documents, text, as_json=as_json)
    options.finish(1 if any(done.rejected for done in restored) else 0)


def _tell_directus(
    loaded: Settings, connection: Connection, progress: Progress, restored: Sequence[attic.Restored]
) -> None:
    if not any(done.has_companions for done in restored):
        return
    if loaded.directus_url is not None:
        with sessions.directus(loaded, connection, progress) as client:
            client.clear_cache()
    else:
        progress.note("note: restart a running Directus, so that it sees the restored rows")


def _of_run(connection: Connection, run: str) -> list[int]:
    """Return the numbers of a run's copies. run: its id, or the beginning of its id."""
    found = [copy for copy in attic.listing(connection) if str(copy.run).startswith(run)]
    if not found or len({copy.run for copy in found}) > 1:
        which = "several runs begin" if found else "no run begins"
        raise AtticUnknownCopy(f"{which} with {run}", next="list them: directus-sync attic list")
    return [copy.id for copy in found]


@command.command()
@click.argument(
    "ids",
    type=int,
    nargs=-1,
    metavar="[ID]...",
    shell_complete=_complete_numbers,
    help="The numbers of the copies, as attic list shows them.",
)
@click.option("--older-than", metavar="AGE", help="Copies older than AGE, such as 90d, 12h or 4w; 0d means every copy.")
@click.option(
    "--item",
    metavar="ITEM",
    shell_complete=_completion_of(lambda copy: copy.item.id),
    help="Copies of a collection and its fields, or of one field: vehicles, vehicles.plate.",
)
@options.with_yes
@options.with_dry_run
@options.with_json
def purge(
    ids: tuple[int, ...], older_than: str | None, item: str | None, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Delete copies for good, chosen by number, age or item. A copy must match all given conditions."""
    span = None if older_than is None else settings.age(older_than, "--older-than")
    if not ids and span is None and item is None:
        raise WrongSettings("no copies were chosen", next="give their numbers, --older-than AGE or --item ITEM")
    loaded, progress = options.load(), Progress()
    with sessions.reading(loaded, "attic purge") as connection:
        copies = _chosen(connection, ids, span, item)
    if copies and not dry_run:
        lines = "\n".join(report.copy_line(copy) for copy in copies)
        options.confirm(f"{lines}\n{count(len(copies), 'copy', 'copies')} would be deleted for good", yes=yes)
        with sessions.writing(loaded, "attic purge", progress) as connection:
            # Leave copies that changed or disappeared since the user confirmed.
            there = {copy.id: copy for copy in attic.listing(connection)}
            for copy in (each for each in copies if there.get(each.id) != each):
                why = "changed after you chose it" if copy.id in there else "was already deleted"
                output.note(f"note: copy {copy.id} of {copy.item.id} {why}, so it was left alone")
            copies = [copy for copy in copies if there.get(copy.id) == copy]
            attic.purge(connection, sorted(copy.id for copy in copies))
    for copy in copies:
        output.note(f"{'Would purge' if dry_run else 'Purged'} {report.copy_line(copy)}")
    text = f"{'Would purge' if dry_run else 'Purged'} {count(len(copies), 'copy', 'copies')}"
    documents = {"dry_run": dry_run, "purged": [report.copy_document(copy) for copy in copies]}
    output.json_or_text(documents, text, as_json=as_json)
    options.finish(3 if dry_run and copies else 0)


def _chosen(connection: Connection, ids: Sequence[int], span: timedelta | None, item: str | None) -> list[attic.Copy]:
    """Return the copies that match all given conditions."""
    copies = attic.listing(connection)
    if unknown := sorted(set(ids) - {copy.id for copy in copies}):
        raise AtticUnknownCopy(
            f"the attic has no copy {', '.join(map(str, unknown))}", next="list them: directus-sync attic list"
        )
    old = None if span is None else attic.overdue(connection, span)
    return [
        copy
        for copy in copies
        if item in {None, copy.item.collection, copy.item.id}
        and (not ids or copy.id in ids)
        and (old is None or copy.id in old)
    ]
