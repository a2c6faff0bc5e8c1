"""Reads, judges, adopts and pulls the families of resources. Access comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from directus_sync.directus import installation
from directus_sync.errors import InvalidAccess, InvalidResources, InvalidSnapshot, UnpushedFileChanges
from directus_sync.output import Progress
from directus_sync.postgres.database import Connection
from directus_sync.resources import forms, judging
from directus_sync.resources.forms import FORMS, Changed, FamilyForm, Wanted
from directus_sync.resources.items import Resource
from directus_sync.resources.kinds import Family
from directus_sync.resources.plan import ResourcePlan
from directus_sync.schema.approvals import pasted
from directus_sync.schema.diff import Action
from directus_sync.schema.plan import Approvals, Mover
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings
from directus_sync.state import resource_history
from directus_sync.steps import resources
from directus_sync.steps.parts import EVERYTHING, Part
from directus_sync.steps.planning import read_wanted as read_schema
from directus_sync.steps.resources import Comparison
from directus_sync.text.wording import count, shortened

Plans = tuple[ResourcePlan, ...]


def read_wanted(
    settings: Settings, schema: Snapshot, progress: Progress | None = None, parts: frozenset[Part] = EVERYTHING
) -> tuple[Wanted, ...]:
    """Return the contents of the files, for each family in `parts` that is kept in files.

    progress: prints the warnings.

    Raises InvalidAccess and InvalidResources for files that can't be read, and for items that must not be sent.
    """
    found, roles = [], forms.roles(settings)
    for form in FORMS:
        if Part(form.name) in parts and form.are_kept(settings):
            wanted = form.read(settings, schema, roles)
            found.append(wanted)
            for finding in wanted.require_sound():
                if progress is not None:
                    progress.note(f"note: {finding}")
    return tuple(found)


def judged(connection: Connection, all_wanted: Iterable[Wanted], approved: Approvals) -> Plans:
    """Return what a push would do, a plan for each family."""
    if not installation.has_access(connection):
        new = [(wanted.family, judging.changes(wanted.family, wanted.items, {})) for wanted in all_wanted]
        return tuple(judging.decide(family, changes, None, {}, Approvals(), {}) for family, changes in new)
    found = [(each.family, resources.compare(connection, each.family, each.items)) for each in all_wanted]
    return tuple(resources.judge(connection, family, compared, approved) for family, compared in found)


def unchanged(all_wanted: Iterable[Wanted], approved: Approvals) -> Plans:
    """Return the plans for a database that did not change since it equalled the files."""
    families = (wanted.family for wanted in all_wanted)
    return tuple(judging.decide(family, (), None, {}, approved.of(family.owns), {}) for family in families)


def are_bases(settings: Settings, connection: Connection) -> Mapping[str, bool]:
    """Return by family whether its files equal the recorded base, for the families that are kept in files."""
    return {form.name: _is_base(settings, connection, form) for form in FORMS if form.are_kept(settings)}


def _is_base(settings: Settings, connection: Connection, form: FamilyForm) -> bool:
    try:
        wanted = form.read(settings, read_schema(settings), forms.roles(settings))
    except (InvalidAccess, InvalidResources, InvalidSnapshot):
        return False
    recorded = resource_history.base(connection, wanted.family)
    return recorded is not None and not judging.changes(wanted.family, wanted.items, recorded)


def existing_ids(connection: Connection, settings: Settings, all_wanted: Iterable[Wanted]) -> frozenset[str]:
    """Return the ids of all items in files or database."""
    found: set[str] = set()
    for wanted in _with_unkept(settings, all_wanted):
        compared = resources.compare(connection, wanted.family, wanted.items)
        found.update(compared.wanted, compared.live.items)
    return frozenset(found)


def adopt(settings: Settings, connection: Connection, all_wanted: Iterable[Wanted]) -> bool:
    """Record the items of the database as the base of each family that has none. Return whether any was recorded.

    The base also gets items that are in no file; a pull adds them to the files.
    """
    recorded = False
    for wanted in _with_unkept(settings, all_wanted):
        found = resources.compare(connection, wanted.family, wanted.items, include_unknown=True)
        if found.base is None:
            resource_history.record(connection, wanted.family, found.live.items.values(), "adopt")
            recorded = True
    return recorded


def _with_unkept(settings: Settings, all_wanted: Iterable[Wanted]) -> Iterator[Wanted]:
    """Yield the given families, and an empty one for each family that is not kept in files."""
    by_name, roles = {wanted.family.name: wanted for wanted in all_wanted}, forms.roles(settings)
    for form in FORMS:
        yield by_name.get(form.name) or Wanted(form, form.family(roles), {})


@dataclass(frozen=True)
class Pulled:
    """The result of a pull for one family.

    changed: the files to write, None for a file to delete; items: the new base; differing: ids of the pulled items.
    """

    family: Family
    changed: Changed
    items: tuple[Resource, ...]
    differing: tuple[str, ...]


def pulled(
    settings: Settings, connection: Connection, schema: Snapshot, parts: frozenset[Part], *, overwrite: bool
) -> tuple[Pulled, ...]:
    """Return the result of a pull for each family in `parts` that is kept in files. Writes nothing.

    Items that only git changed since the base stay in the files. Items that are in no file are added. The file of
    something that no longer exists is deleted.

    schema: of the database. overwrite: take everything from the database.

    Raises UnpushedFileChanges for items that git and Directus both changed, unless `overwrite`; InvalidAccess and
    InvalidResources.
    """
    found: list[Pulled] = []
    for form in (form for form in FORMS if Part(form.name) in parts and form.are_kept(settings)):
        # A list may name a role that this pull adds.
        roles = forms.roles(settings, {path: content for each in found for path, content in each.changed.items()})
        wanted = form.read(settings, schema, roles)
        compared = resources.compare(connection, wanted.family, wanted.items, include_unknown=True)
        there = compared.live.items
        kept = frozenset() if overwrite else _unpushed(form, settings, compared)
        after: dict[str, Resource] = {name: item for name, item in there.items() if name not in kept}
        after |= {name: item for name, item in wanted.items.items() if name in kept}
        differing = tuple(change.id for change in compared.changes if change.id not in kept)
        changed = form.rewritten(settings, wanted.contents, after, differing, schema, roles)
        found.append(Pulled(wanted.family, changed, tuple(there.values()), differing))
    return tuple(found)


def record_pulled(connection: Connection, all_pulled: Iterable[Pulled]) -> None:
    """Record the items of the database as the base."""
    for each in all_pulled:
        resource_history.record(connection, each.family, each.items, "pull")


def _unpushed(form: FamilyForm, settings: Settings, found: Comparison) -> frozenset[str]:
    """Return the items that only git changed. Raises UnpushedFileChanges if git and Directus both changed an item."""
    if found.base is None:
        lost = [change.id for change in found.changes if change.action is not Action.REMOVE]
        kept = []
    else:
        movers = {change.id: judging.mover(change, found.base) for change in found.changes}
        lost = [name for name, mover in movers.items() if mover is Mover.BOTH]
        kept = [name for name, mover in movers.items() if mover is Mover.GIT]
    if lost:
        raise unpushed(
            f"the {form.name} files hold",
            form.folder(settings),
            lost,
            f" --only {form.name} --discard-live {pasted(lost)}",
        )
    return frozenset(kept)


def unpushed(holder: str, where: Path, lost: Sequence[str], options: str = "") -> UnpushedFileChanges:
    """Return the error for file changes that a pull would lose. options: for the push that keeps these changes."""
    was, it = ("was", "it") if len(lost) == 1 else ("were", "them")
    return UnpushedFileChanges(
        f"{holder} {count(len(lost), 'change')} that {was} never pushed to this Directus, and a pull would lose {it};"
        " nothing was written",
        where="\n".join([str(where), *shortened(lost)]),
        next=f"keep them: directus-sync push{options}, then pull\nlose them: directus-sync pull --overwrite",
    )
