"""What the Studio shows, as files: settings, lists, dashboards, flows, words. Read, checked, written. No network.

`settings.yaml`; `presets/<collection>.yaml`; `dashboards/` and `flows/`, a file each; `translations/<language>.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from directus_sync.resources.declared import ROLE
from directus_sync.resources.declared_resources import PRESETS, RESOURCES
from directus_sync.resources.findings import Finding
from directus_sync.resources.items import Resource
from directus_sync.resources.kinds import Family, Found, Place
from directus_sync.resources.studio import lint, reading
from directus_sync.schema.snapshot import Snapshot


@dataclass(frozen=True)
class Loaded:
    """What the files say, and what is wrong with them."""

    items: tuple[Resource, ...]
    findings: tuple[Finding, ...]


def load(folder: Path, schema: Snapshot, roles: Mapping[str, str]) -> Loaded:
    """Read and check a folder. schema: the snapshot that the files are for. roles: the ids of the access files' roles.

    Raises InvalidResources for what can't be read.
    """
    items = reading.parse(folder, reading.contents(folder), roles)
    return Loaded(items, tuple(lint.findings(items, schema)))


def family(roles: Mapping[str, str]) -> Family:
    """Return the family as files name its rows: roles by their names. Lists of any other role are not looked at."""
    names = {(ROLE, key): name for name, key in roles.items()}

    def of_other_roles(rows: Sequence[Found]) -> frozenset[Place]:
        lists = [f for f in rows if f.kind is PRESETS and f.row["role"] is not None]
        return frozenset((f.kind.name, str(f.primary)) for f in lists if (ROLE, str(f.row["role"])) not in names)

    return replace(RESOURCES, names=names, ignored=of_other_roles)
