"""Rows that belong to the product, from files to Directus: read, planned in full, then written. docs/seeds.md."""

from enum import Enum


class Action(Enum):
    """What becomes of a row.

    UPDATE: it gets values that changed in the file, and that nobody changed in Directus. OVERWRITE: `--force` also
    replaces what somebody changed there. LEAVE: it differs, because somebody did, and stays as it is.
    """

    CREATE = "create"
    UPDATE = "update"
    OVERWRITE = "overwrite"
    LEAVE = "leave"
    NONE = "none"
