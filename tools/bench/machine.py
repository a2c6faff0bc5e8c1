"""The conditions of a run: the machine, its load before the run, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tools.bench import npm, templates
from tools.bench.bench_setup import BenchSetup
from tools.devstack import node


@dataclass(frozen=True)
class Machine:
    """The conditions of a run. load: the average over the minute before the run."""

    day: date
    cores: int
    gibibytes: int
    load: float
    versions: Mapping[str, str]


def look(bench: BenchSetup) -> Machine:
    """Return the current conditions."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    postgres = str(bench.databases.value("postgres", "SHOW server_version")).split()[0]
    timescale = "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
    return Machine(
        day=datetime.now(UTC).date(),
        cores=len(os.sched_getaffinity(0)),
        gibibytes=round(memory / 2**30),
        load=os.getloadavg()[0],
        versions={
            "directus-sync, this tool": importlib.metadata.version("directus-sync"),
            "Python": platform.python_version(),
            "Directus": templates.directus_version(bench.root),
            "Node.js": node.version(),
            "PostgreSQL": postgres,
            "TimescaleDB": str(bench.databases.value("postgres", timescale)),
            "npm's directus-sync": npm.version(bench.root),
        },
    )
