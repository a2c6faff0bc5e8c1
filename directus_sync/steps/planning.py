"""Plans a push: Directus compares, the guard judges the differences with the rows of the database. Sends nothing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from directus_sync import output, roles
from directus_sync.catalog import upkeep
from directus_sync.directus import installation
from directus_sync.directus.client import DirectusClient
from directus_sync.errors import InvalidSnapshot, MadeOtherwise, NotConverged, RequestFailed, UnsafeSettings
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.probes import dependents, impact, meta_columns, postgres_faults, risks, sql_changes, taken_names
from directus_sync.project import ALEMBIC_TABLES
from directus_sync.report.plans import short
from directus_sync.resources import families
from directus_sync.revisions import branches
from directus_sync.schema import approvals, completeness, diff, guard, rebuilding, snapshot
from directus_sync.schema.diff import NO_DIFFERENCE, Action, Change, ItemKind, SchemaDiff
from directus_sync.schema.plan import Approvals, Obstacles, Plan, Risk, Verdict
from directus_sync.schema.saved_plan import SavedPlan
from directus_sync.schema.snapshot import Snapshot
from directus_sync.seed import reading
from directus_sync.settings import Mode, Settings
from directus_sync.state import history
from directus_sync.text.wording import count, shortened


@dataclass(frozen=True)
class Request:
    """The options of one command line.

    destroy, discard: approved ids; keep: copy destroyed rows to the attic; saved: a plan to apply;
    boot: do not refuse because of uncaptured work in Directus, if the deploy has nothing new;
    run: the id of this run, as recorded with deploys and copies.
    """

    destroy: frozenset[str] = frozenset()
    discard: frozenset[str] = frozenset()
    keep: bool = True
    saved: SavedPlan | None = None
    boot: bool = False
    run: UUID = field(default_factory=uuid4)


def read_wanted(settings: Settings) -> Snapshot:
    """Return the snapshot file. Raises WrongSettings and InvalidSnapshot."""
    return snapshot.read(settings.snapshot, ALEMBIC_TABLES)


def preflight(settings: Settings) -> Snapshot:
    """Check everything that needs no database, and return the snapshot file."""
    approvals.read(settings.removals)
    upkeep.read_expected(settings.catalog)
    roles.read(settings.roles)
    wanted = read_wanted(settings)
    if settings.directus_url is None:
        if settings.mode is not Mode.SKIP:
            snapshot.require_version(wanted, installation.version(settings))
    elif settings.mode is not Mode.SKIP:
        settings.require_credentials()
        with DirectusClient(settings.directus_url, settings) as client:
            client.wait(settings.directus_wait)
    _require_no_published_hole(settings, wanted.directus)
    return wanted


def _require_no_published_hole(settings: Settings, directus: str) -> None:
    """Raise UnsafeSettings for a setting that is insecure in this version of Directus."""
    version = tuple(int(part) for part in directus.split(".")[:2])
    if installation.lets_everybody_in(settings) and version < (12, 1):
        raise UnsafeSettings(
            f"WEBSOCKETS_REST_AUTH is public, which is a published vulnerability of Directus {directus}",
            next="set WEBSOCKETS_REST_AUTH=handshake, or strict",
        )


def read_live(client: DirectusClient) -> Snapshot:
    """Return the server's snapshot, byte for byte as Directus exports it. It may have no collections."""
    client.clear_cache()
    return snapshot.parse(client.snapshot(), client.name, ALEMBIC_TABLES, from_directus=True)


def approved(settings: Settings, request: Request) -> Approvals:
    """Return the approvals of removals.yaml and of the command line, or those of the saved plan."""
    if request.saved is not None:
        return request.saved.approvals
    return approvals.combine(approvals.read(settings.removals), request.destroy, request.discard)


def schema_approvals(approved: Approvals) -> Approvals:
    """Return the approvals of collections and fields."""
    return approved.of(lambda item: not families.is_resource(item))


