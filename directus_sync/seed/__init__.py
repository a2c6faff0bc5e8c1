"""Seeding: reads the rows of seed files, plans all changes, then writes them to Directus. See docs/seeds.md."""

from enum import Enum


class Action(Enum):
    """What seeding does with a row.

    UPDATE: write the values that changed in the file, unless somebody edited them in Directus.
    OVERWRITE: `--force` also replaces values that were edited in Directus.
    LEAVE: the row differs only in values that were edited in Directus, and stays as it is.
    """

    CREATE = "create"
    UPDATE = "update"
    OVERWRITE = "overwrite"
    LEAVE = "leave"
    NONE = "none"
