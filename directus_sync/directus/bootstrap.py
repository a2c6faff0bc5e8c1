"""Directus's own tables: created and upgraded by `directus bootstrap`."""

from __future__ import annotations

import math
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from directus_sync.directus.program import how_it_ended, no_extensions, spawn, tail
from directus_sync.errors import BootstrapFailed
from directus_sync.settings import Settings

BOOTSTRAP_SECONDS: Final = 600.0

# Each Directus takes 300 MiB, and the database may be on the same machine.
ROOM_BYTES: Final = 1 << 30
# Of control groups, version 2 and 1: the most that a container may have, and what it uses.
_LIMITS: Final = tuple(
    (Path("/sys/fs/cgroup", limit), Path("/sys/fs/cgroup", used))
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    )
)


def bootstrap(settings: Settings) -> None:
    """Run `directus bootstrap`: create or upgrade Directus's own tables, and the first administrator.

    Raises BootstrapFailed with the end of its output.
    """
    with tempfile.TemporaryFile() as log, spawn(settings, "bootstrap", no_extensions(settings), log) as process:
        try:
            process.wait(BOOTSTRAP_SECONDS)
            how = None if process.returncode == 0 else how_it_ended(process)
        except subprocess.TimeoutExpired:
            how = f"did not end within {BOOTSTRAP_SECONDS:g} s"
        if how is not None:
            raise BootstrapFailed(
                f"directus bootstrap {how}",
                where=tail(log),
                next="fix what its output says and run again; that is safe",
            )


def has_room_for_two() -> bool:
    """Tell whether this machine or container has the memory for a second Directus during a bootstrap."""
    limits = [_number(limit) - _number(used) for limit, used in _LIMITS if limit.is_file() and used.is_file()]
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    available = re.search(r"^MemAvailable: +(\d+) kB$", meminfo, re.MULTILINE)
    return min([int(available[1]) * 1024 if available else 0, *limits]) >= ROOM_BYTES


def _number(path: Path) -> float:
    text = path.read_text(encoding="ascii").strip()
    return math.inf if text == "max" else int(text)
