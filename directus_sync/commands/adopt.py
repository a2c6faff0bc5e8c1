"""`adopt`: takes over a database that this tool never touched."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import options
from directus_sync.directus import installation
from directus_sync.errors import AlreadyAdopted
from directus_sync.output import Progress
from directus_sync.report import results
from directus_sync.report.outcome import Adopted
from directus_sync.revisions import branches
from directus_sync.schema import comparison, snapshot
from directus_sync.schema.diff import ItemKind
from directus_sync.schema.plan import Approvals
from directus_sync.settings import Settings
from directus_sync.state import history
from directus_sync.steps import families, planning, sessions
from directus_sync.text.wording import count


@click.command()
@options.with_snapshot
@options.with_yes
@options.with_dry_run
@options.with_json
def command(snapshot: Path | None, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Take over a database that this tool never touched: record its current state as the base."""
    loaded, progress = options.load(snapshot), Progress()
    makes = announced(loaded)
    if dry_run:
        output.json_or_text({"makes": list(makes)}, "\n".join(makes) or "Nothing to make", as_json=as_json)
        options.finish(3 if makes else 0)
        return
    if makes:
        options.confirm("\n".join(makes), yes=yes)
    adopted = run(loaded, progress)
    output.json_or_text(results.adopted_document(adopted), results.adopted(adopted), as_json=as_json)
    if not as_json and (adopted.plan or any(adopted.families)):
        output.note(
            "next: directus-sync pull --overwrite makes the files equal the server;\n"
            "      directus-sync push makes the server equal the files, and refuses to lose anything"
        )


def announced(settings: Settings) -> tuple[str, ...]:
    """Return what adopt would do to the database, one sentence each; nothing if the database has a base already."""
    with sessions.reading(settings, "adopt") as connection:
        if settings.directus_url is None:
            installation.require_in_database(connection, settings)
        pre = branches.pending(connection, "pre")
        if history.base(connection) is not None:
            return ()
    database = settings.database.label
    names = f"{pre[0].name} to {pre[-1].name}" if pre else ""
    made = [f"adopt applies {count(len(pre), 'revision')} to {database}: {names}"] if pre else []
    return (*made, f"adopt records what Directus has in {database} as the base; it changes no collection and no row")


def run(settings: Settings, progress: Progress) -> Adopted:
    """Record Directus's schema as the base. Runs the pre branch first, because it creates the tool's own tables.

    Changes nothing in Directus's schema.

    Raises AlreadyAdopted if there is a base already and the server differs from it: with a new base, uncaptured work
    would look like git's.
    """
    wanted = planning.read_wanted(settings)
    of_families = families.read_wanted(settings, wanted, progress)
    with (
        sessions.writing(settings, "adopt", progress) as connection,
        sessions.directus(settings, connection, progress) as client,
    ):
        snapshot.require_version(wanted, client.version())
        branches.upgrade(connection, "pre", progress)
        base = history.base(connection)
        live = planning.read_live(client)
        if base is not None and any(each.kind is not ItemKind.SYSTEM_FIELD for each in comparison.between(base, live)):
            raise AlreadyAdopted(
                "this database has a base already, and its Directus was changed since",
                where=client.name,
                next="capture the changes: directus-sync pull, then commit",
            )
        judged = planning.plan(settings, connection, client, wanted, Approvals(), base=live)
        history.record_base(connection, live, "adopt")
        recorded = families.adopt(settings, connection, of_families)
        found = families.judged(connection, of_families, Approvals())
        return Adopted(live, base is None or recorded, judged, found)
