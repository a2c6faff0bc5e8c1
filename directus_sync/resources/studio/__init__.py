"""The resource files, which set up the Studio: reads, checks and writes them. No network.

`settings.yaml`; `presets/<collection>.yaml`; `dashboards/` and `flows/`, a file each; `translations/<language>.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from directus_sync.resources.access_kinds import ROLE
from directus_sync.resources.kinds import Family, LiveRow, Place
from directus_sync.resources.studio_kinds import PRESETS, STUDIO


def family(roles: Mapping[str, str]) -> Family:
    """Return the family with the names of these roles. Presets of any other role are ignored."""
    names = {(ROLE, key): name for name, key in roles.items()}

    def of_other_roles(rows: Sequence[LiveRow]) -> frozenset[Place]:
        lists = [f for f in rows if f.kind is PRESETS and f.row["role"] is not None]
        return frozenset((f.kind.name, str(f.primary)) for f in lists if (ROLE, str(f.row["role"])) not in names)

    return replace(STUDIO, names=names, ignored=of_other_roles)
