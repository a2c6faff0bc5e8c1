"""Who may do what, in each command: the family whose files people write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from directus_sync import files
from directus_sync.commands import resources
from directus_sync.commands.planning import Request
from directus_sync.commands.planning import read_wanted as read_schema
from directus_sync.commands.resources import Comparison, Items, ResourcePushing
from directus_sync.directus import installation
from directus_sync.errors import InvalidAccess, InvalidSnapshot, UnpushedFileChanges, count
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.report.refusal import shortened
from directus_sync.resources import access, judging
from directus_sync.resources.access import compiling, lint, reading, writing
from directus_sync.resources.access.filters import SYSTEM
from directus_sync.resources.declared import ACCESS
from directus_sync.resources.items import Item
from directus_sync.resources.plan import ResourcePlan
from directus_sync.schema.diff import Action
from directus_sync.schema.plan import Approvals, Mover
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import resource_history


def read_wanted(settings: Settings, schema: Snapshot, progress: Progress | None = None) -> Items | None:
    """Return what the files compile to, by id; None where access is not kept in files.

    progress: prints the warnings.

    Raises InvalidAccess for what can't be read or must not be sent.
    """
    if not _are_kept(settings):
        return None
    loaded = access.load(settings.access, schema)
    lint.require_sound(loaded.findings)
    if progress is not None:
        for finding in loaded.findings:
            progress.note(f"note: {finding}")
    return _by_id(loaded.items)


def pushing(
    settings: Settings, request: Request, progress: Progress, connection: Connection, command: str
) -> ResourcePushing:
    """Return a push of access. Needs the lock."""
    return ResourcePushing(ACCESS, str(settings.access), settings, request, progress, connection, command)


def judged(connection: Connection, wanted: Items | None, given: Approvals) -> ResourcePlan | None:
    """Return what a push would do; None where access is not kept in files."""
    if wanted is None:
        return None
    if not installation.has_access(connection):
        return judging.decide(ACCESS, judging.changes(ACCESS, wanted, {}), None, {}, Approvals(), {})
    return resources.judge(connection, ACCESS, resources.compare(connection, ACCESS, wanted), given)


def nothing(wanted: Items | None, given: Approvals) -> ResourcePlan | None:
    """Return the plan for a database that did not move since it equalled the files."""
    return None if wanted is None else judging.decide(ACCESS, (), None, {}, given.of(ACCESS.owns), {})


def is_base(settings: Settings, connection: Connection) -> bool | None:
    """Tell whether the files are what was recorded last; None where access is not kept in files."""
    try:
        wanted = read_wanted(settings, read_schema(settings))
    except (InvalidAccess, InvalidSnapshot):
        return False
    if wanted is None:
        return None
    recorded = resource_history.base(connection, ACCESS)
    return recorded is not None and not judging.changes(ACCESS, wanted, recorded)


def present(connection: Connection, wanted: Items | None) -> frozenset[str]:
    """Return the items that files or database have, by id."""
    found = resources.compare(connection, ACCESS, wanted or {})
    return frozenset([*found.wanted, *found.live.items])


def adopt(connection: Connection, wanted: Items | None) -> bool:
    """Record what the database has as the base, unless there is one; return whether it was recorded.

    What is there belongs to the base, also roles and policies that are in no file: a pull takes them in.
    """
    found = resources.compare(connection, ACCESS, wanted or {}, taken=True)
    if found.base is not None:
        return False
    resource_history.record(connection, ACCESS, found.live.items.values(), "adopt")
    return True


def pull(settings: Settings, connection: Connection, schema: Snapshot, *, overwrite: bool) -> tuple[Path, ...]:
    """Write to the files what the database has, and record it as the base; return the files that changed.

    What only git changed since the base stays in the files. What is in no file is taken in, and the file of a
    collection that is gone is removed.

    schema: what the database has. overwrite: take everything from the database.

    Raises UnpushedFileChanges for what git and Directus both changed, unless `overwrite`; InvalidAccess.
    """
    if not _are_kept(settings):
        return ()
    old = reading.contents(settings.access)
    wanted = _by_id(compiling.compiled(reading.parse(settings.access, old), schema))
    found = resources.compare(connection, ACCESS, wanted, taken=True)
    kept = frozenset() if overwrite else _unpushed(settings, found)
    after: dict[str, Item] = {name: item for name, item in found.live.items.items() if name not in kept}
    after |= {name: item for name, item in wanted.items() if name in kept}
    differing = [change.id for change in found.changes if change.id not in kept]
    changed = writing.rewritten(settings.access, old, after, differing, schema) if differing else {}
    gone = [path for path in old if _is_of_nothing(path, settings, schema)]
    for path in gone:
        path.unlink()
        changed.pop(path, None)
    for path, content in changed.items():
        files.replace(path, content)
    resource_history.record(connection, ACCESS, found.live.items.values(), "pull")
    return (*changed, *gone)


def _unpushed(settings: Settings, found: Comparison) -> frozenset[str]:
    """Return the items that only git changed. Raises UnpushedFileChanges for those that Directus changed, too."""
    if found.base is None:
        lost = [change.id for change in found.changes if change.action is not Action.REMOVE]
        kept = []
    else:
        movers = {change.id: judging.mover(change, found.base) for change in found.changes}
        lost = [name for name, mover in movers.items() if mover is Mover.BOTH]
        kept = [name for name, mover in movers.items() if mover is Mover.GIT]
    if lost:
        was, it = ("was", "it") if len(lost) == 1 else ("were", "them")
        raise UnpushedFileChanges(
            f"the access files hold {count(len(lost), 'change')} that {was} never pushed, and a pull would lose {it}",
            where="\n".join([str(settings.access), *shortened(lost)]),
            next=f"keep them: directus-sync push --only access --discard-live {','.join(lost)}, then pull\n"
            "lose them: directus-sync pull --overwrite",
        )
    return frozenset(kept)


def _is_of_nothing(path: Path, settings: Settings, schema: Snapshot) -> bool:
    if path.parent == settings.access or path.stem.startswith(SYSTEM):
        return False
    return (path.stem,) not in schema.section("collections")


def _are_kept(settings: Settings) -> bool:
    return (settings.access / "access.yaml").exists()


def _by_id(items: tuple[Item, ...]) -> Mapping[str, Item]:
    return {item.id: item for item in items}
