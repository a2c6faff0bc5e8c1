"""The written form of each family: where its files are, how they are read, checked and written. No database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from directus_sync.errors import InvalidAccess, InvalidResources, SyncError
from directus_sync.resources import access, findings, studio
from directus_sync.resources.access import compiling, writing
from directus_sync.resources.access import reading as access_reading
from directus_sync.resources.access.filters import has_collection
from directus_sync.resources.declared import ACCESS
from directus_sync.resources.declared_resources import PRESET, RESOURCES, SETTING, SETTINGS
from directus_sync.resources.findings import Finding
from directus_sync.resources.items import Contents, Items, Resource
from directus_sync.resources.kinds import Family
from directus_sync.resources.studio import reading as studio_reading
from directus_sync.resources.studio import writing as studio_writing
from directus_sync.schema.snapshot import Snapshot
from directus_sync.settings import Settings

# By path; None where a file is to go.
Changed = dict[Path, bytes | None]

_NAME: Final = f"{SETTING}:project_name"


@dataclass(frozen=True)
class Wanted:
    """What the files say of a family. family: with the names that the files give to rows of others."""

    form: Form
    family: Family
    items: Items


class Form(ABC):
    """The files of one family. name: of the family; error: what is raised for files that can't be used."""

    name: ClassVar[str]
    error: ClassVar[type[SyncError]]

    @abstractmethod
    def folder(self, settings: Settings) -> Path:
        """Return the folder that has them."""

    @abstractmethod
    def are_kept(self, settings: Settings) -> bool:
        """Tell whether the family is kept in files here."""

    @abstractmethod
    def contents(self, settings: Settings) -> dict[Path, bytes]:
        """Return what the files hold. Raises `error`."""

    @abstractmethod
    def family(self, settings: Settings) -> Family:
        """Return the family, with the names that other files give."""

    @abstractmethod
    def compiled(self, settings: Settings, old: Contents, schema: Snapshot) -> tuple[Resource, ...]:
        """Return what files with these contents say. Raises `error`."""

    @abstractmethod
    def findings(self, settings: Settings, schema: Snapshot) -> tuple[Finding, ...]:
        """Return what is wrong with the files."""

    @abstractmethod
    def rewritten(
        self, settings: Settings, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot
    ) -> Changed:
        """Return the files that change, so that they say what the database has. Raises `error`."""

    def beside(self, _changed: Changed) -> Form:
        """Return the form for a moment at which files of other families are to be written so, and are not yet."""
        return self

    def read(self, settings: Settings, schema: Snapshot) -> Wanted:
        """Return what the files say. Raises `error` for what can't be read."""
        items = self.compiled(settings, self.contents(settings), schema)
        return Wanted(self, self.family(settings), {item.id: item for item in items})

    def require_sound(self, settings: Settings, schema: Snapshot) -> tuple[Finding, ...]:
        """Return the warnings. Raises `error` for what must not be sent."""
        found = self.findings(settings, schema)
        findings.require_none(found, self.error, self.name)
        return tuple(finding for finding in found if not finding.is_error)


class _Access(Form):
    """Who may do what: roles, policies, and a file for each collection."""

    name = ACCESS.name
    error = InvalidAccess

    def folder(self, settings: Settings) -> Path:
        return settings.access

    def are_kept(self, settings: Settings) -> bool:
        return (settings.access / "access.yaml").exists()

    def contents(self, settings: Settings) -> dict[Path, bytes]:
        return access_reading.contents(settings.access)

    def family(self, _settings: Settings) -> Family:
        return ACCESS

    def compiled(self, settings: Settings, old: Contents, schema: Snapshot) -> tuple[Resource, ...]:
        return compiling.compiled(access_reading.parse(settings.access, old), schema)

    def findings(self, settings: Settings, schema: Snapshot) -> tuple[Finding, ...]:
        return access.load(settings.access, schema).findings

    def rewritten(
        self, settings: Settings, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot
    ) -> Changed:
        ids = tuple(differing)
        changed: Changed = dict(writing.rewritten(settings.access, old, live, ids, schema)) if ids else {}
        # A collection that is gone takes its file along.
        gone = [path for path in old if path.parent != settings.access and not has_collection(schema, path.stem)]
        return changed | dict.fromkeys(gone)

    def roles(self, settings: Settings, changed: Changed) -> Mapping[str, str]:
        """Return the ids of the roles, by the names that the files give them, now or once these changed.

        Raises `error`.
        """
        if not self.are_kept(settings):
            return {}
        now = self.contents(settings)
        then = {path: content for path, content in {**now, **changed}.items() if content is not None}
        found = (access_reading.parse(settings.access, files) for files in (now, then))
        return {role.name: role.id for access in found for role in access.roles.values()}


class _Resources(Form):
    """What the Studio shows: settings, lists, dashboards, flows, words."""

    name = RESOURCES.name
    error = InvalidResources

    def __init__(self, access: Changed) -> None:
        self._access = access

    def beside(self, changed: Changed) -> Form:
        return _Resources(changed)

    def folder(self, settings: Settings) -> Path:
        return settings.resources

    def are_kept(self, settings: Settings) -> bool:
        return settings.resources.is_dir()

    def contents(self, settings: Settings) -> dict[Path, bytes]:
        return studio_reading.contents(settings.resources)

    def family(self, settings: Settings) -> Family:
        return studio.family(ACCESS_FORM.roles(settings, self._access))

    def compiled(self, settings: Settings, old: Contents, _schema: Snapshot) -> tuple[Resource, ...]:
        found = studio_reading.parse(settings.resources, old, ACCESS_FORM.roles(settings, self._access))
        if settings.project_name is None:
            return found
        row = {"field": "project_name", "value": settings.project_name}
        named = () if row["value"] == SETTINGS.singles["project_name"] else (Resource(SETTING, "project_name", (row,)),)
        return (*(item for item in found if item.id != _NAME), *named)

    def findings(self, settings: Settings, schema: Snapshot) -> tuple[Finding, ...]:
        return studio.findings(settings.resources, schema, ACCESS_FORM.roles(settings, self._access))

    def rewritten(
        self, settings: Settings, old: Contents, live: Items, differing: Iterable[str], schema: Snapshot
    ) -> Changed:
        roles = ACCESS_FORM.roles(settings, self._access)
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


ACCESS_FORM: Final = _Access()
FORMS: Final[tuple[Form, ...]] = (ACCESS_FORM, _Resources({}))