def plan(
    settings: Settings,
    connection: Connection,
    client: DirectusClient,
    wanted: Snapshot,
    approved: Approvals,
    *,
    base: Snapshot | None = None,
) -> Plan:
    """Return what a push would do, judged by the guard with the rows of the database. base: replaces the recorded one.

    The server's schema is read after the comparison. If somebody edits the schema in between, Directus refuses to
    apply the plan: the hash that came with the comparison covers the whole schema.

    Raises InvalidSnapshot for a file that cannot be pushed.
    """
    approved = schema_approvals(approved)
    snapshot.require_version(wanted, client.version())
    columns = meta_columns.read(connection)
    client.clear_cache()
    answer = client.diff(wanted.upload)
    if answer is None:
        return guard.unchanged(approved)
    live = snapshot.exported(client.schema(), client.name, ALEMBIC_TABLES)
    snapshot.require_properties(wanted, columns, live)
    difference = _sendable(client, answer, wanted, live)
    marked = completeness.with_incomplete(difference.changes, wanted, live, columns)
    difference = replace(difference, changes=marked)
    taken_names.require_free_names(connection, difference.changes, live)
    if base is None:
        base = wanted if history.is_base(connection, wanted.sha256) else history.base(connection)
    judged = guard.judge(difference, base=base, wanted=wanted, live=live)
    possible = [verdict.change for verdict in judged if not verdict.faults]
    verdicts = _with_faults(judged, postgres_faults.faults(connection, possible, wanted))
    with output.note_if_slow("Counting the rows at risk"):
        # Changes with faults are refused without counting, and PostgreSQL cannot compare the values of every type.
        made = (verdict for verdict in verdicts if not verdict.faults)
        counted = risks.count(connection, (risk for verdict in made for risk in verdict.risks))
    obstacles = _obstacles(settings, connection, verdicts, counted, (live, wanted, base))
    return guard.decide(difference, verdicts, counted, approved, obstacles)


def _sendable(
    client: DirectusClient, answer: tuple[str, Mapping[str, Any]], wanted: Snapshot, live: Snapshot
) -> SchemaDiff:
    """Return the difference from Directus's answer, without edits that must not be sent."""
    for name in diff.unlisted_indexes(answer[1]):
        output.note(
            f"note: Directus's own field {name} has an index that no file lists; it stays, and a pull captures it"
        )
    difference = _readable(answer, wanted, live)
    difference = replace(difference, raw=rebuilding.sendable(difference, wanted, live))
    _require_known(client, difference, wanted, live)
    return difference


def _with_faults(verdicts: Iterable[Verdict], faults: postgres_faults.Faults) -> tuple[Verdict, ...]:
    found = ((verdict, faults.get((verdict.change.kind, verdict.change.key), ())) for verdict in verdicts)
    return tuple(replace(verdict, faults=(*verdict.faults, *more)) if more else verdict for verdict, more in found)


def _obstacles(
    settings: Settings,
    connection: Connection,
    verdicts: Sequence[Verdict],
    counted: Mapping[Risk, int],
    snapshots: tuple[Snapshot, Snapshot, Snapshot | None],
) -> Obstacles:
    """Return what database and files have in the way of the changes, or would lose with them.

    counted: rows by risk. snapshots: the server's, the wanted one, the base.
    """
    live, wanted, base = snapshots
    changes = tuple(verdict.change for verdict in verdicts)
    expected = upkeep.read_expected(settings.catalog)
    files = [*settings.seeds, *sorted(branches.VERSIONS.glob("*/*.py"))]
    return Obstacles(
        dropped_with=risks.dropped_with(connection, verdicts, expected),
        named=impact.named_by(connection, changes, partial(reading.texts, files)),
        needed_by=dependents.needed_by(connection, verdicts, live, wanted),
        keys=risks.keys(connection, counted),
        remains=sql_changes.remains(connection, changes),
        renamed=guard.renamed(base, history.before_renames(connection)),
        look_alikes=sql_changes.look_alikes(connection, changes, expected),
    )


