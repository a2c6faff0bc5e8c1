"""The attic: copies data that a push is about to delete to schema `attic` of the same database, and restores it.

A copy's rows and its entry in the register are committed together, so a copy with an entry is complete. The next run
drops what has no entry. Restoring deletes no copy; `purge` does.
"""

from directus_sync.attic.fitting import Rejected
from directus_sync.attic.keeping import discard, finish, keep, keep_rows, purge, sweep
from directus_sync.attic.registry import AtticItem, Copy, Taking, listing, overdue
from directus_sync.attic.restoring import Restored, restore, restore_all

__all__ = [
    "AtticItem", "Copy", "Rejected", "Restored", "Taking",
    "discard", "finish", "keep", "keep_rows", "listing", "overdue", "purge", "restore", "restore_all", "sweep",
]  # fmt: skip
