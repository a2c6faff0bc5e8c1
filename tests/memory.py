"""Chooses where copies of databases are stored: in memory if there is enough of it.

ext4 does not reuse the inode of a removed file for a minute, but checks all of them whenever it creates a file. A copy
creates and removes 700 files, which costs 0.15 s of CPU on ext4 and 0.02 s in memory.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.databases import Database

FOLDER: Final = Path("/dev/shm")
# In bytes. A copy takes 23 MB, and about 50 exist at most at a time.
ENOUGH: Final = 4 << 30
NAME: Final = "memory"
ELSEWHERE: Final = "pg_default"
INSIDE: Final = """
SELECT datname FROM pg_database JOIN pg_tablespace t ON t.oid = dattablespace WHERE spcname = 'memory'"""


def tablespace(environ: Mapping[str, str]) -> str:
    """Return the tablespace for copies; create it if it is missing."""
    if os.environ.get("TEST_SERVER") or _free() < ENOUGH:
        return ELSEWHERE
    with Database("postgres", environ).connect() as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (NAME,))
        place = connection.execute(
            "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = %s", (NAME,)
        ).fetchone()
        is_there = place is not None and any(Path(place[0]).glob("PG_*"))
        _drop_left(connection, everything=not is_there)
        if not is_there:
            connection.execute(f"DROP TABLESPACE IF EXISTS {NAME}")
            connection.execute(f"CREATE TABLESPACE {NAME} LOCATION '{_folder(connection)}'")
    return NAME


def _free() -> int:
    if not FOLDER.is_dir():
        return 0
    found = re.search(r"^MemAvailable: *(\d+) kB$", Path("/proc/meminfo").read_text(encoding="ascii"), re.M)
    return min(shutil.disk_usage(FOLDER).free, 1024 * int(found[1]) if found else 0)


def _drop_left(connection: psycopg.Connection[Any], *, everything: bool) -> None:
    """Drop the databases that killed tests left behind, or all of them after a reboot."""
    for (name,) in connection.execute(INSIDE).fetchall():
        process = re.fullmatch(r"test_[a-z]+\d*_(\d+)_.*", name)
        if everything or (process and not Path("/proc", process[1]).exists()):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _folder(connection: psycopg.Connection[Any]) -> Path:
    """Make a folder that the server's user owns, and remove the files of an earlier server in the same place."""
    ((data,),) = connection.execute("SHOW data_directory").fetchall()
    folder = FOLDER / f"trm-tests-{hashlib.sha256(data.encode()).hexdigest()[:12]}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    owner = Path(data).stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    return folder