def compare(client: DirectusClient, wanted: Snapshot) -> tuple[Snapshot, SchemaDiff]:
    """Return the server's snapshot, or the wanted one if nothing differs, and the difference between both."""
    client.clear_cache()
    answer = client.diff(wanted.upload)
    if answer is None:
        return wanted, NO_DIFFERENCE
    live = snapshot.exported(client.schema(), client.name, ALEMBIC_TABLES)
    return live, _readable(answer, wanted, live)


def require_equal(client: DirectusClient, wanted: Snapshot) -> None:
    """Raise NotConverged unless the server equals the snapshot."""
    _, remaining = compare(client, wanted)
    if remaining:
        raise not_converged(client, wanted, remaining)


def not_converged(
    client: DirectusClient, wanted: Snapshot, remaining: SchemaDiff, *, without_effect: bool = False
) -> NotConverged | MadeOtherwise:
    """Return the error for a server that still differs. without_effect: exactly these changes were sent."""
    shown = [f"{change.action.value} {change.kind.noun} {change.id}{_edits(change)}" for change in remaining.changes]
    where = "\n".join([client.name, *shortened(shown)])
    if without_effect:
        return MadeOtherwise(
            f"Directus stores {count(len(shown), 'item')} in another form than {wanted.source} says:"
            " the push changed nothing",
            where=where,
            next="take Directus's form: directus-sync pull --overwrite, look at the difference, commit\n"
            "or change the entries in Directus, then pull",
        )
    number = len(shown)
    return NotConverged(
        f"{count(number, 'item')} still {'differs' if number == 1 else 'differ'} from {wanted.source}",
        where=where,
        next="run again: it sends what still differs; what was applied stays",
    )


def _edits(change: Change) -> str:
    parts = [f"{edit.name}: Directus has {short(edit.before)}, the file {short(edit.after)}" for edit in change.edits]
    return f" ({'; '.join(shortened(parts, 3))})" if parts else ""


def note_unused_approvals(
    settings: Settings,
    progress: Progress,
    unmatched: Iterable[str],
    wanted: Container[str],
    who_has_it: str = "the snapshot still has",
) -> None:
    """Print a note about each approval that approves nothing.

    unmatched: approvals that match no change. wanted: the items in the files. who_has_it: who has them, for the note.
    """
    reviewed = [removal.item for removal in approvals.read(settings.removals)]
    for item in (item for item in reviewed if item in wanted):
        progress.note(f"note: removals.yaml approves removing {item}, which {who_has_it}")
    for item in sorted(set(unmatched) - set(reviewed)):
        progress.note(f"note: the approval of {item} matches no change")


def _readable(answer: tuple[str, Mapping[str, Any]], wanted: Snapshot, live: Snapshot) -> SchemaDiff:
    digest, raw = answer
    return diff.from_server((digest, diff.with_whole_values(diff.without_others_changes(raw), live, wanted)))


def _require_known(client: DirectusClient, difference: SchemaDiff, wanted: Snapshot, live: Snapshot) -> None:
    """Fail unless the live schema has every item to change or remove: the guard judges by it."""
    for change in difference.changes:
        if change.makes and change.collection.startswith("directus_") and change.key in client.system_fields():
            raise InvalidSnapshot(
                f"`{change.kind.value}` has {change.id}, which is a field of Directus's own",
                where=wanted.source,
                next=f"remove the entry from `{change.kind.value}`",
            )
        if change.action is Action.ADD or change.key in live.section(change.kind.value):
            continue
        if change.kind is not ItemKind.SYSTEM_FIELD:
            raise RequestFailed(
                f"Directus compares {change.kind.noun} {change.id}, but does not list it",
                where=live.source,
                next="run again, in case somebody has just created it; several Directus servers on one database need"
                " Redis, to see each other's changes",
            )
        # A system field without an index is in no snapshot. Any other field would be altered by Directus.
        if change.key not in client.system_fields():
            raise InvalidSnapshot(
                f"`systemFields` has {change.id}, which is not a field of Directus's own",
                where=wanted.source,
                next="remove the entry from `systemFields`",
            )
