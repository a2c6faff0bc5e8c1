"""The written form of each family: where its files are, how they are read, checked and written. No database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from directus_sync.errors import InvalidAccess, InvalidResources
from directus_sync.resources import findings, studio
from directus_sync.resources.access import compiling, writing
from directus_sync.resources.access import lint as access_lint
from directus_sync.resources.access import reading as access_reading
from directus_sync.resources.access_kinds import ACCESS
from directus_sync.resources.findings import Finding
from directus_sync.resources.items import Contents, Items, Resource
from directus_sync.resources.kinds import Family
from directus_sync.resources.paths import has_collection
from directus_sync.resources.studio import lint as studio_lint
from directus_sync.resources.studio import reading as studio_reading
from directus_sync.resources.studio import writing as studio_writing
from directus_sync.resources.studio_kinds import PRESET, SETTING, SETTINGS, STUDIO
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings, is_there

# By path; None where a file is to go.
Changed = dict[Path, bytes | None]
Roles = Mapping[str, str]

_NAME: Final = f"{SETTING}:project_name"


@dataclass(frozen=True)
class Wanted:
    """What the files say of a family. family: with the names that the files give to rows of others.

    contents: what the files hold; findings: what is wrong with it.
    """

    form: FamilyForm
    family: Family
    items: Items
    contents: Contents = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def require_sound(self) -> tuple[Finding, ...]:
        """Return the warnings. Raises the form's error for what must not be sent."""
        findings.require_none(self.findings, self.form.error, self.form.name)
        return tuple(finding for finding in self.findings if not finding.is_error)


class _Access:
    """Who may do what: roles, policies, and a file for each collection.

    name: of the family; error: raised for files that can't be used. roles, in all methods: the ids of the roles,
    by the names that the access files give them.
    """

    name = ACCESS.name
    error = InvalidAccess

    def folder(self, settings: Settings) -> Path:
        """Return the folder that has them."""
        return settings.access

    def are_kept(self, settings: Settings) -> bool:
        """Tell whether the family is kept in files here."""
        return is_there(settings.access / access_reading.TOP)

    def family(self, _roles: Roles) -> Family:
        """Return the family, with the names that other files give."""
        return ACCESS

    def read(self, settings: Settings, schema: Snapshot, _roles: Roles) -> Wanted:
        """Return what the files say. Raises `error` for what can't be read."""
        contents = access_reading.contents(settings.access)
        found = access_reading.parse(settings.access, contents)
        items = compiling.compiled(found, schema)
        wrong = access_lint.findings(found, schema, items)
        return Wanted(self, ACCESS, {item.id: item for item in items}, contents, wrong)

    def rewritten(
        self, settings: Settings, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot, _roles: Roles
    ) -> Changed:
        """Return the files that change, so that they say what the database has. Raises `error`."""
        ids = tuple(differing)
        changed: Changed = dict(writing.rewritten(settings.access, old, live, ids, schema)) if ids else {}
        # A collection that is gone takes its file along.
        gone = [path for path in old if path.parent != settings.access and not has_collection(schema, path.stem)]
        return changed | dict.fromkeys(gone)


class _Studio:
    """What the Studio shows: settings, lists, dashboards, flows, words. Its methods are those of `_Access`."""

    name = STUDIO.name
    error = InvalidResources

    def folder(self, settings: Settings) -> Path:
        return settings.resources

    def are_kept(self, settings: Settings) -> bool:
        return is_there(settings.resources)

    def family(self, roles: Roles) -> Family:
        return studio.family(roles)

    def read(self, settings: Settings, schema: Snapshot, roles: Roles) -> Wanted:
        contents = studio_reading.contents(settings.resources)
        found = studio_reading.parse(settings.resources, contents, roles)
        items = {item.id: item for item in found}
        if settings.project_name is not None:
            # Here the name is not that of the files.
            items.pop(_NAME, None)
            row = {"field": "project_name", "value": settings.project_name}
            if row["value"] != SETTINGS.singles["project_name"]:
                items[_NAME] = Resource(SETTING, "project_name", (row,))
        return Wanted(self, self.family(roles), items, contents, tuple(studio_lint.findings(found, schema)))

    def rewritten(
        self, settings: Settings, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot, roles: Roles
    ) -> Changed:
        gone = [path for path in old if path.parent.name == "presets" and not has_collection(schema, path.stem)]
        lost = tuple(f"{PRESET}:{path.stem}/" for path in gone)
        live = {name: item for name, item in live.items() if not name.startswith(lost)}
        differing = [name for name in differing if not name.startswith(lost)]
        old = {path: content for path, content in old.items() if path not in gone}
        if settings.project_name is not None:
            # The files keep the name that they have: this environment has its own.
            own = {i.id: i for i in studio_reading.parse(settings.resources, old, roles) if i.id == _NAME}
            live = {name: item for name, item in live.items() if name != _NAME} | own
            differing = [name for name in differing if name != _NAME]
        changed = studio_writing.rewritten(settings.resources, old, live, differing, roles)
        return changed | dict.fromkeys(gone)


FamilyForm = _Access | _Studio
FORMS: Final[tuple[FamilyForm, ...]] = (_Access(), _Studio())


def roles(settings: Settings, changed: Mapping[Path, bytes | None] = MappingProxyType({})) -> Roles:
    """Return the ids of the roles, by the names that the access files give them, now or once these changed.

    Raises InvalidAccess.
    """
    path = settings.access / access_reading.TOP
    return access_reading.role_ids(settings.access, changed.get(path)) if FORMS[0].are_kept(settings) else {}
