"""Who may do what, as files that people write: read, checked, compiled to rows, folded back. No network, no database.

`access.yaml` has roles and policies; `collections/<name>.yaml` says what each policy may do with one collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from directus_sync.resources.access import compiling, lint, reading
from directus_sync.resources.access.model import Access
from directus_sync.resources.findings import Finding
from directus_sync.resources.items import Resource
from directus_sync.schema.snapshot import Snapshot


@dataclass(frozen=True)
class Loaded:
    """The files, what they compile to, and what is wrong with them."""

    access: Access
    items: tuple[Resource, ...]
    findings: tuple[Finding, ...]


def load(folder: Path, schema: Snapshot) -> Loaded:
    """Read, compile and check a folder. schema: the snapshot that the files are for.

    Raises InvalidAccess for what can't be read; `findings.require_none` raises for findings.
    """
    access = reading.read(folder)
    items = compiling.compiled(access, schema)
    return Loaded(access, items, lint.findings(access, schema, items))
