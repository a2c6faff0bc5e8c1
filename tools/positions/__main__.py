"""The command line of `python -m tools.positions`. Owns options, wording and exit codes; track.py makes the fixes."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from psycopg2 import extensions

from directus_sync import settings
from directus_sync.errors import SyncError
from directus_sync.postgres import database
from tools.positions import store, track
from tools.positions.track import Fault, Fix

DESCRIPTION: Final = """\
Write a demonstration track to the table positions. A vehicle drives from Tirana to Shkodër and back, and each of its
devices reports a fix a second, with noise. Some stretches are marked as faulty:
"""
EXAMPLES: Final = """\
examples:
  python -m tools.positions                              write an hour of the test entry's three devices
  python -m tools.positions --minutes 5 --dry-run        print what five minutes would add, write nothing
  python -m tools.positions --devices 350000000003011 --start 2026-06-07T09:30+02:00

The same options give the same fixes. A fix that exists stays as it is, so running again adds nothing. To replace
the fixes of a device, delete them first: DELETE FROM positions WHERE device_id = '...'.

DB_HOST and the other settings name the database, in the environment or in .env; `make positions` uses the local stack.
Exit status: 0 done, 1 failed, 2 wrong usage, or the database is not ready, 3 a dry run would write something.
"""
# The morning of the event's first day.
START: Final = "2026-06-06T08:00+02:00"
MOST_MINUTES: Final = 24 * 60


def main(arguments: Sequence[str]) -> int:
    """Write the fixes, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with database.connect(settings.load(), "positions") as connection:
            # psycopg2 cannot COPY while a wait callback is set.
            extensions.set_wait_callback(None)
            with connection.cursor() as cursor:
                cursor.execute(database.IN_PUBLIC)
            store.require_positions(connection)
            devices = list(dict.fromkeys(options.devices or store.devices_of_test_entry(connection)))
            fixes = list(track.fixes(devices, options.start, options.minutes * 60, options.seed))
            added = store.write(connection, fixes, keep=not options.dry_run)
    except SyncError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(summary(fixes, added, dry_run=options.dry_run))
    return 3 if options.dry_run and added else 0


def summary(fixes: Sequence[Fix], added: int, *, dry_run: bool) -> str:
    """Describe the fixes, and how many of them are new."""
    by_device: dict[str, list[Fix]] = {}
    for fix in fixes:
        by_device.setdefault(fix.device_id, []).append(fix)
    lines = [
        f"  {device}  {each[0].ts.isoformat()} to {each[-1].ts.isoformat()}: {len(each)} fixes, {_faulty(each)}"
        for device, each in by_device.items()
    ]
    written = "Would write" if dry_run else "Wrote"
    lines.append(f"{written} {added} positions, {len(fixes) - added} exist already")
    return "".join(f"{line}\n" for line in lines)


def _faulty(fixes: Sequence[Fix]) -> str:
    stretches = Counter(fault for fault, _ in groupby(fix.fault for fix in fixes) if fault)
    listed = ", ".join(f"{fault.name.lower()} {stretches[fault]}" for fault in Fault)
    return f"{sum(fix.fault is not None for fix in fixes)} of them faulty (stretches: {listed})"


def _parser() -> argparse.ArgumentParser:
    faults = "".join(f"  {fault.name.lower():8}{fault.value}\n" for fault in Fault)
    parser = argparse.ArgumentParser(
        "python -m tools.positions",
        description=DESCRIPTION + faults,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--devices", nargs="+", type=_imei, metavar="IMEI", help="default: the test entry's devices")
    parser.add_argument("--start", type=_time, default=START, metavar="TIME", help=f"the first fix (default: {START})")
    parser.add_argument("--minutes", type=_minutes, default=60, metavar="N", help="length of the drive (default: 60)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="each seed is another drive (default: 1)")
    parser.add_argument("--dry-run", action="store_true", help="write nothing; exit with 3 if there are new fixes")
    return parser


def _imei(text: str) -> str:
    if not re.fullmatch(r"[0-9]{15}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an IMEI: an IMEI has 15 digits")
    return text


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; write it as {START}") from error
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone; write it as {START}")
    return time


def _minutes(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_MINUTES}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
