"""Rows that belong to the product, from files to Directus: read, planned in full, then written. docs/seeds.md."""

from enum import Enum


class Action(Enum):
    """What becomes of a row."""

    CREATE = "create"
    OVERWRITE = "overwrite"
    LEAVE = "leave"
    NONE = "none"
