"""The parts that --only can select. Imports no other module of the tool, because every command loads this one."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Part(Enum):
    """The schema, or the name of a family of resources."""

    SCHEMA = "schema"
    ACCESS = "access"
    RESOURCES = "resources"


EVERYTHING: Final = frozenset(Part)
