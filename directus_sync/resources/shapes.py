"""How files write the rows of each kind: which columns they must name, and which values need no line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from directus_sync.resources.access_kinds import POLICY, ROLE
from directus_sync.resources.items import Row
from directus_sync.resources.studio_kinds import DASHBOARD, FLOW, OPERATION, PANEL, PRESET
from directus_sync.yaml_files.tree import Node

# The types of a column, and their name for messages. Other columns are texts.
_TYPES: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    **dict.fromkeys(("refresh_interval", "auth_login_attempts"), ((int,), "a whole number")),
    "show_header": ((bool,), "true or false"),
    **dict.fromkeys(
        (
            "filter", "layout_query", "layout_options", "options", "theme_light_overrides", "theme_dark_overrides",
            "module_bar", "storage_asset_presets", "custom_aspect_ratios", "basemaps",
        ),
        ((dict, list), "a mapping or a list"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """How a file writes a row of one kind.

    required: columns that it must name. defaults: the other columns, with their values if it does not name them.
    pairs: keys that hold two columns as one list.
    """

    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    pairs: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def read(self, node: Node, *more: str) -> Row:
        """Return the columns of a row. more: other allowed keys, which the caller reads."""
        found = node.record((*self.required, *self.pairs), (*self.defaults, *more))
        row = {**self.defaults}
        for name, value in found.items():
            if name in self.pairs:
                row.update(zip(self.pairs[name], _pair(value), strict=True))
            elif name not in more:
                row[name] = checked(name, value)
        return row

    def write(self, row: Row, old: object) -> dict[str, Any]:
        """Return a row as a file has it. old: what the file had before; a line that states a default stays."""
        stated = old if isinstance(old, Mapping) else {}
        written = {name: row[name] for name in self.required}
        written |= {name: [row[one], row[other]] for name, (one, other) in self.pairs.items()}
        return written | {n: row[n] for n, default in self.defaults.items() if row[n] != default or n in stated}


def checked(name: str, node: Node) -> Any:
    """Return the value of a column. Refuses one that Directus would store as something else."""
    value = node.value
    if value is None:
        return value
    types, what = _TYPES.get(name, ((str,), "a text"))
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise node.fault(f"must be {what}")
    return value


def _pair(node: Node) -> tuple[int, int]:
    value = node.value
    if not isinstance(value, list) or len(value) != 2 or not all(type(each) is int for each in value):
        raise node.fault("must be a list of two whole numbers")
    return value[0], value[1]


SHAPES: Final[Mapping[str, Shape]] = {
    ROLE: Shape(("id", "name"), {"icon": "supervised_user_circle", "description": None, "parent": None}),
    POLICY: Shape(
        ("id", "name"),
        {
            "icon": "badge",
            "description": None,
            "ip_access": None,
            "enforce_tfa": False,
            "admin_access": False,
            "app_access": False,
        },
    ),
    PRESET: Shape(
        defaults={
            "icon": "bookmark",
            "color": None,
            "search": None,
            "filter": None,
            "layout": "tabular",
            "layout_query": None,
            "layout_options": None,
            "refresh_interval": None,
        }
    ),
    DASHBOARD: Shape(("id", "name"), {"icon": "dashboard", "color": None, "note": None}),
    PANEL: Shape(
        ("type",),
        {"show_header": True, "icon": None, "color": None, "note": None, "options": None},
        {"position": ("position_x", "position_y"), "size": ("width", "height")},
    ),
    FLOW: Shape(
        ("id", "name"),
        {
            "icon": None,
            "color": None,
            "description": None,
            "status": "active",
            "trigger": None,
            "accountability": "all",
            "options": None,
        },
    ),
    OPERATION: Shape(("id", "type"), {"name": None, "options": None}, {"position": ("position_x", "position_y")}),
}
