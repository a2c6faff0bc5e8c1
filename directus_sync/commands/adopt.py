"""`adopt`: takes over a database that this tool never touched."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from directus_sync import output
from directus_sync.commands import access, options, planning, sessions
from directus_sync.commands.deploy import migrate
from directus_sync.errors import AlreadyAdopted
from directus_sync.output import Progress
from directus_sync.report import access as access_report
from directus_sync.report import plans, results
from directus_sync.report.outcome import Adopted
from directus_sync.schema import comparison, snapshot
from directus_sync.schema.plan import Approvals
from directus_sync.settings import Settings
from directus_sync.state import history


@click.command()
@options.with_snapshot
def command(snapshot: Path | None) -> None:
    """Take over a database that this tool never touched: record what is there as the base."""
    adopted = run(options.load(snapshot), Progress())
    found = results.contents(adopted.live)
    output.result(f"Adopted {found}" if adopted.recorded else f"Nothing to adopt: {found} are recorded already")
    if adopted.plan:
        output.result(plans.plan(adopted.plan))
    if adopted.access is not None and adopted.access.differs:
        output.result(access_report.plan(adopted.access))
    if adopted.plan or adopted.access:
        output.note(
            "next: directus-sync pull --overwrite takes what the server has into the files;\n"
            "      directus-sync push makes the server equal the files, and refuses to lose anything"
        )


def run(settings: Settings, progress: Progress) -> Adopted:
    """Record Directus's schema as the base. Runs the pre branch first, which makes the tool's own tables.

    Changes nothing in Directus's schema.

    Raises AlreadyAdopted when there is a base already and the server differs from it: a new base would make what nobody
    captured look like git's.
    """
    wanted = planning.read_wanted(settings)
    items = access.read_wanted(settings, wanted, progress)
    with (
        sessions.writing(settings, "adopt", progress) as connection,
        sessions.directus(settings, connection, progress) as client,
    ):
        snapshot.require_version(wanted, client.version())
        migrate(connection, "pre", progress)
        base = history.base(connection)
        live = planning.read_live(client)
        if base is not None and comparison.between(base, live):
            raise AlreadyAdopted(
                "this database has a base already, and its Directus was changed since",
                where=client.name,
                next="capture the changes: directus-sync pull, then commit",
            )
        judged = planning.plan(settings, connection, client, wanted, Approvals(), base=live)
        history.record_base(connection, live, "adopt")
        recorded = access.adopt(connection, items)
        given = Approvals()
        return Adopted(live, base is None or recorded, judged, access.judged(connection, items, given))
