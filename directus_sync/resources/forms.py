"""The files of each family: where they are, how they are read, checked and written. No database."""

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
from directus_sync.resources.grouping import escaped
from directus_sync.resources.items import Contents, Items, Resource
from directus_sync.resources.kinds import Family
from directus_sync.resources.paths import has_collection
from directus_sync.resources.studio import lint as studio_lint
from directus_sync.resources.studio import reading as studio_reading
from directus_sync.resources.studio import writing as studio_writing
from directus_sync.resources.studio_kinds import PRESET, SETTING, SETTINGS, STUDIO
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings, is_there

# By path. None removes the file.
Changed = dict[Path, bytes | None]
Roles = Mapping[str, str]

_NAME: Final = f"{SETTING}:project_name"


@dataclass(frozen=True)
class Wanted:
    """What the files of a family say. family: with the names that other files give to rows, such as roles.

    contents: of the files, by path; findings: errors and warnings.
    """

    form: FamilyForm
    family: Family
    items: Items
    contents: Contents = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def require_sound(self) -> tuple[Finding, ...]:
        """Return the warnings. Raises the form's error if there are errors."""
        findings.require_none(self.findings, self.form.error, self.form.name)
        return tuple(finding for finding in self.findings if not finding.is_error)


class _Access:
    """The access files: roles, policies, and a file for each collection.

    name: of the family; error: raised for files that cannot be used. roles, in all methods: the ids of the roles by
    their names in the access files.
    """

    name = ACCESS.name
    error = InvalidAccess

    def folder(self, settings: Settings) -> Path:
        """Return the folder of the files."""
        return settings.access

    def are_kept(self, settings: Settings) -> bool:
        """Return whether this checkout has files of the family."""
        return is_there(settings.access / access_reading.TOP)

    def family(self, _roles: Roles) -> Family:
        """Return the family, with the names that other files give to rows."""
        return ACCESS

    def read(self, settings: Settings, schema: Snapshot, _roles: Roles) -> Wanted:
        """Return what the files say. Raises `error` if one cannot be read."""
        contents = access_reading.contents(settings.access)
        found = access_reading.parse(settings.access, contents)
        items = compiling.compiled(found, schema)
        wrong = access_lint.findings(found, schema, items)
        return Wanted(self, ACCESS, {item.id: item for item in items}, contents, wrong)

    def rewritten(
        self, settings: Settings, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot, _roles: Roles
    ) -> Changed:
        """Return the new content of the files that differ from the database. Raises `error`."""
        ids = tuple(differing)
        changed: Changed = dict(writing.rewritten(settings.access, old, live, ids, schema)) if ids else {}
        # The file of a collection that no longer exists is removed.
        gone = [path for path in old if path.parent != settings.access and not has_collection(schema, path.stem)]
        return changed | dict.fromkeys(gone)


class _Studio:
    """The resource files: settings, presets, dashboards, flows, translations. The methods are those of `_Access`."""

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
            # PROJECT_NAME replaces the name in the files.
            items.pop(_NAME, None)
            row = {"field": "project_name", "value": settings.project_name}
            if row["value"] != SETTINGS.singles["project_name"]:
                items[_NAME] = Resource(SETTING, "project_name", (row,))
        return Wanted(self, self.family(roles), items, contents, tuple(studio_lint.findings(found, schema)))

    def rewritten(
        self, settings: Settings, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot, roles: Roles
    ) -> Changed:
        gone = [path for path in old if path.parent.name == "presets" and not has_collection(schema, path.stem)]
        lost = tuple(f"{PRESET}:{escaped(path.stem)}/" for path in gone)
        live = {name: item for name, item in live.items() if not name.startswith(lost)}
        differing = [name for name in differing if not name.startswith(lost)]
        old = {path: content for path, content in old.items() if path not in gone}
        if settings.project_name is not None:
            # The files keep their name, because the name in this database is PROJECT_NAME.
            own = {i.id: i for i in studio_reading.parse(settings.resources, old, roles) if i.id == _NAME}
            live = {name: item for name, item in live.items() if name != _NAME} | own
            differing = [name for name in differing if name != _NAME]
        changed = studio_writing.rewritten(settings.resources, old, live, differing, roles)
        return changed | dict.fromkeys(gone)


FamilyForm = _Access | _Studio
FORMS: Final[tuple[FamilyForm, ...]] = (_Access(), _Studio())


def roles(settings: Settings, changed: Mapping[Path, bytes | None] = MappingProxyType({})) -> Roles:
    """Return the ids of the roles by their names in the access files. changed: new content of files, read as well.

    Raises InvalidAccess.
    """
    path = settings.access / access_reading.TOP
    return access_reading.role_ids(settings.access, changed.get(path)) if FORMS[0].are_kept(settings) else {}
