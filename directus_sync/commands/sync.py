"""Push and compare: what moves from a snapshot file to one Directus. Sends nothing the guard refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from directus_sync.catalog import Catalog
from directus_sync.errors import (
    ApplyUnclear,
    InvalidSnapshot,
    NotConverged,
    RequestFailed,
    SyncError,
)
from directus_sync.process import background
from directus_sync.schema import diff, guard, snapshot
from directus_sync.schema.diff import Action, Kind, SchemaDiff
from directus_sync.schema.guard import Approvals, Plan
from directus_sync.schema.snapshot import Reading, Snapshot
from directus_sync.settings import ALEMBIC_TABLES
from directus_sync.state import risks, verify

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class is in lower case

    from directus_sync.directus.client import DirectusClient

ITEMS_SHOWN: Final = 20


def read_live(client: DirectusClient) -> Snapshot:
    """Return the server's own snapshot; one with no collections is a snapshot here."""
    client.clear_cache()
    return _export(client)


def plan(
    client: DirectusClient,
    connection: Connection,
    reading: Reading,
    base: Callable[[], Reading | None],
    approvals: Approvals,
    expected: Catalog | None,
    *,
    probably_equal: bool,
) -> Plan:
    """Return what a push would do, judged by the guard with the rows of the database.

    The server's schema is read after the comparison, unless that tells all of it. What somebody edits in between is not
    in the plan, and Directus then refuses to apply it: the hash that came with the comparison covers the whole schema.
    base: asked for only when the server may have something else.
    expected: what the database must contain beside the snapshot.
    probably_equal: look first whether the server has just the same, which takes it a third of a comparison.

    Raises InvalidSnapshot for a file that can't be pushed, before it is sent.
    """
    version = client.version()
    client.clear_cache()
    found = None
    if probably_equal:
        background.start(lambda: reading.result().text)
        found = client.schema()
    wanted = reading.result()
    snapshot.require_version(wanted, version)
    if found is not None and wanted.equals(found):
        return guard.nothing(approvals)
    recorded = base()
    if recorded is not None and recorded.content == reading.content:
        recorded = reading
    elif recorded is not None:
        background.start(recorded.result)
    answer = client.diff(wanted.upload)
    if answer is None:
        return guard.nothing(approvals)
    _, raw = answer
    if diff.tells_live(raw, wanted):
        live = diff.told(wanted, raw)
    else:
        live = snapshot.exported(client.schema(), client.url, ALEMBIC_TABLES)
    difference = _readable(answer, wanted, live)
    _require_known(client, difference, wanted, live)
    verdicts = guard.judge(difference, base=recorded.result() if recorded else None, wanted=wanted, live=live)
    counted = risks.count(connection, (risk for verdict in verdicts for risk in verdict.risks))
    taken = verify.taken_along(connection, verdicts, expected)
    return guard.decide(difference, verdicts, counted, approvals, taken)


def push(
    client: DirectusClient,
    wanted: Snapshot,
    judged: Plan,
    *,
    around: Callable[[Plan], AbstractContextManager[None]],
) -> None:
    """Make the server equal the snapshot, with one apply of a judged plan that is not empty.

    around: entered before the plan is sent and left after it; keeps copies of what it destroys.

    Raises ApplyFailed. Whether all of it arrived, `require_equal` tells.
    """
    background.start(lambda: wanted.text)  # for that look
    with around(judged):
        try:
            client.apply(judged.difference.digest, judged.difference.raw)
        except ApplyUnclear as unclear:
            # Never sent again blindly: look first whether it happened.
            if _differs(client, wanted, unclear):
                raise


def require_equal(client: DirectusClient, wanted: Snapshot, *, fresh: bool = False) -> Snapshot:
    """Return the server's snapshot, or the given one where it says just the same.

    fresh: the server has just forgotten what it knew of the schema, as it does after an apply (11.17.4,
    api/src/utils/apply-diff.ts).

    Raises NotConverged unless they are equal to Directus.
    """
    if not fresh:
        client.clear_cache()
    if wanted.equals(client.schema()):
        # This is what Directus compares, so that it would find the same.
        return wanted
    if fresh:
        client.clear_cache()  # another replica may have answered, which had not heard of the apply
    live = _export(client)
    answer = client.diff(wanted.upload)
    if answer is None:
        return live
    remaining = _readable(answer, wanted, live)
    shown = [f"{change.action.value} {change.kind.noun} {change.id}" for change in remaining.changes]
    differ = "1 item still differs" if len(shown) == 1 else f"{len(shown)} items still differ"
    raise NotConverged(
        f"{differ} from {wanted.source}",
        where="\n".join([client.url, *shown[:ITEMS_SHOWN]]),
        next="look at them with `directus-sync diff`; what was applied stays, and running again is safe",
    )


def _export(client: DirectusClient) -> Snapshot:
    return snapshot.parse(client.snapshot(), client.url, ALEMBIC_TABLES, may_be_empty=True)


def _readable(answer: tuple[str, Mapping[str, Any]], wanted: Snapshot, live: Snapshot) -> SchemaDiff:
    digest, raw = answer
    return diff.from_server((digest, diff.with_whole_values(raw, live, wanted)))


def _require_known(client: DirectusClient, difference: SchemaDiff, wanted: Snapshot, live: Snapshot) -> None:
    """Fail unless what is to be changed or removed is in the schema that the guard judges it by."""
    for change in difference.changes:
        if change.action is Action.ADD or change.key in live.section(change.kind.value):
            continue
        if change.kind is not Kind.SYSTEM_FIELD:
            raise RequestFailed(
                f"Directus compares {change.kind.noun} {change.id}, and does not list it",
                where=live.source,
                next="run again, in case somebody just made it; several Directus on one database need Redis,"
                " to hear of each other's changes",
            )
        # A snapshot lists those that have their index. Of any other field Directus would alter the column for it.
        if change.key not in client.system_fields():
            raise InvalidSnapshot(
                f"`systemFields` has {change.id}, which is no field of Directus's own",
                where=wanted.source,
                next="take the entry out of `systemFields`",
            )


def _differs(client: DirectusClient, wanted: Snapshot, unclear: ApplyUnclear) -> bool:
    try:
        require_equal(client, wanted)
    except NotConverged:
        return True
    except SyncError as error:
        raise unclear from error
    return False
