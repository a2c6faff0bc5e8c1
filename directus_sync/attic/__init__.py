"""Copies of what a push is about to destroy, kept in schema `attic` of the same database, and how they go back.

A copy is whole or not there: its entry comes with its rows. What has no entry is dropped by the next run. Only `purge`
deletes a copy.
"""

from directus_sync.attic.fitting import Rejected
from directus_sync.attic.keeping import discard, finish, keep, keep_rows, purge, sweep
from directus_sync.attic.registry import AtticItem, Copy, Taking, listing, overdue
from directus_sync.attic.restoring import Restored, restore, restore_all

__all__ = [
    "AtticItem", "Copy", "Rejected", "Restored", "Taking",
    "discard", "finish", "keep", "keep_rows", "listing", "overdue", "purge", "restore", "restore_all", "sweep",
]  # fmt: skip
