"""The parts of what is compared and pushed, which --only chooses from. Loads nothing: every command needs the names."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Part(Enum):
    """The schema, or a family of resources by its name."""

    SCHEMA = "schema"
    ACCESS = "access"
    RESOURCES = "resources"


EVERYTHING: Final = frozenset(Part)
